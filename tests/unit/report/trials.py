"""Builds the records of a trial for the report's tests, without running anything.

The figures of the deadlock (stacks, kernel waits, memory) were read from real runs of the scenario
with threads and with fork; process and thread numbers are as they were then.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from lab import interpreters
from lab.model import (
    Actor,
    CaptureReport,
    CaptureStatus,
    Check,
    Diagnosis,
    Edge,
    Evidence,
    Footprint,
    FootprintSample,
    Frame,
    HeapUse,
    Local,
    Outcome,
    Output,
    ProcessCapture,
    ProcessInfo,
    Proof,
    Purpose,
    Reaped,
    Resource,
    Snapshot,
    SourceLine,
    StopExperiment,
    ThreadStack,
    ThreadWait,
    Trial,
    Verdict,
    VerdictKind,
)
from lab.scenario import Cause, OutcomeKind, StartMethod, Variant, Workers
from scenarios.deadlock import SCENARIO
from tests.unit.report.answers import debuggability

THREADS = Variant(Workers.THREADS)
FORK = Variant(Workers.PROCESSES, StartMethod.FORK)
FILE = "/srv/app/scenarios/deadlock.py"
SOURCE = Path(SCENARIO.faulty.__code__.co_filename).read_text(encoding="utf-8")
WANTS = SOURCE.splitlines().index("        with theirs:  # lab: wants") + 1
JOINS = SOURCE.splitlines().index("        worker.join()") + 1
HOLDS = SOURCE.splitlines().index("    with mine:  # lab: holds") + 1
KIB = 1024


def source_line(number: int, function: str = "transfer", file: str = FILE) -> SourceLine:
    lines = SOURCE.splitlines()
    return SourceLine(file=file, line=number, function=function, text=lines[number - 1].strip())


def people(variant: Variant) -> list[tuple[str, int, int]]:
    """Return (name, pid, tid) of main and the two workers."""
    if variant.start_method:
        return [("main", 8945, 8945), ("worker-1", 8947, 8947), ("worker-2", 8948, 8948)]
    return [("main", 8923, 8923), ("worker-1", 8923, 8925), ("worker-2", 8923, 8926)]


def diagnosis(variant: Variant, evidence: Evidence = Evidence.SAME_OBJECT) -> Diagnosis:
    """Return what was concluded of the deadlock."""
    kind = "multiprocessing.Lock" if variant.start_method else "threading.Lock"
    ids = {name: f"{pid}/{tid}" for name, pid, tid in people(variant)}
    return Diagnosis(
        cause=Cause.LOCK_CYCLE,
        headline=f"worker-1 and worker-2 each hold a {kind} that the other one waits for.",
        story=(
            f"worker-1 waits for {kind} A at deadlock.py:{WANTS}; worker-2 has held it "
            f"since deadlock.py:{HOLDS}.",
            f"worker-2 waits for {kind} B at deadlock.py:{WANTS}; worker-1 has held it "
            f"since deadlock.py:{HOLDS}.",
            "main waits for worker-1 to end.",
        ),
        actors=actors(variant),
        resources=resources(variant, kind),
        edges=(
            locked(ids["worker-1"], "lock-a", ids["worker-2"], evidence),
            locked(ids["worker-2"], "lock-b", ids["worker-1"], evidence),
            joined(ids["main"], ids["worker-1"]),
        ),
        cycles=((ids["worker-1"], ids["worker-2"]),),
        unknowns=("Which of the two took its lock first: the stacks hold no times.",),
    )


def actors(variant: Variant) -> tuple[Actor, ...]:
    main, *workers = people(variant)
    wants, join = source_line(WANTS), source_line(JOINS, "faulty")
    made = [
        Actor(id=f"{pid}/{tid}", label=name, pid=pid, tid=tid, waits="Lock", at=wants)
        for name, pid, tid in workers
    ]
    name, pid, tid = main
    made.append(Actor(id=f"{pid}/{tid}", label=name, pid=pid, tid=tid, waits="join", at=join))
    return tuple(made)


def resources(variant: Variant, kind: str) -> tuple[Resource, ...]:
    spots = ("futex 0x7f36df48f9c0 of process 8923", "futex 0x7f36df48fa40 of process 8923")
    if variant.start_method:
        spots = ("inode 1047, offset 0x0", "inode 1048, offset 0x0")
    ended = "Process" if variant.start_method else "Thread"
    return (
        Resource(id="lock-a", kind=kind, name="theirs", identity=spots[0]),
        Resource(id="lock-b", kind=kind, name="theirs", identity=spots[1]),
        Resource(id="join-1", kind=ended, name="worker", identity="worker-1"),
    )


def locked(waiter: str, resource: str, holder: str, evidence: Evidence) -> Edge:
    return Edge(
        waiter=waiter,
        resource=resource,
        at=source_line(WANTS),
        evidence=evidence,
        because="both frames refer to the same object",
        holder=holder,
        held_at=source_line(HOLDS),
    )


def joined(waiter: str, holder: str) -> Edge:
    return Edge(
        waiter=waiter,
        resource="join-1",
        at=source_line(JOINS, "faulty"),
        evidence=Evidence.CONFIRMED,
        because="the kernel says so",
        holder=holder,
    )


def waits(variant: Variant) -> tuple[ThreadWait, ...]:
    made = []
    for index, (name, pid, tid) in enumerate(people(variant)):
        joins = variant.start_method is not None and name == "main"
        made.append(
            ThreadWait(
                pid=pid,
                tid=tid,
                comm="python",
                state="S",
                syscall="wait4" if joins else "futex",
                channel="do_wait" if joins else "futex_do_wait",
                key=f"wait:{tid}" if joins else f"futex:{pid}:0x556d8128ecf{index}",
                closed=True,
                because="no time-out, and only a member of the tree could wake it",
                runs=(42, 3, 1)[index],
                first_seen_s=(0.021, 0.058, 0.059)[index],
                last_ran_s=(0.062, 0.061, 0.063)[index],
            )
        )
    return tuple(made)


def proof(variant: Variant, took_s: float = 0.049) -> Proof:
    return Proof(
        threads=waits(variant),
        last_progress_s=0.063,
        proved_s=0.063 + took_s,
        assumptions=("No process outside the tree holds a lock of it mapped.",),
    )


def footprint(variant: Variant) -> Footprint:
    """Return PSS, USS and RSS as /proc gave them, in KiB."""
    sizes = [("main", 13471, 13280, 14988)]
    if variant.start_method:
        sizes = [("main", 8002, 4292, 16544), ("worker-1", 5143, 1564, 12932)]
        sizes += [("worker-2", 5120, 1516, 12932)]
    pids = [pid for _, pid, _ in people(variant)]
    samples = [sample(0.02, pids[0], "main", 13210, 13050, 14720, 1)]
    for at in (0.06, 0.16, 0.26, 0.36):
        for pid, (name, pss, uss, rss) in zip(pids, sizes, strict=False):
            threads = 1 if variant.start_method else 3
            samples.append(sample(at, pid, name, pss, uss, rss, threads))
    loaded = sum(pss for _, pss, _, _ in sizes)
    return Footprint(
        samples=tuple(samples),
        baseline_pss_bytes=13210 * KIB,
        loaded_pss_bytes=loaded * KIB,
        workers=2,
        added_pss_bytes=(loaded - 13210) * KIB // 2,
        added_uss_bytes=(sum(uss for _, _, uss, _ in sizes) - 13050) * KIB // 2
        if not variant.start_method
        else 1540 * KIB,
        added_rss_bytes=(sum(rss for _, _, _, rss in sizes) - 14720) * KIB // 2,
    )


def sample(
    at: float, pid: int, name: str, pss: int, uss: int, rss: int, threads: int
) -> FootprintSample:
    return FootprintSample(
        at_s=at,
        pid=pid,
        label=name,
        rss_bytes=rss * KIB,
        pss_bytes=pss * KIB,
        uss_bytes=uss * KIB,
        threads=threads,
        fds=9,
    )


def captures(trial: str) -> tuple[CaptureReport, ...]:
    return (
        CaptureReport(
            name="stacks",
            tool="py-spy 0.4.3",
            status=CaptureStatus.OK,
            seconds=0.031,
            paused_s=0.0,
            artifacts=(f"captures/{trial}/snapshot.json",),
            bytes=18_211,
        ),
        CaptureReport(
            name="stacks again",
            tool="py-spy 0.4.3",
            status=CaptureStatus.OK,
            seconds=0.029,
            paused_s=0.0,
            bytes=18_211,
        ),
        CaptureReport(
            name="output",
            tool="shim",
            status=CaptureStatus.OK,
            seconds=0.001,
            artifacts=(f"captures/{trial}/stdout.txt",),
            bytes=0,
        ),
    )


def experiment(variant: Variant) -> StopExperiment:
    processes = variant.start_method is not None
    return StopExperiment(
        victim="worker-1",
        tid=people(variant)[1][2],
        whole_process_died=not processes,
        stopped_s=0.0042,
        others=1,
        others_finished=0,
        afterwards="deadlocked" if processes else "exited",
    )


def verdict(variant: Variant, kind: VerdictKind = VerdictKind.AS_EXPECTED) -> Verdict:
    seen = "deadlocked" if kind is VerdictKind.AS_EXPECTED else "timed-out"
    wants, holds = f"deadlock.py:{WANTS}", f"deadlock.py:{HOLDS}"
    return Verdict(
        kind=kind,
        checks=(
            Check(name="outcome", passed=seen == "deadlocked", seen=seen, wanted="deadlocked"),
            Check(name="cause", passed=True, seen="lock-cycle", wanted="lock-cycle"),
            Check(name="worker-1 waits at", passed=True, seen=wants, wanted=wants),
            Check(name="worker-1 waits for", passed=True, seen="worker-2", wanted="worker-2"),
            Check(name="worker-2 holds it since", passed=True, seen=holds, wanted=holds),
            Check(name="left behind", passed=True, seen="nothing", wanted="nothing"),
        ),
    )


def deadlocked(variant: Variant, repeat: int = 1, took_s: float = 0.049) -> Trial:
    """Return a trial that deadlocked, was proved and was diagnosed."""
    name = f"{variant.slug}-{repeat}"
    return Trial(
        id=name,
        variant=variant,
        interpreter=interpreters.own().label,
        corrected=False,
        repeat=repeat,
        purpose=Purpose.STACKS,
        started_at="2026-11-22T17:05:11Z",
        outcome=Outcome(kind=OutcomeKind.DEADLOCKED, elapsed_s=0.112, proof=proof(variant, took_s)),
        workers=2,
        captures=captures(name),
        diagnosis=diagnosis(variant),
        verdict=verdict(variant),
        footprint=footprint(variant),
        experiment=experiment(variant),
        debuggability=debuggability(variant, WANTS, HOLDS),
        reaped=Reaped(killed=3, reaped=3, survivors=(), seconds=0.0026),
        output=(Output(stream="stdout", artifact=f"captures/{name}/stdout.txt"),),
    )


def heap_trial(variant: Variant) -> Trial:
    """Return the pass that was made for the heap."""
    name = f"{variant.slug}-heap"
    stem = f"captures/{name}/main"
    line = f"deadlock.py:{HOLDS} (transfer)"
    use = HeapUse(
        label="main",
        tool="memray 1.20.0",
        peak_bytes=412_332,
        allocations=5_120,
        largest=(("<frozen importlib._bootstrap>:488 (_call_with_frames)", 131_072), (line, 4096)),
        artifact=f"{stem}.bin",
        flamegraph=f"{stem}.html",
    )
    return msgspec.structs.replace(
        deadlocked(variant),
        id=name,
        purpose=Purpose.HEAP,
        heap=(use,),
        debuggability=None,
        captures=(
            CaptureReport(
                name="heap",
                tool="memray 1.20.0",
                status=CaptureStatus.OK,
                seconds=0.41,
                artifacts=(use.artifact, use.flamegraph),
                bytes=88_120,
            ),
        ),
    )


def snapshot(variant: Variant) -> Snapshot:
    """Return the stacks as py-spy showed them."""
    processes = variant.start_method is not None
    (_, main_pid, main_tid), *workers = people(variant)
    library = "/usr/lib/python3.13"
    blocked = [Frame(function="transfer", file=FILE, line=WANTS, locals=LOCALS)]
    if processes:
        enter = f"{library}/multiprocessing/synchronize.py"
        blocked.insert(0, Frame(function="SemLock.__enter__", file=enter, line=95))
        blocked.append(
            Frame(
                function="BaseProcess.run", file=f"{library}/multiprocessing/process.py", line=108
            )
        )
    else:
        blocked.append(Frame(function="Thread.run", file=f"{library}/threading.py", line=992))
    joined = (
        Frame(function="Thread.join", file=f"{library}/threading.py", line=1092),
        Frame(function="faulty", file=FILE, line=JOINS, locals=LOCALS[:1]),
        Frame(function="<module>", file=FILE, line=7),
    )
    main = ThreadStack(pid=main_pid, tid=main_tid, ident=1, name="MainThread", frames=joined)
    stacks = [
        ThreadStack(
            pid=pid,
            tid=tid,
            ident=tid,
            name="MainThread" if processes else name,
            frames=tuple(blocked),
        )
        for name, pid, tid in workers
    ]
    return Snapshot(
        taken_s=0.18,
        processes=_captures_of(main, stacks, processes),
        sources={FILE: SOURCE},
        stable=True,
    )


LOCALS = (
    Local(name="mine", text="<_thread.lock at 0x7f36df48fa40>", address=1, argument=True),
    Local(name="theirs", text="<_thread.lock at 0x7f36df48f9c0>", address=2, argument=True),
)


def _captures_of(
    main: ThreadStack, stacks: list[ThreadStack], processes: bool
) -> tuple[ProcessCapture, ...]:
    if not processes:
        return (_capture(main.pid, 1, "main", (main, *stacks)),)
    workers = (
        _capture(stack.pid, main.pid, f"worker-{index}", (stack,))
        for index, stack in enumerate(stacks, 1)
    )
    return (_capture(main.pid, 1, "main", (main,)), *workers)


def _capture(pid: int, parent: int, label: str, threads: tuple[ThreadStack, ...]) -> ProcessCapture:
    info = ProcessInfo(pid=pid, ppid=parent, python="3.13", label=label)
    return ProcessCapture(process=info, threads=threads, tool="py-spy 0.4.3", seconds=0.014)
