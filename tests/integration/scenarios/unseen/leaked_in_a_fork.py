"""A forked child whose own thread leaks a lock, which the parent has as well, and free."""

from __future__ import annotations

import threading

from lab import Cause, Kit, NoHolder, OutcomeKind, Scenario, StartMethod, Truth, Wait, Workers

GUARD = threading.Lock()


def leak_and_want() -> None:
    thread = threading.Thread(target=GUARD.acquire)
    thread.start()
    thread.join()
    with GUARD:  # lab: wants
        pass


def want() -> None:
    with GUARD:
        pass


def faulty(kit: Kit) -> None:
    child = kit.worker(leak_and_want, name="child")
    child.start()
    child.join()


def corrected(kit: Kit) -> None:
    child = kit.worker(want, name="child")
    child.start()
    child.join()


def truth() -> Truth:
    hidden = "a plain lock does not say when it was taken"
    return Truth(
        outcome=OutcomeKind.DEADLOCKED,
        cause=Cause.ABANDONED_LOCK,
        apparent=Cause.UNKNOWN,
        waits=(Wait("child", "wants", no_holder=NoHolder.LEAKED, hidden=hidden),),
    )


SCENARIO = Scenario(
    name="leaked-in-a-fork",
    title="A lock leaked after the fork",
    plants="The child leaks it.",
    why="A thread takes it and ends.",
    cure="Release it.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    variants=(Workers.PROCESSES,),
    start_methods=(StartMethod.FORK,),
)
