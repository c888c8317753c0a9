"""A generator that is suspended with a lock in its hand, and its own caller who wants the lock."""

from __future__ import annotations

from collections.abc import Iterator

from lab import Cause, Kit, LockLike, OutcomeKind, Scenario, Truth, Wait, Workers


def rows(lock: LockLike) -> Iterator[int]:
    with lock:
        yield 1
        yield 2


def faulty(kit: Kit) -> None:
    lock = kit.lock()
    table = rows(lock)
    next(table)
    with lock:  # lab: wants
        next(table)


def corrected(kit: Kit) -> None:
    lock = kit.lock()
    list(rows(lock))
    with lock:
        pass


def truth() -> Truth:
    return Truth(
        outcome=OutcomeKind.DEADLOCKED,
        cause=Cause.SELF_DEADLOCK,
        apparent=Cause.UNKNOWN,
        waits=(Wait("main", "wants", holder="main", hidden="a generator is on no stack"),),
    )


SCENARIO = Scenario(
    name="suspended-generator",
    title="A generator with a lock",
    plants="A generator holds the lock.",
    why="It is suspended.",
    cure="Exhaust it.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    variants=(Workers.THREADS,),
)
