"""A segment of shared memory whose maker is killed.

A segment has a name in ``/dev/shm`` and exists until somebody unlinks it. That is the task of
whoever made it.
"""

from __future__ import annotations

import contextlib
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any

import lab
from lab import Kit, Observed, OutcomeKind, Parameter, Scenario, Truth, Workers


def make(names: Any, size: int) -> None:
    """Make a segment, tell its name, and be killed before it is removed."""
    segment = SharedMemory(create=True, size=size)
    names.put(segment.name)
    names.close()
    names.join_thread()
    lab.point("made")
    segment.close()
    segment.unlink()


def use(name: str) -> None:
    """Use a segment that somebody else has made, and will remove."""
    segment = SharedMemory(name)
    lab.point("made")
    segment.close()


def left(name: str) -> bool:
    """Say whether the segment is still there."""
    return Path("/dev/shm", name).exists()


def faulty(kit: Kit, size: int) -> None:
    """Let the worker make the segment."""
    resource_tracker.ensure_running()  # ours; else a forked worker has its own, and that helps it
    names = kit.queue()
    worker = kit.worker(make, names, size, name="worker-1")
    worker.start()
    name = names.get()
    worker.join()
    kit.observe("left in /dev/shm", size if left(name) else 0, "bytes")
    remains = SharedMemory(name)  # the lesson itself leaves nothing
    remains.close()
    remains.unlink()


def corrected(kit: Kit, size: int) -> None:
    """Make and remove it in the parent, whose end is the end of the program."""
    segment = SharedMemory(create=True, size=size)
    with contextlib.closing(segment):
        worker = kit.worker(use, segment.name, name="worker-1")
        worker.start()
        worker.join()
    segment.unlink()
    kit.observe("left in /dev/shm", size if left(segment.name) else 0, "bytes")


def truth(size: int) -> Truth:
    """The segment is there when its maker is dead."""
    return Truth(OutcomeKind.EXITED, observed=(Observed("left in /dev/shm", size, size),))


def healthy(size: int) -> Truth:
    """Nothing is left."""
    del size
    return Truth(OutcomeKind.EXITED, observed=(Observed("left in /dev/shm", 0, 0),))


SCENARIO = Scenario(
    name="orphaned-segment",
    title="A segment of shared memory whose maker is killed",
    plants="A worker makes a segment and dies before it has unlinked it.",
    why=(
        "Shared memory is a file in memory: it belongs to no process, and none of its makers' "
        "deaths removes it. Python's resource tracker does so at the end of the whole program, "
        "with a warning; a server never comes to that end, and a tracker that was killed as well "
        "removes nothing. Threads share their memory as it is and leave no segment."
    ),
    cure="Let the process that lives longest make the segments and remove them.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    healthy=healthy,
    faults=("kill:worker-1@made",),
    parameters=(Parameter("size", 1 << 20, "bytes of the segment", minimum=1, maximum=1 << 26),),
    variants=(Workers.PROCESSES,),
    tags=("killed", "shared-memory"),
    claims=("P6", "T4"),
)
