"""A producer that is killed in the middle of a put.

``Queue.put`` hands the item to a thread that writes it into a pipe, a long one in two pieces: its
length, then the rest. Between the two the producer is killed.
"""

from __future__ import annotations

from multiprocessing import Pipe
from typing import Any

from lab import (
    Cause,
    Kit,
    NoHolder,
    Observed,
    OutcomeKind,
    Parameter,
    Scenario,
    Truth,
    Wait,
    Workers,
)


def produce(items: Any, size: int) -> None:
    """Put one item, longer than the 16 KiB that are written in one piece."""
    items.put(bytes(size))


def send(channel: Any, size: int) -> None:
    """Send the same into a channel of one's own."""
    channel.send(bytes(size))


def faulty(kit: Kit, size: int) -> None:
    """Let two producers share a queue, and take one item from each."""
    items = kit.queue()
    crew = [kit.worker(produce, items, size, name=f"worker-{i}") for i in (1, 2)]
    crew[0].start()
    crew[0].join()
    crew[1].start()
    for _ in crew:
        items.get()  # lab: gets


def corrected(kit: Kit, size: int) -> None:
    """Give each producer a pipe; whoever dies closes only that."""
    received = lost = 0
    readers = []
    for number in (1, 2):
        reader, writer = Pipe(duplex=False)
        worker = kit.worker(send, writer, size, name=f"worker-{number}")
        worker.start()
        writer.close()  # else our own copy would keep the pipe open after the worker's death
        readers.append(reader)
    for reader in readers:
        try:
            reader.recv()
            received += 1
        except (EOFError, OSError):  # the end of the file, before or within an item
            lost += 1
        reader.close()
    kit.observe("items received", received)
    kit.observe("items lost", lost)


def truth(size: int) -> Truth:
    """The reader waits for the rest of the item, the other producer for the lock on the pipe."""
    del size
    return Truth(
        OutcomeKind.DEADLOCKED,
        Cause.ABANDONED_LOCK,
        (
            Wait("main", at="gets"),
            Wait("QueueFeederThread in worker-2", at=None, no_holder=NoHolder.DEAD_PROCESS),
        ),
    )


def healthy(size: int) -> Truth:
    """One item comes, and the loss of the other is known."""
    del size
    return Truth(
        OutcomeKind.EXITED,
        observed=(Observed("items received", 1, 1), Observed("items lost", 1, 1)),
    )


SCENARIO = Scenario(
    name="half-put",
    title="Killed in the middle of a put",
    plants="A producer dies between the length of its item and the item.",
    why=(
        "All producers write into one pipe, one at a time by a lock. After the kill half an item "
        "is in the pipe and the lock is taken for ever: the reader waits for the other half, "
        "every other producer for the lock, and each looks like the culprit. Threads have no "
        "such pipe: their queue holds the object itself, and a kill ends reader and writer both."
    ),
    cure="Give each producer a pipe of its own; its death closes that, and the reader is told.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    healthy=healthy,
    faults=("kill:worker-1@call:multiprocessing.connection.Connection._send#2",),
    parameters=(Parameter("size", 40_000, "bytes of an item", minimum=20_000, maximum=60_000),),
    variants=(Workers.PROCESSES,),
    tags=("killed", "queue"),
    claims=("P6", "T8"),
)
