"""A worker that is killed while a program that it has started still runs.

A kill reaches one process. Its children are not asked, and not told.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
from multiprocessing import Pipe
from typing import Any

import lab
from lab import Kit, Observed, OutcomeKind, Scenario, Truth, Workers

READS = "import sys; sys.stdin.read()"
"""A program that runs until its input ends."""


def start_helper(pids: Any, source: int | None) -> None:
    """Start a program, tell its pid, and be killed; its input is ``source``, or a pipe of ours."""
    stdin = subprocess.PIPE if source is None else source
    helper = subprocess.Popen([sys.executable, "-S", "-c", READS], stdin=stdin)
    pids.send(helper.pid)
    lab.point("started")
    helper.wait()


def faulty(kit: Kit) -> None:
    """Let the input of the helper be a pipe that does not end with the worker."""
    reader, writer = os.pipe()
    helper = run(kit, reader)
    kit.observe("helpers that outlive the worker", not has_ended(helper, 0))
    os.close(writer)


def corrected(kit: Kit) -> None:
    """Let it be a pipe that only the worker holds: its death is the end of the file."""
    helper = run(kit, None)
    kit.observe("helpers that outlive the worker", not has_ended(helper, None))


def run(kit: Kit, source: int | None) -> int:
    """Start the worker, wait for its death, and return a handle on its helper."""
    here, there = Pipe(duplex=False)
    worker = kit.worker(start_helper, there, source, name="worker-1")
    worker.start()
    helper = os.pidfd_open(here.recv())
    worker.join()
    return helper


def has_ended(helper: int, limit_ms: int | None) -> bool:
    """Say whether the helper ends within that time, or wait for its end; see pidfd_open(2)."""
    poller = select.poll()
    poller.register(helper, select.POLLIN)
    return bool(poller.poll(limit_ms))


def truth() -> Truth:
    """The helper goes on without the worker."""
    return Truth(OutcomeKind.EXITED, observed=(Observed("helpers that outlive the worker", 1, 1),))


def healthy() -> Truth:
    """It ends with the worker."""
    return Truth(OutcomeKind.EXITED, observed=(Observed("helpers that outlive the worker", 0, 0),))


SCENARIO = Scenario(
    name="orphans",
    title="A grandchild that outlives its killed parent",
    plants="A worker dies, and the program that it had started runs on under another parent.",
    why=(
        "The kernel gives orphans to init, or to the nearest subreaper, and lets them run: nothing "
        "in the tree of processes says that one serves another. Nobody is left who knows its pid. "
        "A helper that threads have started loses its parent only with the whole program."
    ),
    cure="Let a child hold the end of a pipe that its parent keeps open, and end when that ends.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    healthy=healthy,
    faults=("kill:worker-1@started",),
    variants=(Workers.PROCESSES,),
    tags=("killed", "orphan"),
    claims=("P6",),
)
