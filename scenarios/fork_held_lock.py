"""A fork while another thread holds a lock.

A fork copies the memory of a process and one of its threads, the one that forks. A lock that
another thread holds at that moment is copied as taken, and who would release it is not copied. A
logging module with a lock of its own is where most programs meet this.
"""

from __future__ import annotations

import threading
from typing import Any

from lab import (
    Cause,
    Kit,
    NoHolder,
    OutcomeKind,
    Scenario,
    StartMethod,
    Truth,
    Wait,
    Workers,
)

journal: list[str] = []
journal_lock = threading.Lock()


def log(line: str) -> None:
    """Write one line at a time."""
    with journal_lock:  # lab: wants
        journal.append(line)


def log_slowly(writing: threading.Event, go_on: threading.Event) -> None:
    """Write a line to something slow, with the lock in hand."""
    with journal_lock:
        writing.set()
        go_on.wait()
        journal.append("written")


def faulty(kit: Kit) -> None:
    """Fork while the line is being written; the child logs one as well."""
    writing, go_on = threading.Event(), threading.Event()
    writer = threading.Thread(target=log_slowly, args=(writing, go_on), name="writer")
    writer.start()
    writing.wait()
    child = start(kit)
    go_on.set()
    writer.join()  # the parent's lock is free from here on, the child's copy never will be
    child.join()


def corrected(kit: Kit) -> None:
    """Fork first, and start threads then."""
    child = start(kit)
    writing, go_on = threading.Event(), threading.Event()
    writer = threading.Thread(target=log_slowly, args=(writing, go_on), name="writer")
    writer.start()
    go_on.set()
    writer.join()
    child.join()


def start(kit: Kit) -> Any:
    """Start a process that writes a line of the log."""
    child = kit.worker(log, "hello", name="child")
    child.start()
    return child


def truth() -> Truth:
    """The child waits for a lock that was copied, taken, by the fork."""
    return Truth(
        outcome=OutcomeKind.DEADLOCKED,
        cause=Cause.ABANDONED_LOCK,
        waits=(Wait(waiter="child", at="wants", no_holder=NoHolder.INHERITED_BY_FORK),),
    )


SCENARIO = Scenario(
    name="fork-held-lock",
    title="A fork while another thread holds a lock",
    plants="The child waits for a lock whose holder exists in the parent only.",
    why=(
        "A fork copies the locks as they are, but only one thread. It goes well as long as nobody "
        "holds one at that very moment, and the lock may be in a module that the author has never "
        "looked at. Threads share one lock and its holder with it; spawn and forkserver begin with "
        "a fresh interpreter, in which the lock is free."
    ),
    cure="Start processes before threads, or start them by spawn or forkserver.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    variants=(Workers.PROCESSES,),
    start_methods=(StartMethod.FORK,),
    tags=("deadlock", "lock", "fork"),
    claims=("P4", "T7", "T8", "P6"),
)
