"""Two readers that both want to become the writer.

A read-write lock lets many read, or one write. A reader that finds something to change asks for
the write lock, and keeps its read lock so that nothing can change in between. Two who do that wait
for each other to stop reading.
"""

from __future__ import annotations

import multiprocessing
from types import SimpleNamespace
from typing import Any

from lab import Cause, Kit, OutcomeKind, Parameter, Scenario, Truth, Wait


class ReadWriteLock:
    """Counts its readers. A writer keeps the condition's lock, so that none can begin."""

    def __init__(self, kit: Kit) -> None:
        self.changed = kit.condition()
        method = kit.variant.start_method
        context = multiprocessing.get_context(method) if method else None
        self.readers: Any = context.RawValue("i", 0) if context else SimpleNamespace(value=0)

    def begin_reading(self) -> None:
        """Be one of the readers."""
        with self.changed:
            self.readers.value += 1

    def end_reading(self) -> None:
        """Be none any more."""
        with self.changed:
            self.readers.value -= 1
            self.changed.notify_all()

    def upgrade_and_write(self) -> None:
        """Write as soon as no other reader is left."""
        with self.changed:
            while self.readers.value > 1:
                self.changed.wait()  # lab: waits

    def write(self) -> None:
        """Write as soon as no reader is left."""
        with self.changed:
            while self.readers.value > 0:
                self.changed.wait()


def read_then_write(guard: ReadWriteLock, all_read: Any) -> None:
    """Read, see that something has to be changed, and change it without letting go."""
    guard.begin_reading()
    all_read.wait()
    guard.upgrade_and_write()
    guard.end_reading()


def read_and_write(guard: ReadWriteLock, all_read: Any) -> None:
    """Read, let go, and write; what was read may have changed and has to be read again."""
    guard.begin_reading()
    all_read.wait()
    guard.end_reading()
    guard.write()


def faulty(kit: Kit, readers: int) -> None:
    """Let all readers upgrade."""
    work(kit, read_then_write, readers)


def corrected(kit: Kit, readers: int) -> None:
    """Let all of them give up the read lock first."""
    work(kit, read_and_write, readers)


def work(kit: Kit, way: Any, readers: int) -> None:
    """Run so many readers, which all read at the same time."""
    guard, all_read = ReadWriteLock(kit), kit.barrier(readers)
    crew = [
        kit.worker(way, guard, all_read, name=f"reader-{number}")
        for number in range(1, readers + 1)
    ]
    for reader in crew:
        reader.start()
    for reader in crew:
        reader.join()


def truth(readers: int) -> Truth:
    """Every reader waits until the others, of which the next is named here, stop reading."""
    return Truth(
        outcome=OutcomeKind.DEADLOCKED,
        cause=Cause.WAIT_CYCLE,
        apparent=Cause.UNSATISFIED_WAIT,
        waits=tuple(
            Wait(
                waiter=f"reader-{number}",
                at="waits",
                holder=f"reader-{number % readers + 1}",
                hidden="the lock counts its readers, and notes nowhere who they are",
            )
            for number in range(1, readers + 1)
        ),
    )


SCENARIO = Scenario(
    name="lock-upgrade",
    title="Two readers that both upgrade to a writer",
    plants="Each of two readers waits, with its read lock in hand, until the other stops reading.",
    why=(
        "An upgrade is a lock taken while another is held, though both have the same name. One "
        "reader at a time can do it, so that it works in every test with one. The standard library "
        "has no read-write lock, and every home-made one meets this question."
    ),
    cure="Give up the read lock before asking for the write lock, and look again after.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    parameters=(Parameter("readers", 2, "readers that upgrade", minimum=2, maximum=32),),
    tags=("deadlock", "lock", "condition"),
    claims=("T7", "T8", "P6"),
)
