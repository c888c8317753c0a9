"""Shared memory that is unlinked too early, by a resource tracker that means well.

``SharedMemory`` registers each block with a process that removes what is left over, and so does
everybody who attaches to one. A worker that was forked before its parent had a tracker starts one
of its own; when the worker ends, that tracker finds a block that was not unlinked, and unlinks it.
"""

from __future__ import annotations

import os
import select
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
from typing import Any

from lab import (
    Kit,
    Observed,
    OutcomeKind,
    Scenario,
    StartMethod,
    Truth,
    Workers,
)


def look_in(names: Any, trackers: Any) -> None:
    """Attach to the block, tell which process tracks it here, and let go of it."""
    memory = SharedMemory(names.get())
    memory.close()
    trackers.put(resource_tracker._resource_tracker._pid)  # type: ignore[attr-defined]
    trackers.close()
    trackers.join_thread()


def faulty(kit: Kit) -> None:
    """Fork first: the worker will have a tracker of its own."""
    lend(kit)


def corrected(kit: Kit) -> None:
    """Start the tracker first: the worker inherits it."""
    resource_tracker.ensure_running()
    lend(kit)


def lend(kit: Kit) -> None:
    """Lend a block to a worker; when it has ended, look whether the block is still there."""
    names, trackers = kit.queue(), kit.queue()
    worker = kit.worker(look_in, names, trackers, name="worker")
    worker.start()
    memory = SharedMemory(create=True, size=8)
    names.put(memory.name)
    tracker = trackers.get()
    own = resource_tracker._resource_tracker._pid  # type: ignore[attr-defined]
    ending = None if tracker in (None, own) else os.pidfd_open(tracker)
    worker.join()
    if ending is not None:
        select.select([ending], [], [])  # the tracker ends when it has tidied up
        os.close(ending)
    kit.observe("tries", 1)
    kit.observe("violations", int(is_gone(memory)))


def is_gone(memory: SharedMemory) -> bool:
    """Unlink the block, and say whether somebody had done so before."""
    memory.close()
    try:
        memory.unlink()
    except FileNotFoundError:
        resource_tracker.unregister(f"/{memory.name}", "shared_memory")
        return True
    return False


def truth() -> Truth:
    """The block is gone as soon as the worker is: it needs no bad luck."""
    observed = Observed("tries", 1, 1), Observed("violations", 1, 1)
    return Truth(OutcomeKind.EXITED, observed=observed)


def healthy() -> Truth:
    """The block is there until its owner unlinks it."""
    observed = Observed("tries", 1, 1), Observed("violations", 0, 0)
    return Truth(OutcomeKind.EXITED, observed=observed)


SCENARIO = Scenario(
    name="premature-unlink",
    title="Shared memory that is unlinked too early",
    plants="A worker's own resource tracker removes a block that belongs to its parent.",
    why=(
        "Who attaches to a block is taken for one of its owners. That is harmless where all have "
        "one tracker, which spawn and forkserver see to, and a fork once the tracker runs. A fork "
        "before that, or a program that was started by itself, has another one, and takes the "
        "block with it when it ends. Threads are one process and have one tracker. There is "
        "nothing to hunt: it goes wrong every time."
    ),
    cure="Start the tracker before the first fork, or attach with track=False (Python 3.13).",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    healthy=healthy,
    variants=(Workers.PROCESSES,),
    start_methods=(StartMethod.FORK,),
    tags=("race", "shared-memory"),
    claims=("P4", "T4", "T7"),
)
