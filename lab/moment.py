"""A diagnosis of a live tree that the lab did not start and will not end.

Everything is read from outside and nothing is stopped where py-spy can read the interpreter. One
look says who waits for whom; several tell what is stuck from what is only slow.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from msgspec import structs

from lab import procfs
from lab.capture.native import with_native_frames
from lab.capture.snapshot import take_snapshot
from lab.diagnose import diagnose
from lab.errors import InconclusiveError, LabError, UsageError
from lab.model import (
    SCHEMA_VERSION,
    Actor,
    CaptureReport,
    CaptureStatus,
    Diagnosis,
    Dump,
    Frame,
    Motion,
    Snapshot,
    SourceLine,
    ThreadMoment,
    ThreadStack,
    ThreadWait,
)
from lab.supervise import Progress, Watchdog, keeper

PROOF_LIMIT_S = 0.3
"""How long to look for a proof: a tree that stands still needs three polls."""
_PAUSE_S = 0.01
_DEADLINE_S = 10.0

type Key = tuple[int, int]


@dataclass(frozen=True)
class Look:
    """A dump, and the whole snapshot that its diagnosis was drawn from."""

    dump: Dump
    snapshot: Snapshot
    reports: tuple[CaptureReport, ...]
    """How the last of the looks went."""


def look(
    pid: int,
    *,
    again: int = 0,
    interval_s: float = 1.0,
    settled: Collection[Key] = (),
    native: bool = False,
) -> Dump:
    """Return what the tree of ``pid`` is doing now.

    With ``again`` more looks follow, ``interval_s`` seconds apart, and each thread's motion is
    told. ``settled`` are threads, by pid and tid, of which it is known that they are stuck: they
    are left out, unless another thread is found to wait for them. With ``native`` the processes in
    which a wait was not recognised are stopped to read the frames of their C code. Raises
    :class:`UsageError` when there is no such process, and :class:`InconclusiveError` when not one
    Python process of the tree could be read.
    """
    _check(pid)
    tree = functools.partial(_tree, pid)
    found = examine(
        pid,
        tree,
        outside=(os.getpid(),),
        again=again,
        interval_s=interval_s,
        settled=settled,
        native=native,
    )
    _refuse_blindness(pid, found.reports)
    return found.dump


def examine(
    pid: int,
    tree: Callable[[], list[int]],
    *,
    outside: Collection[int],
    again: int = 0,
    interval_s: float = 1.0,
    settled: Collection[Key] = (),
    native: bool = False,
) -> Look:
    """Return what a tree is doing: ``tree`` returns its live processes, of which ``pid`` is one.

    ``outside`` are processes of the lab that share pipes with the tree. What cannot be read is
    told in the dump's captures.
    """
    taken_at = datetime.now(UTC).isoformat(timespec="milliseconds")
    watched = _watch(tree, outside)
    looks = [_snapshot(tree, 0.0)]
    for number in range(1, again + 1):
        time.sleep(interval_s)
        if procfs.stat(pid) is None:
            break
        looks.append(_snapshot(tree, number * interval_s))
    snapshot, reports = looks[-1]
    snapshot, found = _diagnose(snapshot, settled)
    if native:
        snapshot, more = with_native_frames(snapshot, _in_c(snapshot, found))
        found, reports = diagnose(snapshot), (*reports, *more)
    looks[-1] = (snapshot, reports)
    dump = Dump(
        schema_version=SCHEMA_VERSION,
        pid=pid,
        taken_at=taken_at,
        looks=len(looks),
        interval_s=interval_s,
        state=watched.state,
        proof=watched.proof,
        processes=tuple(capture.process for capture in snapshot.processes),
        threads=_threads(found, [snapshot for snapshot, _ in looks]),
        diagnosis=found,
        captures=tuple(report for _, reports in looks for report in reports),
    )
    return Look(dump, snapshot, reports)


def _diagnose(snapshot: Snapshot, settled: Collection[Key]) -> tuple[Snapshot, Diagnosis]:
    """Diagnose what is not settled, and return what was looked at."""
    found = diagnose(snapshot)
    if not settled:
        return snapshot, found
    waits_for = {edge.waiter: edge.holder for edge in found.edges}
    needed = {actor.id for actor in found.actors if (actor.pid, actor.tid) not in settled}
    pending = list(needed)
    while pending:
        holder = waits_for.get(pending.pop())
        if holder is not None and holder not in needed:
            needed.add(holder)
            pending.append(holder)
    left_out = {key for key in settled if f"{key[0]}/{key[1]}" not in needed}
    shown = structs.replace(
        snapshot,
        processes=tuple(
            structs.replace(
                capture,
                threads=tuple(t for t in capture.threads if (t.pid, t.tid) not in left_out),
                waits=tuple(w for w in capture.waits if (w.pid, w.tid) not in left_out),
            )
            for capture in snapshot.processes
        ),
    )
    return shown, diagnose(shown)


def _in_c(snapshot: Snapshot, found: Diagnosis) -> set[int]:
    """Return the processes with a thread in C code that is not understood, or keeps the GIL."""
    known = {edge.waiter for edge in found.edges}
    pids = {c.process.pid for c in snapshot.processes if c.gil and c.gil.kept_s and c.gil.waiters}
    for capture in snapshot.processes:
        waits = {wait.tid: wait for wait in capture.waits}
        for thread in capture.threads:
            wait = waits.get(thread.tid)
            if wait and wait.state == "S" and f"{wait.pid}/{wait.tid}" not in known:
                pids.add(capture.process.pid)
    return pids


def _check(pid: int) -> None:
    if not procfs.AVAILABLE:
        raise LabError(
            "a live process was to be looked at without /proc",
            wanted="Linux",
            next_step="py-spy dump --pid, which also works on macOS",
        )
    stat = procfs.stat(pid)
    if stat is None or stat.state in "ZX":
        seen = f"process {pid} has ended (a zombie)" if stat else f"there is no process {pid}"
        raise UsageError(seen, wanted="the pid of a live process", next_step="ps -ef")
    if pid == os.getpid():
        raise UsageError(f"process {pid} is the lab itself", wanted="another process")


def _tree(pid: int) -> list[int]:
    """Return ``pid`` and its descendants, without the lab if it is one of them.

    What runs under ``lab watch`` is shown without the lab that watches it.
    """
    found = [pid, *procfs.descendants(pid)]
    mine = {os.getpid(), *procfs.descendants(os.getpid())}
    helpers = {one for one in found if procfs.thread_name(one, one) in keeper.NAMES}
    watchers = {stat.ppid for one in helpers if (stat := procfs.stat(one))}
    return [one for one in found if one not in mine | helpers | watchers]


def _watch(tree: Callable[[], list[int]], outside: Collection[int]) -> Progress:
    watchdog = Watchdog(tree, outside=outside)
    until = time.monotonic() + PROOF_LIMIT_S
    while True:
        progress = watchdog.poll()
        if progress.proof is not None or time.monotonic() > until:
            return progress
        time.sleep(_PAUSE_S)


def _snapshot(
    tree: Callable[[], list[int]], taken_s: float
) -> tuple[Snapshot, tuple[CaptureReport, ...]]:
    return take_snapshot(tree(), taken_s=taken_s, deadline_s=_DEADLINE_S, confirm=False)


def _refuse_blindness(pid: int, reports: Sequence[CaptureReport]) -> None:
    """Refuse to answer when every attempt to read a stack failed: silence would look like peace."""
    failed = [report for report in reports if report.status is CaptureStatus.FAILED]
    if failed and len(failed) == len(reports):
        raise InconclusiveError(f"no stack of process {pid} could be read: {failed[0].reason}")


def _threads(found: Diagnosis, snapshots: Sequence[Snapshot]) -> tuple[ThreadMoment, ...]:
    lines = {actor.id: actor.at for actor in found.actors}
    labels = {actor.id: actor.label for actor in found.actors}
    last = snapshots[-1]
    waits = _waits(last)
    stacks = _stacks(last)
    processes = {capture.process.pid: capture.process.label for capture in last.processes}
    moments = []
    for key in sorted(waits.keys() | stacks.keys()):
        pid, tid = key
        id_ = f"{pid}/{tid}"
        moments.append(
            ThreadMoment(
                actor=id_,
                label=labels.get(id_) or processes.get(pid) or "?",
                pid=pid,
                tid=tid,
                at=lines.get(id_),
                wait=waits.get(key),
                motion=motion(key, snapshots),
                stack=_lines(stacks.get(key)),
            )
        )
    known = {moment.actor for moment in moments}
    frames = {
        f"{capture.process.pid}/task-{task.address:x}": task.frames
        for capture in last.processes
        for task in capture.tasks
    }
    tasks = (actor for actor in found.actors if actor.id not in known)
    return (*moments, *(_task(actor, frames.get(actor.id, ())) for actor in tasks))


def _task(actor: Actor, frames: Sequence[Frame]) -> ThreadMoment:
    """An asyncio task, which the kernel does not know."""
    return ThreadMoment(
        actor=actor.id,
        label=actor.label,
        pid=actor.pid,
        tid=actor.tid,
        at=actor.at,
        wait=None,
        motion=Motion.UNKNOWN,
        stack=_source_lines(frames),
    )


def _lines(stack: ThreadStack | None) -> tuple[SourceLine, ...]:
    return _source_lines(stack.frames if stack is not None else ())


def _source_lines(frames: Sequence[Frame]) -> tuple[SourceLine, ...]:
    return tuple(SourceLine(file=f.file, line=f.line, function=f.function) for f in frames)


def _waits(snapshot: Snapshot) -> dict[Key, ThreadWait]:
    return {(w.pid, w.tid): w for capture in snapshot.processes for w in capture.waits}


def _stacks(snapshot: Snapshot) -> dict[Key, ThreadStack]:
    return {(t.pid, t.tid): t for capture in snapshot.processes for t in capture.threads}


def motion(key: Key, snapshots: Sequence[Snapshot]) -> Motion:
    """Say what the thread ``key`` (pid, tid) did over the looks that ``snapshots`` were."""
    stacks = [_stacks(snapshot).get(key) for snapshot in snapshots]
    waits = [_waits(snapshot).get(key) for snapshot in snapshots]
    seen = [stack for stack in stacks if stack is not None]
    if len(snapshots) < 2 or len(seen) < len(snapshots):
        return Motion.UNKNOWN
    places = {tuple((frame.file, frame.line) for frame in stack.frames) for stack in seen}
    counts = {wait.runs if wait else None for wait in waits}
    if len(places) == 1 and len(counts) == 1 and None not in counts:
        return Motion.STUCK
    lines = {_own_line(stack, snapshots[-1]) for stack in seen}
    return Motion.SAME_LINE if len(lines) == 1 else Motion.MOVING


def _own_line(stack: ThreadStack, snapshot: Snapshot) -> SourceLine | None:
    """Return the innermost line of the user's code: of a file whose source was kept."""
    for frame in stack.frames:
        if frame.file in snapshot.sources:
            return SourceLine(file=frame.file, line=frame.line)
    return None
