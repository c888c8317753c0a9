"""How often the diagnosis is right, and how often it cries wolf: many repeats of both.

``LAB_REPEATS`` sets how many times each is tried; the numbers of record were made with 30. A
diagnosis that were wrong once in ten runs would pass 30 repeats with a probability of 4 %.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import scenarios.deadlock
from lab import procfs
from lab.capture.snapshot import take_snapshot
from lab.diagnose import diagnose
from lab.model import Diagnosis, Evidence
from lab.scenario import Cause
from lab.supervise import shim

REPEATS = int(os.environ.get("LAB_REPEATS", "2"))
SNAPSHOTS = int(os.environ.get("LAB_SNAPSHOTS", "10"))
VARIANTS = ["threads", "fork", "forkserver", "spawn"]
HEALTHY = Path(__file__).parents[2] / "integration" / "diagnose" / "programs" / "healthy.py"
DRIVER = """
import sys
from lab.kit import Kit
from lab.scenario import StartMethod, Variant, Workers
from scenarios import deadlock
if __name__ == "__main__":
    method = sys.argv[1]
    threads = method == "threads"
    variant = (
        Variant(Workers.THREADS) if threads else Variant(Workers.PROCESSES, StartMethod(method))
    )
    deadlock.faulty(Kit(variant), int(sys.argv[2]))
"""


def _tree(root: int) -> list[int]:
    return [root, *procfs.descendants(root)]


def _kill(program: subprocess.Popen[bytes]) -> None:
    doomed = _tree(program.pid)
    used = shim.shared_inodes(doomed)  # a killed resource tracker unlinks nothing
    program.kill()
    for pid in doomed[1:]:
        if procfs.stat(pid):
            os.kill(pid, 9)
    program.wait(10)
    end = time.monotonic() + 10
    while any((s := procfs.stat(pid)) and s.state != "Z" for pid in doomed[1:]):
        assert time.monotonic() < end
        time.sleep(0.01)
    shim.remove_shared(used, before=())


def _settle(root: int, workers: int) -> None:
    """Return when the workers are there and nothing has run for a while."""
    deadline = time.monotonic() + 30
    before, same = None, 0
    while same < 8 and time.monotonic() < deadline:
        threads = [(pid, tid) for pid in _tree(root) for tid in procfs.thread_ids(pid)]
        now = [(tid, procfs.runs(pid, tid)) for pid, tid in threads]
        # A thread that is ready and gets no CPU is no more still than one that runs.
        ready = any((s := procfs.stat(pid, tid)) and s.state == "R" for pid, tid in threads)
        same = same + 1 if now == before and not ready and len(now) > workers else 0
        before = now
        time.sleep(0.025)


def _deadlocks(method: str, workers: int) -> Iterator[Diagnosis]:
    root = Path(scenarios.deadlock.__file__).parents[1]
    for _ in range(REPEATS):
        program = subprocess.Popen([sys.executable, "-c", DRIVER, method, str(workers)], cwd=root)
        try:
            _settle(program.pid, workers)
            yield diagnose(take_snapshot(_tree(program.pid), taken_s=0.0)[0])
        finally:
            _kill(program)


def _marked(marker: str) -> int:
    lines = Path(scenarios.deadlock.__file__).read_text().splitlines()
    return next(n for n, line in enumerate(lines, 1) if f"# lab: {marker}" in line)


@pytest.mark.parametrize("workers", [2, 5])
@pytest.mark.parametrize("method", VARIANTS)
def test_the_planted_deadlock_is_named_every_time(method: str, workers: int) -> None:
    wanted = {
        (f"worker-{i + 1}", _marked("wants"), f"worker-{(i + 1) % workers + 1}", _marked("holds"))
        for i in range(workers)
    }
    best = {Evidence.SAME_OBJECT if method == "threads" else Evidence.CONFIRMED}
    for found in _deadlocks(method, workers):
        assert found.cause is Cause.LOCK_CYCLE
        labels = {actor.id: actor.label for actor in found.actors}
        edges = [edge for edge in found.edges if labels[edge.waiter] != "main"]
        assert wanted == {
            (labels[e.waiter], e.at.line, labels.get(e.holder or ""), e.held_at and e.held_at.line)
            for e in edges
        }
        assert {edge.evidence for edge in edges} == best


@pytest.mark.parametrize(
    "program", [["contended"], ["ordered_many"], ["impatient"], ["contended_processes", "fork"]]
)
@pytest.mark.parametrize("confirm", [True, False])
def test_no_false_alarm_in_many_looks_at_a_busy_program(program: list[str], confirm: bool) -> None:
    process = subprocess.Popen([sys.executable, str(HEALTHY), *program], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        assert process.stdout.readline().strip() == b"ready"
        for _ in range(SNAPSHOTS):
            shot, _ = take_snapshot(_tree(process.pid), taken_s=0.0, confirm=confirm)
            found = diagnose(shot)
            assert found.cycles == ()
            assert found.cause is Cause.NONE
            assert not [edge for edge in found.edges if edge.no_holder]
            assert not [edge for edge in found.edges if edge.holder == edge.waiter]
    finally:
        _kill(process)
        process.stdout.close()
