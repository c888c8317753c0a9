"""A second look at threads that are in C code: the frames of that code, by ``py-spy --native``.

It stops the process while it reads, so it is done when asked for, and only where the first look did
not find what a thread waits for.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any

import msgspec

from lab.capture.command import run_tool
from lab.capture.pyspy import NAME, version
from lab.errors import LabError
from lab.model import CaptureReport, CaptureStatus, Snapshot

_MOST_FRAMES = 6


def with_native_frames(
    snapshot: Snapshot, pids: Collection[int], *, deadline_s: float = 10.0
) -> tuple[Snapshot, tuple[CaptureReport, ...]]:
    """Return ``snapshot`` with the innermost C frames of the threads of ``pids``, and how it went.

    Each of the processes is stopped for as long as the tool takes. Nothing is raised: what cannot
    be read is in the reports.
    """
    deadline = time.monotonic() + deadline_s
    captures, reports = [], []
    for capture in snapshot.processes:
        pid = capture.process.pid
        if pid in pids:
            frames, report = _read(pid, deadline)
            reports.append(report)
            threads = tuple(
                msgspec.structs.replace(one, native=frames.get(one.tid, ()))
                for one in capture.threads
            )
            capture = msgspec.structs.replace(capture, threads=threads)
        captures.append(capture)
    return msgspec.structs.replace(snapshot, processes=tuple(captures)), tuple(reports)


def _read(pid: int, deadline: float) -> tuple[dict[int, tuple[str, ...]], CaptureReport]:
    started = time.monotonic()
    reason, frames, text = "", {}, ""
    try:
        text = run_tool(
            NAME, ["dump", "--native", "--json", "--pid", str(pid)], pid=pid, deadline=deadline
        )
        frames = parse_native(text)
    except LabError as error:
        reason = error.line()
    took = time.monotonic() - started
    report = CaptureReport(
        name=f"C frames of process {pid}",
        tool=version(),
        status=CaptureStatus.FAILED if reason else CaptureStatus.OK,
        seconds=took,
        paused_s=None if reason else took,
        reason=reason,
        bytes=len(text),
    )
    return frames, report


def parse_native(text: str) -> dict[int, tuple[str, ...]]:
    """Return the C functions of each thread, by its id: those inside its innermost Python frame.

    Frames without a name are left out. Empty when the text is not what py-spy writes.
    """
    try:
        threads: list[dict[str, Any]] = msgspec.json.decode(text)
        return {one["os_thread_id"] or 0: _functions(one["frames"]) for one in threads}
    except (msgspec.DecodeError, KeyError, TypeError):
        return {}


def _functions(frames: list[dict[str, Any]]) -> tuple[str, ...]:
    found: list[str] = []
    for frame in frames:
        if frame["filename"].endswith(".py") or frame["filename"].startswith("<"):
            break
        if not frame["name"].startswith("0x"):
            found.append(frame["name"])
    return tuple(found[:_MOST_FRAMES])
