"""Two locks taken in opposite orders.

Each worker takes its own lock and then wants its neighbour's. With two workers that is the
classic inversion: one goes first-then-second, the other second-then-first. A barrier between the
two steps makes sure that everybody holds the first lock before anybody asks for the next, so the
deadlock happens on every run and not on a bad day only.
"""

from __future__ import annotations

from typing import Any

from lab import Cause, Kit, LockLike, OutcomeKind, Parameter, Scenario, Truth, Wait


def transfer(mine: LockLike, theirs: LockLike, everybody_holds_one: Any) -> None:
    """Move something from one locked place to another: both locks are needed."""
    with mine:  # lab: holds
        everybody_holds_one.wait()
        with theirs:  # lab: wants
            pass


def transfer_in_order(lower: LockLike, higher: LockLike, everybody_started: Any) -> None:
    """Do the same, with the locks always taken in one global order."""
    everybody_started.wait()
    with lower, higher:
        pass


def faulty(kit: Kit, workers: int) -> None:
    """Worker i takes lock i, then wants lock i + 1: the wants close a circle."""
    locks = [kit.lock() for _ in range(workers)]
    everybody_holds_one = kit.barrier(workers)
    crew = [
        kit.worker(
            transfer,
            locks[i],
            locks[(i + 1) % workers],
            everybody_holds_one,
            name=f"worker-{i + 1}",
        )
        for i in range(workers)
    ]
    for worker in crew:
        worker.start()
    for worker in crew:
        worker.join()


def corrected(kit: Kit, workers: int) -> None:
    """Each worker needs the same two locks as before, but takes the lower-numbered one first."""
    locks = [kit.lock() for _ in range(workers)]
    everybody_started = kit.barrier(workers)
    pairs = [sorted((i, (i + 1) % workers)) for i in range(workers)]
    crew = [
        kit.worker(
            transfer_in_order,
            locks[lower],
            locks[higher],
            everybody_started,
            name=f"worker-{i + 1}",
        )
        for i, (lower, higher) in enumerate(pairs)
    ]
    for worker in crew:
        worker.start()
    for worker in crew:
        worker.join()


def truth(workers: int) -> Truth:
    """Every worker waits for the lock that its neighbour has held since it entered."""
    return Truth(
        outcome=OutcomeKind.DEADLOCKED,
        cause=Cause.LOCK_CYCLE,
        waits=tuple(
            Wait(
                waiter=f"worker-{i + 1}",
                at="wants",
                holder=f"worker-{(i + 1) % workers + 1}",
                held_at="holds",
            )
            for i in range(workers)
        ),
    )


SCENARIO = Scenario(
    name="deadlock",
    title="Two locks taken in opposite orders",
    plants="Every worker holds one lock and waits for the one that its neighbour holds.",
    why=(
        "A lock is held until its holder lets go, and a holder that waits does not let go. When "
        "the waits form a circle, nobody in it can ever be the first to go on. Nothing fails and "
        "nothing is printed: the program only stops."
    ),
    cure="Take the locks in one global order, so that no circle can close.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    parameters=(Parameter("workers", 2, "workers, and as many locks", minimum=2, maximum=64),),
    tags=("deadlock", "lock"),
    claims=("T7", "T8", "P6"),
)
