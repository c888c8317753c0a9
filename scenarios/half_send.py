"""A sender that is killed in the middle of a message.

The reader of a pipe is told when the last writing end is closed. One that it holds itself, because
a pipe comes with both ends, keeps that from ever happening.
"""

from __future__ import annotations

from multiprocessing import Pipe
from typing import Any

from lab import (
    Cause,
    Kit,
    Observed,
    OutcomeKind,
    Parameter,
    Scenario,
    Truth,
    Wait,
    Workers,
)


def send(channel: Any, size: int) -> None:
    """Send one message, longer than the 16 KiB that are written in one piece."""
    channel.send(bytes(size))


def faulty(kit: Kit, size: int) -> None:
    """Read the message, and keep the writing end open as well."""
    reader, writer = Pipe(duplex=False)
    kit.worker(send, writer, size, name="sender").start()
    reader.recv()  # lab: receives
    writer.close()


def corrected(kit: Kit, size: int) -> None:
    """Close the writing end as soon as the sender has its own."""
    reader, writer = Pipe(duplex=False)
    kit.worker(send, writer, size, name="sender").start()
    writer.close()
    try:
        reader.recv()
        kit.observe("broken messages noticed", 0)
    except (EOFError, OSError):
        kit.observe("broken messages noticed", 1)
    reader.close()


def truth(size: int) -> Truth:
    """The reader waits for the rest of the message from a pipe that only itself holds open."""
    del size
    return Truth(OutcomeKind.DEADLOCKED, Cause.UNSATISFIED_WAIT, (Wait("main", at="receives"),))


def healthy(size: int) -> Truth:
    """The reader is told that the message is not whole."""
    del size
    return Truth(OutcomeKind.EXITED, observed=(Observed("broken messages noticed", 1, 1),))


SCENARIO = Scenario(
    name="half-send",
    title="Killed in the middle of a message",
    plants="A sender dies between the length of its message and the message.",
    why=(
        "A read ends with an end of file when nobody holds the writing end any more. The parent "
        "made the pipe and still has that end, and each worker that was forked later has it too: "
        "the death of the sender closes one copy of several. Threads share one process: a kill "
        "ends the reader with the sender."
    ),
    cure="Close in each process the end that it does not use, and be ready for a broken message.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    healthy=healthy,
    faults=("kill:sender@call:multiprocessing.connection.Connection._send#2",),
    parameters=(Parameter("size", 40_000, "bytes of the message", minimum=20_000, maximum=60_000),),
    variants=(Workers.PROCESSES,),
    tags=("killed", "message"),
    claims=("P6", "T8"),
)
