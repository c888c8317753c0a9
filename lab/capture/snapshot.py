"""The whole tree at one moment: stacks, objects, and what the kernel says, for each process.

Nothing here raises for a target's sake: a process that cannot be read is in the snapshot with its
reason, and in the capture reports as failed.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import msgspec

from lab import procfs
from lab.capture.channels import channels
from lab.capture.filelocks import locked_files
from lab.capture.labels import label_of
from lab.capture.memory import Interpreter, find_interpreter
from lab.capture.memory.gil import could_have_yielded, gil_waiters, on_cpu_s, read_gil
from lab.capture.remote import (
    Facts,
    confirmed_tasks,
    helper_sources,
    library_sources,
    place_of,
    read_facts,
    sources,
)
from lab.capture.stacks import Stacks, read_stacks
from lab.capture.unwinder import offers_tasks, unwound_tasks
from lab.capture.wiring import Wiring
from lab.kernel import thread_waits
from lab.model import (
    CaptureReport,
    CaptureStatus,
    Gil,
    ProcessCapture,
    ProcessInfo,
    Snapshot,
    Task,
    ThreadStack,
    ThreadWait,
)

_GIL_PATIENCE_S = 0.1
_GIL_PAUSE_S = 0.005
_AT_ONCE = 4
"""Dumps at one time; each is a process of its own that is busy for some 15 ms."""


@dataclass(slots=True)
class _Subject:
    """One process while it is being captured."""

    pid: int
    interpreter: Interpreter | None
    stacks: Stacks
    facts: Facts
    gil: Gil | None = None
    gil_read_s: float = 0.0
    on_cpu_s: Mapping[int, float] = field(default_factory=dict)


def take_snapshot(
    pids: Sequence[int],
    *,
    taken_s: float,
    outside: Collection[int] = (),
    deadline_s: float = 10.0,
    confirm: bool = True,
) -> tuple[Snapshot, tuple[CaptureReport, ...]]:
    """Capture all of ``pids``, the processes of one tree, and return what was seen and how it went.

    ``taken_s`` is the time to write into the snapshot (seconds since the trial began), ``outside``
    processes that share the tree's memory or pipes without belonging to it, ``deadline_s`` the
    seconds after which what is not yet read is given up. With ``confirm`` a second dump says
    whether the stacks stood still. No process is stopped, except where py-spy cannot read it.
    """
    deadline = time.monotonic() + deadline_s
    living = [pid for pid in pids if _lives(pid)]
    waits = thread_waits(living, outside=outside)
    subjects = [_Subject(pid, find_interpreter(pid), Stacks(), Facts()) for pid in living]
    python = [subject for subject in subjects if subject.interpreter]
    for subject in python:
        subject.gil, subject.gil_read_s = _gil(subject), time.monotonic()
        subject.on_cpu_s = on_cpu_s(subject.pid)
    _dump_all(python, deadline)
    texts = sources(stack for subject in python for stack in subject.stacks.threads)
    _read_objects(python, texts, waits, deadline)
    texts |= sources(task for subject in python for task in subject.facts.tasks)
    texts |= helper_sources([subject.facts for subject in python], texts)
    runs = {(wait.pid, wait.tid): wait.runs for wait in waits}
    stable = _confirm(python, deadline, runs) if confirm and python else None
    if not confirm:
        _compare_runs(python, runs)
    wiring = Wiring(living)
    captures = tuple(_assemble(subject, waits, wiring) for subject in subjects)
    snapshot = Snapshot(
        taken_s=taken_s,
        processes=captures,
        sources=texts,
        library=library_sources(t for subject in python for t in subject.stacks.threads),
        stable=stable,
    )
    return snapshot, tuple(_report(s) for s in python)


def _gil(subject: _Subject) -> Gil | None:
    return read_gil(subject.pid, subject.interpreter) if subject.interpreter else None


def _kept(subject: _Subject) -> Gil | None:
    """Return who has the GIL, and for how long the same thread has had it all the time."""
    first, until = subject.gil, time.monotonic() + _GIL_PATIENCE_S
    while True:
        now = _gil(subject)
        if first is None or now is None or first != now or now.holder_ident is None:
            return now
        holder = next((t.tid for t in subject.stacks.threads if t.ident == now.holder_ident), 0)
        if could_have_yielded(subject.pid, holder, subject.on_cpu_s):
            break
        if len(subject.on_cpu_s) < 2 or time.monotonic() > until:
            return now
        time.sleep(_GIL_PAUSE_S)
    kept_s = time.monotonic() - subject.gil_read_s
    return msgspec.structs.replace(now, kept_s=kept_s, waiters=gil_waiters(subject.pid, now))


def _tasks(subject: _Subject) -> tuple[Task, ...]:
    if subject.interpreter is None:
        return ()
    if offers_tasks(subject.interpreter.version):
        seen = {place_of(task) for task in unwound_tasks(subject.pid, subject.stacks.threads)}
        tasks = subject.facts.tasks
        return tuple(msgspec.structs.replace(task, still=place_of(task) in seen) for task in tasks)
    return confirmed_tasks(subject.pid, subject.interpreter, subject.facts.tasks)


def _lives(pid: int) -> bool:
    state = procfs.stat(pid)
    return state is not None and state.state not in "ZX"


def _dump_all(subjects: Sequence[_Subject], deadline: float) -> None:
    for subject, stacks in zip(subjects, _dumps(subjects, deadline, True), strict=True):
        subject.stacks = stacks


def _dumps(subjects: Sequence[_Subject], deadline: float, with_locals: bool) -> list[Stacks]:
    def one(subject: _Subject) -> Stacks:
        return read_stacks(subject.pid, deadline=deadline, with_locals=with_locals)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(one, subjects))


def _read_objects(
    subjects: Iterable[_Subject],
    texts: dict[str, str],
    waits: Iterable[ThreadWait],
    deadline: float,
) -> None:
    keys = {wait.key for wait in waits if wait.key.startswith("futex:")}
    for subject in subjects:
        if subject.interpreter and subject.stacks.threads:
            subject.facts = read_facts(
                subject.pid, subject.interpreter, subject.stacks.threads, texts, keys, deadline
            )
            if subject.facts.threads:
                subject.stacks = replace(subject.stacks, threads=subject.facts.threads)
            if offers_tasks(subject.interpreter.version) and _has_loop(subject):
                subject.facts.tasks = unwound_tasks(subject.pid, subject.stacks.threads)


def _has_loop(subject: _Subject) -> bool:
    frames = (frame for thread in subject.stacks.threads for frame in thread.frames)
    return any("asyncio" in frame.file for frame in frames)


type _Runs = Mapping[tuple[int, int], int]
"""How often each thread, by pid and tid, had been given a CPU before the first dump."""


def _compare_runs(subjects: Iterable[_Subject], runs: _Runs) -> None:
    """Mark the threads that ran while they were looked at, without a second dump."""
    for subject in subjects:
        if not subject.stacks.paused_s:
            marked = [
                msgspec.structs.replace(thread, still=_slept(thread, runs))
                for thread in subject.stacks.threads
            ]
            subject.stacks = replace(subject.stacks, threads=tuple(marked))


def _slept(thread: ThreadStack, runs: _Runs) -> bool:
    before = runs.get((thread.pid, thread.tid))
    return before in (None, procfs.runs(thread.pid, thread.tid))


def _confirm(subjects: Sequence[_Subject], deadline: float, runs: _Runs) -> bool | None:
    """Dump again and mark every thread as still or moved; return whether all stood still.

    A thread that was not given a CPU from before the first dump to after the second was asleep in
    one and the same wait all the time. ``None`` when the second dump failed for some process.
    """
    readable = [subject for subject in subjects if subject.stacks.threads]
    again = _dumps(readable, deadline, False)
    verdicts: list[bool | None] = []
    for subject, stacks in zip(readable, again, strict=True):
        later = {thread.tid: thread for thread in stacks.threads}
        known = {} if subject.stacks.paused_s else runs  # a tool that stops it makes it run
        marked = [_marked(t, later.get(t.tid), known) for t in subject.stacks.threads]
        subject.stacks = replace(subject.stacks, threads=tuple(marked))
        verdicts += [None] if stacks.error else [thread.still for thread in marked]
    if not verdicts or None in verdicts:
        return None
    return all(verdicts)


def _marked(thread: ThreadStack, later: ThreadStack | None, runs: _Runs) -> ThreadStack:
    if later is None:  # it has ended, or the second dump failed: then its counter tells
        known = (thread.pid, thread.tid) in runs
        return msgspec.structs.replace(thread, still=_slept(thread, runs) if known else None)
    if _lines(thread) == _lines(later) and _slept(thread, runs):
        return msgspec.structs.replace(thread, still=True)
    return msgspec.structs.replace(thread, still=False, later=later.frames)


def _lines(thread: ThreadStack) -> list[tuple[str, str, int]]:
    return [(frame.function, frame.file, frame.line) for frame in thread.frames]


def _assemble(subject: _Subject, waits: Iterable[ThreadWait], wiring: Wiring) -> ProcessCapture:
    stacks, facts = subject.stacks, subject.facts
    own = tuple(wait for wait in waits if wait.pid == subject.pid)
    forked = _forked(subject.pid)
    return ProcessCapture(
        process=_describe(subject, wiring.tree.members, forked),
        threads=stacks.threads,
        waits=own,
        objects=facts.objects,
        globals=facts.globals,
        searched=facts.searched,
        forked=forked,
        channels=channels(wiring, own),
        tasks=_tasks(subject),
        gil=_kept(subject),
        locked_files=locked_files(wiring, subject.pid, stacks.threads),
        tool=stacks.tool,
        seconds=stacks.seconds,
        paused_s=stacks.paused_s,
        error=stacks.error,
    )


def _describe(subject: _Subject, tree: Collection[int], forked: bool) -> ProcessInfo:
    state = procfs.stat(subject.pid)
    info = ProcessInfo(
        pid=subject.pid,
        ppid=state.ppid if state else 0,
        command=procfs.command_line(subject.pid),
        executable=procfs.link(f"/proc/{subject.pid}/exe"),
        python=subject.interpreter.version if subject.interpreter else None,
    )
    root = info.ppid not in tree
    label = label_of(info, subject.facts.worker, root=root, forked=forked and not root)
    return msgspec.structs.replace(info, label=label)


def _forked(pid: int) -> bool:
    """Whether the process was forked from its parent without exec.

    exec places the stack, and with it what the auxiliary vector points at, anew: see getauxval(3),
    ``AT_RANDOM``. A child with its parent's vector has its parent's memory.
    """
    state = procfs.stat(pid)
    own = procfs.read(f"/proc/{pid}/auxv")
    return bool(own and state and own == procfs.read(f"/proc/{state.ppid}/auxv"))


def _report(subject: _Subject) -> CaptureReport:
    stacks = subject.stacks
    reason = stacks.error or subject.facts.error
    return CaptureReport(
        name=f"stacks of process {subject.pid}",
        tool=stacks.tool or "py-spy",
        status=CaptureStatus.FAILED if stacks.error else CaptureStatus.OK,
        seconds=stacks.seconds,
        paused_s=stacks.paused_s,
        reason=reason,
        bytes=stacks.bytes,
    )
