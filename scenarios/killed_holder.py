"""A process that is killed while it holds a lock.

A lock of ``multiprocessing`` is a semaphore in shared memory: a number, and nobody's name. When its
holder is killed, no code of the holder runs any more, and the number stays as it is.
"""

from __future__ import annotations

import fcntl
import tempfile
from pathlib import Path
from typing import Any

import lab
from lab import (
    Cause,
    Kit,
    LockLike,
    NoHolder,
    Observed,
    OutcomeKind,
    Scenario,
    Truth,
    Wait,
    Workers,
)


def first(lock: LockLike, inside: Any) -> None:
    """Enter, and be killed there."""
    with lock:
        inside.set()
        lab.point("inside")


def second(lock: LockLike, done: Any) -> None:
    """Do the same work after it."""
    with lock:  # lab: wants
        done.set()


def faulty(kit: Kit) -> None:
    """Share a lock of ``multiprocessing``."""
    share(kit, kit.lock())


def corrected(kit: Kit) -> None:
    """Share a file lock: the kernel knows its holder, and releases it when that dies."""
    with tempfile.TemporaryDirectory() as directory:
        share(kit, FileLock(str(Path(directory, "lock"))))


class FileLock:
    """A lock that dies with its holder; see flock(2)."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._file: Any = None

    def __enter__(self) -> bool:
        self._file = Path(self.path).open("w")
        fcntl.flock(self._file, fcntl.LOCK_EX)
        return True

    def __exit__(self, *exc: object) -> None:
        self._file.close()


def share(kit: Kit, lock: Any) -> None:
    """Let the second worker come when the first is inside."""
    inside, done = kit.event(), kit.event()
    crew = [kit.worker(first, lock, inside, name="worker-1")]
    crew.append(kit.worker(second, lock, done, name="worker-2"))
    crew[0].start()
    inside.wait()
    crew[1].start()
    for worker in crew:
        worker.join()
    kit.observe("survivors finished", done.is_set())


def truth() -> Truth:
    """The survivor waits for a lock whose holder is dead."""
    wait = Wait("worker-2", at="wants", no_holder=NoHolder.DEAD_PROCESS)
    return Truth(OutcomeKind.DEADLOCKED, Cause.ABANDONED_LOCK, (wait,))


def healthy() -> Truth:
    """The survivor gets the lock."""
    return Truth(OutcomeKind.EXITED, observed=(Observed("survivors finished", 1, 1),))


SCENARIO = Scenario(
    name="killed-holder",
    title="A process killed while it holds a lock",
    plants="The holder of a lock gets a SIGKILL, and the next one waits for it for ever.",
    why=(
        "SIGKILL runs no with, no finally and no atexit, and a semaphore does not know who holds "
        "it: it stays taken for as long as it exists. Threads cannot have this fault: a kill ends "
        "their whole process, and the lock with it."
    ),
    cure="Use a lock that the kernel ties to its holder, such as flock on a file.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    healthy=healthy,
    faults=("kill:worker-1@inside",),
    variants=(Workers.PROCESSES,),
    tags=("killed", "lock"),
    claims=("P6", "T8"),
)
