"""Real programs, started with a handshake, looked at from outside, and killed."""

from __future__ import annotations

import ctypes
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from lab import procfs
from lab.capture.snapshot import take_snapshot
from lab.diagnose import diagnose
from lab.model import CaptureReport, Diagnosis, Edge, Snapshot
from lab.supervise import shim

PROGRAMS = Path(__file__).parent / "programs"
_PATIENCE_S = 30.0
_SUBREAPER = 36
"""``PR_SET_CHILD_SUBREAPER`` of prctl(2): orphans of the programs become our children."""


@dataclass
class Seen:
    """What the lab saw of one program."""

    program: Path
    root: int
    snapshot: Snapshot
    reports: tuple[CaptureReport, ...]
    diagnosis: Diagnosis

    def line(self, marker: str) -> int:
        """Return the number of the line that ``#: marker`` is on."""
        lines = self.program.read_text().splitlines()
        found = [n for n, text in enumerate(lines, 1) if re.search(rf"#: {marker}(\s|$)", text)]
        assert len(found) == 1, f"marker {marker}: lines {found}"
        return found[0]

    def label(self, actor: str | None) -> str | None:
        """Return the name of an actor by its id."""
        return next((one.label for one in self.diagnosis.actors if one.id == actor), None)

    def edge(self, waiter: str, marker: str) -> Edge:
        """Return the one edge of ``waiter`` that is at the line of ``marker``."""
        line = self.line(marker)
        found = [
            edge
            for edge in self.diagnosis.edges
            if self.label(edge.waiter) == waiter and edge.at.line == line
        ]
        assert len(found) == 1, f"{waiter} at {marker}: {self.diagnosis.story}"
        return found[0]

    def holder(self, waiter: str, marker: str) -> tuple[str | None, int | None]:
        """Return the name of the holder and the line since which it holds."""
        edge = self.edge(waiter, marker)
        return self.label(edge.holder), edge.held_at.line if edge.held_at else None


def tree(root: int) -> list[int]:
    return [root, *procfs.descendants(root)]


def _wait_ready(program: subprocess.Popen[bytes]) -> None:
    assert program.stdout is not None
    readable, _, _ = select.select([program.stdout], [], [], _PATIENCE_S)
    assert readable, "the program was not ready in time"
    assert program.stdout.readline().strip() == b"ready"


def settle(root: int, *, looks: int = 6, pause_s: float = 0.02, at_most_s: float = 5.0) -> None:
    """Return when nothing in the tree has run for some looks in a row, or after a while."""
    deadline = time.monotonic() + at_most_s
    before, same = None, 0
    while same < looks and time.monotonic() < deadline:
        threads = [(pid, tid) for pid in tree(root) for tid in procfs.thread_ids(pid)]
        now = [(tid, procfs.runs(pid, tid)) for pid, tid in threads]
        # A thread that is ready and gets no CPU is no more still than one that runs.
        ready = any((s := procfs.stat(pid, tid)) and s.state == "R" for pid, tid in threads)
        same = same + 1 if now == before and not ready else 0
        before = now
        time.sleep(pause_s)


def _kill(roots: list[int]) -> None:
    """Kill whole trees and reap what they leave, orphans included."""
    doomed = [pid for root in roots for pid in tree(root)]
    used = shim.shared_inodes(doomed)  # a killed resource tracker unlinks nothing
    for pid in doomed:
        if procfs.stat(pid):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    for pid in doomed:
        while time.monotonic() < deadline:
            try:
                done, _ = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                break
            if done:
                break
            time.sleep(0.005)
    shim.remove_shared(used, before=())


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start ``programs/NAME`` with arguments and wait until it says that it is ready."""
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    started: list[subprocess.Popen[bytes]] = []

    def begin(name: str, *arguments: str) -> subprocess.Popen[bytes]:
        program = subprocess.Popen(
            [sys.executable, str(PROGRAMS / name), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        started.append(program)
        _wait_ready(program)
        return program

    try:
        yield begin
    finally:
        _kill([program.pid for program in started])
        for program in started:
            program.wait(10)
            assert program.stdout is not None
            program.stdout.close()
        ctypes.CDLL(None).prctl(_SUBREAPER, 0, 0, 0, 0)


@pytest.fixture
def look(start: Callable[..., subprocess.Popen[bytes]]) -> Callable[..., Seen]:
    """Run a program and diagnose it: when it is still, after ``at_most_s``, or ``at_once``."""

    def see(name: str, *arguments: str, at_once: bool = False, at_most_s: float = 5.0) -> Seen:
        root = start(name, *arguments).pid
        if not at_once:
            settle(root, at_most_s=at_most_s)
        snapshot, reports = take_snapshot(tree(root), taken_s=0.0)
        diagnosis = diagnose(snapshot)
        again = msgspec.json.decode(msgspec.json.encode(snapshot), type=Snapshot)
        assert diagnose(again) == diagnosis
        return Seen(PROGRAMS / name, root, snapshot, reports, diagnosis)

    return see
