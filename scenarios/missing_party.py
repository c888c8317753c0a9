"""A barrier at which one party never arrives.

Everybody waits until the last one has come. One worker finds nothing to do, and leaves by a way
that does not lead past the barrier.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from lab import Cause, Kit, OutcomeKind, Parameter, Scenario, Truth, Wait


def compute(part: range, barrier: Any) -> int:
    """Add a part up, and meet the others before the result is used."""
    if not part:
        return 0
    total = sum(part)
    barrier.wait()  # lab: waits
    return total


def compute_or_break(part: range, barrier: Any) -> int:
    """Do the same, but let nobody wait for one who leaves."""
    if not part:
        barrier.abort()
        return 0
    total = sum(part)
    try:
        barrier.wait()
    except threading.BrokenBarrierError:
        return 0  # somebody left: there will be no common result
    return total


def faulty(kit: Kit, workers: int) -> None:
    """Give the last worker nothing to do."""
    divide(kit, compute, workers)


def corrected(kit: Kit, workers: int) -> None:
    """Give it nothing to do either, and have it say so."""
    divide(kit, compute_or_break, workers)


def divide(kit: Kit, way: Callable[[range, Any], int], workers: int) -> None:
    """Share the numbers out to all but the last worker, and wait for everybody."""
    barrier = kit.barrier(workers)
    parts = [range(i * 100, i * 100 + 100) for i in range(workers - 1)] + [range(0)]
    crew = [
        kit.worker(way, part, barrier, name=f"worker-{number}")
        for number, part in enumerate(parts, 1)
    ]
    for worker in crew:
        worker.start()
    for worker in crew:
        worker.join()


def truth(workers: int) -> Truth:
    """All but the last wait, and the last is gone."""
    return Truth(
        outcome=OutcomeKind.DEADLOCKED,
        cause=Cause.UNSATISFIED_WAIT,
        waits=tuple(Wait(waiter=f"worker-{i}", at="waits") for i in range(1, workers)),
    )


SCENARIO = Scenario(
    name="missing-party",
    title="A barrier at which one party never arrives",
    plants="One worker returns early, and all others wait for it at the barrier.",
    why=(
        "A barrier knows a number, not who is meant by it. Every return, exception or kill before "
        "the barrier takes a party away for good, and the others have no means to notice: who is "
        "missing is on nobody's stack."
    ),
    cure="Let whoever leaves early call abort(), so that the others get a BrokenBarrierError.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    parameters=(Parameter("workers", 3, "parties of the barrier", minimum=2, maximum=64),),
    tags=("deadlock", "barrier"),
    claims=("T7", "T8", "P6"),
)
