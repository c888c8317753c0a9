"""A finaliser, run by the garbage collector, that takes a lock its own thread already holds.

``__del__`` runs wherever the collector happens to run: inside any allocation, of any thread, also
of one that is in the middle of the very registry that the finaliser wants to change.
"""

from __future__ import annotations

import gc
from typing import Any

from lab import Cause, Kit, LockLike, OutcomeKind, Scenario, Truth, Wait


class Registry:
    """Counts what is open, under a lock."""

    def __init__(self, lock: LockLike) -> None:
        self.lock = lock
        self.open = 0
        self.closed: list[None] = []

    def report(self) -> str:
        """Say how many are open."""
        with self.lock:  # lab: holds
            gc.collect()  # stands for any allocation, which may start a collection
            return f"{self.open - len(self.closed)} open"


class Handle:
    """Takes itself out of the registry when it is thrown away."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.myself = self  # a circle, so that only the collector can find it
        registry.open += 1

    def __del__(self) -> None:
        with self.registry.lock:  # lab: wants
            self.registry.open -= 1


class NotingHandle(Handle):
    """Only leaves a note, which needs no lock: ``list.append`` is one step."""

    def __del__(self) -> None:
        self.registry.closed.append(None)


def throw_away_and_report(registry: Registry, kind: Any) -> None:
    """Lose a handle, then ask the registry for a report."""
    gc.disable()  # the collection shall come where the lesson wants it
    kind(registry)
    registry.report()
    gc.enable()


def faulty(kit: Kit) -> None:
    """Use handles that take the lock."""
    use(kit, Handle)


def corrected(kit: Kit) -> None:
    """Use handles that leave a note."""
    use(kit, NotingHandle)


def use(kit: Kit, kind: Any) -> None:
    """Have one worker use a handle of this kind."""
    registry = Registry(kit.lock())
    worker = kit.worker(throw_away_and_report, registry, kind, name="worker")
    worker.start()
    worker.join()


def truth() -> Truth:
    """The worker waits in the finaliser for what it took in the report."""
    return Truth(
        outcome=OutcomeKind.DEADLOCKED,
        cause=Cause.SELF_DEADLOCK,
        waits=(Wait(waiter="worker", at="wants", holder="worker", held_at="holds"),),
    )


SCENARIO = Scenario(
    name="finaliser",
    title="A finaliser that takes a lock its thread already holds",
    plants="The collector runs __del__ inside a block that holds the lock which __del__ takes.",
    why=(
        "A finaliser is called by nobody: it breaks into whatever its thread is doing, like a "
        "signal handler. Which line that is depends on how many objects were made before, so that "
        "the deadlock comes and goes with unrelated changes. One thread is enough for it."
    ),
    cure="Take no lock in a finaliser: leave a note and let the next ordinary call act on it.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    tags=("deadlock", "lock", "gc"),
    claims=("T7", "T8", "P6"),
)
