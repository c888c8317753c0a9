"""Two processes that each send before they receive, through pipes that are full.

A pipe is a buffer of some 64 KiB. Whoever writes more than fits waits until the other side reads;
and the other side does not read, because it is writing.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing.connection import Connection
from typing import Any

from lab import Cause, Kit, OutcomeKind, Parameter, Scenario, Truth, Wait, Workers

KIB = 1024


def talk(outgoing: Connection, incoming: Connection, both: Any, size_kib: int) -> None:
    """Say all there is to say, then listen."""
    both.wait()
    outgoing.send_bytes(b"x" * (size_kib * KIB))  # lab: sends
    incoming.recv_bytes()


def listen_first(outgoing: Connection, incoming: Connection, both: Any, size_kib: int) -> None:
    """Listen, then answer."""
    both.wait()
    incoming.recv_bytes()
    outgoing.send_bytes(b"x" * (size_kib * KIB))


def faulty(kit: Kit, size_kib: int) -> None:
    """Let both talk."""
    converse(kit, talk, size_kib)


def corrected(kit: Kit, size_kib: int) -> None:
    """Let one of them listen first."""
    converse(kit, listen_first, size_kib)


def converse(kit: Kit, way_of_the_second: Any, size_kib: int) -> None:
    """Join two processes by a pipe for each direction, and keep no end of them open here."""
    context = multiprocessing.get_context(kit.variant.start_method)
    (to_first, from_second), (to_second, from_first) = (
        context.Pipe(duplex=False),
        context.Pipe(duplex=False),
    )
    both = kit.barrier(2)
    pair = [
        kit.worker(talk, from_first, to_first, both, size_kib, name="first"),
        kit.worker(way_of_the_second, from_second, to_second, both, size_kib, name="second"),
    ]
    for worker in pair:
        worker.start()
    for end in (to_first, from_second, to_second, from_first):
        end.close()
    for worker in pair:
        worker.join()


def truth(size_kib: int) -> Truth:
    """Each waits for room in the pipe that only the other could empty."""
    del size_kib
    return Truth(
        outcome=OutcomeKind.DEADLOCKED,
        cause=Cause.WAIT_CYCLE,
        waits=(
            Wait(waiter="first", at="sends", holder="second"),
            Wait(waiter="second", at="sends", holder="first"),
        ),
    )


SCENARIO = Scenario(
    name="full-pipes",
    title="Two processes blocked on full pipes",
    plants="Each of two processes waits until the other reads, and neither reads.",
    why=(
        "Sending looks as if it did not wait, and with short messages it does not. The size of a "
        "kernel buffer decides whether the program works, and it differs between systems. After a "
        "fork not even the death of one frees the other, which has inherited both ends of the pipe "
        "that it writes to. Threads "
        "need no pipe, since they hand each other references; between them the same circle closes "
        "only through two bounded queues."
    ),
    cure="Agree who listens first; or receive in a thread of its own.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    parameters=(
        Parameter(
            "size_kib",
            1024,
            "size of a message, beyond the pipe's buffer",
            minimum=128,
            maximum=65536,
        ),
    ),
    variants=(Workers.PROCESSES,),
    tags=("deadlock", "pipe"),
    claims=("T4", "T7", "P6"),
)
