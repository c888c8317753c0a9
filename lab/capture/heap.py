"""What the allocation profilers saw, collected from outside after the target has ended.

The heap pass is a run of its own: a profiler changes the timing that the stacks are about. What
:mod:`lab.capture.tracker` left in the trial's directory is read here, each memray capture in a
process of its own with a deadline, so that a damaged file costs one figure and nothing else.

A heap profiler sees what the program asked for, not the pages it holds: memory that a forked
worker copies by writing to it shows in :mod:`lab.capture.footprint` only. And with the
GIL, memray counts what Python's allocator asks of the system, in pieces of up to 1 MiB: a worker
whose small objects fit into what was there already has a peak of 0. tracemalloc counts those.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from lab import procfs
from lab.capture.tracker import SIGNAL
from lab.errors import LabError, UsageError
from lab.model import CaptureReport, CaptureStatus, HeapUse

FOLDER = "heap"
TRACKER = "lab.capture.tracker:tracker"
REQUEST_LIMIT_S = 2.0
FLAMEGRAPHS_AT_MOST = 9
"""Pages that are drawn, of some 4.5 MB each: the main process and the first eight workers."""
_AT_ONCE = 2
_READER = str(Path(__file__).with_name("heapfile.py"))
_PAUSE_S = 0.005


class _Note(msgspec.Struct, frozen=True):
    """What the tracker in one process wrote about itself."""

    pid: int
    label: str
    tool: str
    why: str = ""
    error: str = ""


class _Share(msgspec.Struct, frozen=True):
    """One thread's part of the peak."""

    name: str
    peak: int = 0
    largest: tuple[tuple[str, int], ...] = ()


class _Figures(msgspec.Struct, frozen=True):
    """What tracemalloc in the target, or the reader of a memray capture, says of one process."""

    peak: int = 0
    allocations: int | None = None
    largest: tuple[tuple[str, int], ...] = ()
    threads: tuple[_Share, ...] = ()
    error: str = ""


class _CaptureError(LabError):
    """One capture could not be had; becomes its report."""


@dataclass(frozen=True)
class _Job:
    """One process of the target whose heap is to be reported."""

    note: _Note
    folder: Path
    run_root: Path
    until: float
    flamegraphs: bool
    draws: bool
    """Whether this process is one of those whose flame graph is drawn."""

    def path(self, kind: str) -> Path:
        """Return what the tracker left under this ending."""
        return self.folder / f"heap-{self.note.pid}.{kind}"

    def relative(self, path: Path) -> str:
        """Return ``path`` as it is named in records."""
        return path.relative_to(self.run_root).as_posix()

    def left_s(self) -> float:
        """Seconds until the deadline, never negative."""
        return max(0.0, self.until - time.monotonic())


def wrapper_for(directory: Path, *, tool: str = "auto") -> tuple[str, dict[str, Any]]:
    """Return the tracker's reference and arguments, for the target's start.

    ``directory`` is the trial's; a folder for the captures is made in it. ``tool`` is ``auto``,
    ``memray`` or ``tracemalloc``. Raises :class:`UsageError` when the folder cannot be made.
    """
    folder = directory.resolve() / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"cannot make {folder}: {error.strerror}", next_step="another --output DIR"
        ) from error
    return TRACKER, {"directory": str(folder), "tool": tool}


def request(pids: Iterable[int], *, directory: Path, deadline_s: float = REQUEST_LIMIT_S) -> None:
    """Have live processes write down what only they know. To be called just before the kill.

    tracemalloc keeps its figures inside the process, so each of ``pids`` that it measures is sent
    a signal that its tracker handles; memray needs nothing and is left alone. Returns when all
    have answered or after ``deadline_s``; whoever did not is reported as failed by
    :func:`collect`. A signal interrupts system calls, so whatever watches the target must be done.
    """
    folder = directory / FOLDER
    asked = [
        folder / f"heap-{note.pid}.figures"
        for note in _notes(folder, {*pids})
        if note.tool == "tracemalloc" and _ask(note.pid)
    ]
    until = time.monotonic() + deadline_s
    while time.monotonic() < until and not all(path.exists() for path in asked):
        time.sleep(_PAUSE_S)


def _ask(pid: int) -> bool:
    """Send the signal, but only to a process that handles it: any other one would die of it."""
    caught = int(procfs.status(pid).get("SigCgt", "0"), 16)
    if not caught >> (SIGNAL - 1) & 1:
        return False
    try:
        os.kill(pid, SIGNAL)
    except OSError:
        return False
    return True


def collect(
    directory: Path, *, run_root: Path, deadline_s: float, flamegraphs: bool = True
) -> tuple[tuple[HeapUse, ...], tuple[CaptureReport, ...]]:
    """Return what was seen in each process of the target, and how each capture went.

    ``directory`` is the one given to :func:`wrapper_for`, ``run_root`` the directory that
    artifacts are named from, ``deadline_s`` the seconds that all of it may take. With
    ``flamegraphs``, memray's page of each process is drawn beside its capture. The main process
    comes first. The threads of a process that ran several follow it, as its parts. Nothing is
    raised: a capture that cannot be had is a report that says why. Of a large crew only the first
    :data:`FLAMEGRAPHS_AT_MOST` processes are drawn.
    """
    folder, root = directory.resolve() / FOLDER, run_root.resolve()
    until = time.monotonic() + deadline_s
    jobs = [
        _Job(note, folder, root, until, flamegraphs, number <= FLAMEGRAPHS_AT_MOST)
        for number, note in enumerate(_notes(folder), 1)
    ]
    if not jobs:
        return (), (_failed("heap", "", "no process left a note: none came as far as a tracker"),)
    pool = ThreadPoolExecutor(_AT_ONCE)
    try:
        results = list(pool.map(_collect_one, jobs))
    finally:
        pool.shutdown(cancel_futures=True)  # on Ctrl-C: what has not begun is not begun
    uses = tuple(use for found, _ in results for use in found)
    reports = tuple(report for _, made in results for report in made)
    return uses, reports


def _notes(folder: Path, pids: set[int] | None = None) -> list[_Note]:
    """Return the notes of ``pids``, or of all: the main process first, then by name."""
    found = []
    for path in folder.glob("heap-*.note"):
        pid = int("0" + re.sub(r"\D", "", path.stem))
        try:
            found.append(msgspec.json.decode(path.read_bytes(), type=_Note))
        except (OSError, msgspec.MsgspecError) as error:
            found.append(_Note(pid, f"process {pid}", "", error=f"its note is damaged: {error}"))
    chosen = [note for note in found if pids is None or note.pid in pids]
    return sorted(chosen, key=lambda note: (note.label != "main", _natural(note.label), note.pid))


def _natural(label: str) -> list[tuple[int, str]]:
    """Return a key that puts ``worker-10`` after ``worker-9``."""
    words = re.findall(r"\d+|\D+", label)
    return [(int(word), "") if word.isdigit() else (-1, word) for word in words]


def _collect_one(job: _Job) -> tuple[list[HeapUse], list[CaptureReport]]:
    began = time.monotonic()
    name, tool = f"heap of {job.note.label}", job.note.tool
    try:
        if job.note.error:
            raise _CaptureError(job.note.error)
        memray = tool.startswith("memray")
        uses, artifact = _from_memray(job) if memray else _from_tracemalloc(job)
    except (_CaptureError, OSError) as error:
        return [], [_failed(name, tool, str(error), time.monotonic() - began)]
    done = CaptureReport(
        name=name,
        tool=tool,
        status=CaptureStatus.OK,
        seconds=time.monotonic() - began,
        reason=job.note.why,
        artifacts=(job.relative(artifact),),
        bytes=artifact.stat().st_size,
    )
    if not (memray and job.flamegraphs):
        return uses, [done]
    drawn = _draw(job, artifact) if job.draws else _not_drawn(job, artifact)
    uses[0] = msgspec.structs.replace(uses[0], flamegraph="".join(drawn.artifacts))
    return uses, [done, drawn]


def _from_memray(job: _Job) -> tuple[list[HeapUse], Path]:
    capture = job.path("bin")
    figures = _read_apart(job, "figures", capture)
    return [_whole(job, figures, capture), *_parts(job, figures.threads)], capture


def _whole(job: _Job, figures: _Figures, artifact: Path) -> HeapUse:
    return HeapUse(
        label=job.note.label,
        tool=job.note.tool,
        peak_bytes=figures.peak,
        allocations=figures.allocations,
        largest=figures.largest,
        artifact=job.relative(artifact),
    )


def _parts(job: _Job, threads: tuple[_Share, ...]) -> Iterator[HeapUse]:
    """Yield each thread's share of the peak; a worker that held nothing then has a share of 0."""
    shown = {thread.name for thread in threads}
    silent = [_Share(name) for name in _worker_threads(job) if name not in shown]
    if len(threads) + len(silent) < 2:
        return
    for thread in sorted([*threads, *silent], key=lambda one: _natural(one.name)):
        yield HeapUse(
            label=thread.name,
            part_of=job.note.label,
            tool=job.note.tool,
            peak_bytes=thread.peak,
            largest=thread.largest,
        )


def _worker_threads(job: _Job) -> list[str]:
    try:
        return job.path("threads").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def _from_tracemalloc(job: _Job) -> tuple[list[HeapUse], Path]:
    path = job.path("figures")
    try:
        figures = msgspec.json.decode(path.read_bytes(), type=_Figures)
    except FileNotFoundError as error:
        raise _CaptureError(
            "it ended without leaving its figures, which tracemalloc keeps inside the process: "
            "it was killed before it was asked, or its main thread was blocked outside Python"
        ) from error
    except (OSError, msgspec.MsgspecError) as error:
        raise _CaptureError(f"{path.name} is damaged: {error}") from error
    if figures.error:
        raise _CaptureError(figures.error)
    return [_whole(job, figures, path)], path


def _not_drawn(job: _Job, capture: Path) -> CaptureReport:
    return CaptureReport(
        name=f"flame graph of {job.note.label}",
        tool=job.note.tool,
        status=CaptureStatus.SKIPPED,
        seconds=0.0,
        reason=(
            f"only the first {FLAMEGRAPHS_AT_MOST} processes are drawn; for this one: "
            f"python -m memray flamegraph --no-web {job.relative(capture)}"
        ),
    )


def _draw(job: _Job, capture: Path) -> CaptureReport:
    began = time.monotonic()
    name = f"flame graph of {job.note.label}"
    slug = re.sub(r"[^A-Za-z0-9_-]+", "-", job.note.label)
    page = job.folder / f"flamegraph-{slug}-{job.note.pid}.html"
    try:
        _read_apart(job, "flamegraph", capture, str(page))
        size = page.stat().st_size
    except (_CaptureError, OSError) as error:
        page.unlink(missing_ok=True)
        return _failed(name, job.note.tool, str(error), time.monotonic() - began)
    return CaptureReport(
        name=name,
        tool=job.note.tool,
        status=CaptureStatus.OK,
        seconds=time.monotonic() - began,
        artifacts=(job.relative(page),),
        bytes=size,
    )


def _read_apart(job: _Job, action: str, capture: Path, *page: str) -> _Figures:
    """Run :mod:`lab.capture.heapfile` on a capture; raise :class:`_CaptureError` if it fails."""
    limit = job.left_s()
    seconds = str(int(limit) + 1)
    # -P: the folder of the script holds modules whose names must not shadow others.
    command = [sys.executable, "-P", _READER, action, str(capture), seconds, *page]
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=limit, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired as error:
        raise _CaptureError(f"{capture.name} could not be read in the time left") from error
    except OSError as error:
        raise _CaptureError(f"cannot start a reader: {error}") from error
    return _answer(done, capture)


def _answer(done: subprocess.CompletedProcess[bytes], capture: Path) -> _Figures:
    try:
        answer = msgspec.json.decode(done.stdout.splitlines()[-1], type=_Figures)
    except (IndexError, msgspec.MsgspecError) as error:
        raise _CaptureError(f"the reader of {capture.name} {_ending(done)}") from error
    if answer.error:
        raise _CaptureError(f"{capture.name}: {answer.error}")
    return answer


def _ending(done: subprocess.CompletedProcess[bytes]) -> str:
    last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
    if done.returncode < 0:
        return f"was ended by {signal.Signals(-done.returncode).name}"
    return f"ended with status {done.returncode}: {' '.join(last)}"


def _failed(name: str, tool: str, reason: str, seconds: float = 0.0) -> CaptureReport:
    return CaptureReport(
        name=name, tool=tool, status=CaptureStatus.FAILED, seconds=seconds, reason=reason
    )
