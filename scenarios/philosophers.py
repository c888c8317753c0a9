"""The dining philosophers of Dijkstra (EWD 310, 1971).

n philosophers sit at a round table with one fork between each two of them. A philosopher needs
both forks beside the plate, takes the left one first, and puts nothing down before the meal is
over. Once everybody has the left fork in hand, nobody will ever eat.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lab import Cause, Kit, LockLike, OutcomeKind, Parameter, Scenario, Truth, Wait


def dine(forks: Sequence[LockLike], seat: int, everybody_has_one: Any) -> None:
    """Take the left fork, then the right one."""
    left, right = seat, (seat + 1) % len(forks)
    with forks[left]:  # lab: left
        everybody_has_one.wait()
        with forks[right]:  # lab: right
            pass


def dine_by_leave(forks: Sequence[LockLike], seat: int, chairs: Any) -> None:
    """Sit down first, on one of the chairs, of which there is one too few."""
    left, right = seat, (seat + 1) % len(forks)
    with chairs, forks[left], forks[right]:
        pass


def faulty(kit: Kit, philosophers: int) -> None:
    """Lay the table and let everybody take the left fork at the same time."""
    serve(kit, philosophers, dine, kit.barrier(philosophers))


def corrected(kit: Kit, philosophers: int) -> None:
    """Put one chair fewer than there are plates."""
    serve(kit, philosophers, dine_by_leave, kit.semaphore(philosophers - 1))


def serve(kit: Kit, philosophers: int, way: Any, agreement: Any) -> None:
    """Let everybody dine in this way, and wait until the last one has eaten."""
    forks = [kit.lock() for _ in range(philosophers)]
    guests = [
        kit.worker(way, forks, seat, agreement, name=f"philosopher-{seat + 1}")
        for seat in range(philosophers)
    ]
    for guest in guests:
        guest.start()
    for guest in guests:
        guest.join()


def truth(philosophers: int) -> Truth:
    """Everybody waits for the fork that the neighbour on the right has as a left one."""
    return Truth(
        outcome=OutcomeKind.DEADLOCKED,
        cause=Cause.LOCK_CYCLE,
        waits=tuple(
            Wait(
                waiter=f"philosopher-{seat + 1}",
                at="right",
                holder=f"philosopher-{(seat + 1) % philosophers + 1}",
                held_at="left",
            )
            for seat in range(philosophers)
        ),
    )


SCENARIO = Scenario(
    name="dining-philosophers",
    title="The dining philosophers",
    plants="Everybody holds the left fork and waits for the right one, which the neighbour holds.",
    why=(
        "No two of them disagree about an order: each takes left, then right. It is the table that "
        "is round, so that the orders of all together form a circle. A deadlock may need many "
        "participants, and no review of one pair of them will find it."
    ),
    cure="Let one fewer sit down than there are plates: then somebody always gets both forks.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    parameters=(
        Parameter("philosophers", 5, "philosophers, and as many forks", minimum=2, maximum=64),
    ),
    tags=("deadlock", "lock"),
    claims=("T7", "T8", "P6"),
)
