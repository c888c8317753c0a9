"""A worker that runs out of file descriptors.

Each open file, pipe and socket is a number in a table of its process, and the table has an end.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lab import Kit, Observed, OutcomeKind, Parameter, Scenario, Truth, Variant, Workers

KEPT: list[int] = []
"""Where a careless program forgets its files."""


def read_all(done: Any, files: int) -> None:
    """Read files, and leave them open."""
    KEPT.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(files))
    done.set()


def read_each(done: Any, files: int) -> None:
    """Read files, and close each."""
    for _ in range(files):
        with Path(os.devnull).open() as file:
            file.read()
    done.set()


def faulty(kit: Kit, files: int) -> None:
    """Let two workers leave their files open."""
    run(kit, read_all, files)


def corrected(kit: Kit, files: int) -> None:
    """Let them close their files."""
    run(kit, read_each, files)


def run(kit: Kit, way: Any, files: int) -> None:
    """Run two workers, of which the limit is planted for the first."""
    finished = 0
    for name in ("worker-1", "worker-2"):
        done = kit.event()
        worker = kit.worker(way, done, files, name=name)
        worker.start()
        worker.join()
        finished += done.is_set()
    while KEPT:  # else there is not even a descriptor left to report with
        os.close(KEPT.pop())
    kit.observe("workers that read all files", finished)


def truth(variant: Variant, files: int) -> Truth:
    """The limit stops the process for which it is; or every thread."""
    del files
    spared = 1 if variant.workers is Workers.PROCESSES else 0
    return Truth(
        OutcomeKind.EXITED, observed=(Observed("workers that read all files", spared, spared),)
    )


def healthy(files: int) -> Truth:
    """Both read all their files."""
    del files
    return Truth(OutcomeKind.EXITED, observed=(Observed("workers that read all files", 2, 2),))


SCENARIO = Scenario(
    name="descriptor-limit",
    title="A worker that runs out of descriptors",
    plants="A worker's process may open 8 more files, and the worker leaves more of them open.",
    why=(
        "The table of descriptors belongs to the process. EMFILE then meets whoever opens "
        "something next: with threads another worker, or the lock of a queue, far from the place "
        "that leaks. The files that a thread forgot stay open when it has ended; those of a "
        "process are closed by the kernel."
    ),
    cure="Open files in a with block, so that each is closed where it was opened.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    healthy=healthy,
    faults=("files=8:worker-1@start",),
    parameters=(Parameter("files", 16, "files for each worker", minimum=9, maximum=500),),
    tags=("broken", "limit"),
    claims=("P6", "T4"),
)
