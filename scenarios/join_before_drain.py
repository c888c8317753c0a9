"""Joining a process before its queue is drained.

``put`` of a multiprocessing queue only hands the item to a feeder thread, which writes it into a
pipe. A process does not end before its feeder has written all, and the pipe takes some 64 KiB:
more has to be read by somebody. Here that is the parent, who waits for the process to end first.
"""

from __future__ import annotations

from typing import Any

from lab import Cause, Kit, OutcomeKind, Parameter, Scenario, Truth, Wait, Workers

KIB = 1024


def produce(results: Any, size_kib: int) -> None:
    """Put one large result and return; the process still has to write it."""
    results.put(b"x" * (size_kib * KIB))


def faulty(kit: Kit, size_kib: int) -> None:
    """Wait for the worker's end, then take what it has left."""
    results = kit.queue()
    worker = kit.worker(produce, results, size_kib, name="worker")
    worker.start()
    worker.join()  # lab: joins
    results.get()


def corrected(kit: Kit, size_kib: int) -> None:
    """Take the result first."""
    results = kit.queue()
    worker = kit.worker(produce, results, size_kib, name="worker")
    worker.start()
    results.get()
    worker.join()


def truth(size_kib: int) -> Truth:
    """The parent waits for the worker, that for its feeder, and that for somebody who reads."""
    del size_kib
    feeder = "QueueFeederThread in worker"
    return Truth(
        outcome=OutcomeKind.DEADLOCKED,
        cause=Cause.WAIT_CYCLE,
        waits=(
            Wait(waiter="main", at="joins", holder="worker"),
            Wait(waiter="worker", at=None, holder=feeder),
            Wait(waiter=feeder, at=None, holder="main"),
        ),
    )


SCENARIO = Scenario(
    name="join-before-drain",
    title="Joining a process before draining its queue",
    plants="The parent waits for a process that cannot end before the parent reads its queue.",
    why=(
        "The bug hides behind sizes: results that fit into the pipe's buffer never show it. No "
        "line of the worker's own code is on any stack by then, since its function has returned. "
        "Threads cannot have it: their queue keeps references in memory, and nothing has to be "
        "written for a thread to end."
    ),
    cure="Read all results before joining those who send them.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    parameters=(
        Parameter(
            "size_kib",
            1024,
            "size of the result, beyond the pipe's buffer",
            minimum=128,
            maximum=65536,
        ),
    ),
    variants=(Workers.PROCESSES,),
    tags=("deadlock", "queue", "pipe"),
    claims=("T4", "T7", "P6"),
)
