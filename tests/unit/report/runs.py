"""Builds run directories for the report's tests, without running anything."""

from __future__ import annotations

from pathlib import Path

import msgspec

from lab import interpreters
from lab.model import (
    SCHEMA_VERSION,
    Event,
    Expectation,
    ExpectedWait,
    Machine,
    Purpose,
    RunHeader,
    RunRecord,
    RunResult,
    ScenarioInfo,
    Snapshot,
    Trial,
    VerdictKind,
)
from lab.scenario import Cause, OutcomeKind
from lab.store import RunDirectory, load
from scenarios.deadlock import SCENARIO
from tests.unit.report.trials import (
    FILE,
    FORK,
    HOLDS,
    JOINS,
    SOURCE,
    THREADS,
    WANTS,
    deadlocked,
    diagnosis,
    heap_trial,
    snapshot,
    source_line,
    verdict,
    waits,
)

__all__ = [
    "FILE",
    "FORK",
    "HOLDS",
    "JOINS",
    "SOURCE",
    "THREADS",
    "WANTS",
    "deadlocked",
    "diagnosis",
    "heap_trial",
    "snapshot",
    "verdict",
    "waits",
]


def events(trial: Trial) -> list[Event]:
    """Return what a run writes down of a trial, as the runner does."""
    steps: list[tuple[float, str, dict[str, object]]] = [
        (0.0, "state", {"state": "starting"}),
        (0.051, "ready", {"pid": 8923}),
        (0.052, "state", {"state": "running"}),
        (0.112, "proved", {"last_progress_s": 0.063, "took_ms": 49.0}),
        (0.1121, "state", {"state": "stalled"}),
        (0.1122, "hang", {"outcome": "deadlocked", "reason": "no thread can run again"}),
        (0.113, "state", {"state": "capturing"}),
        (0.402, "capture", {"name": "stacks", "status": "ok", "ms": 31.0}),
        (0.402, "capture", {"name": "stacks again", "status": "ok", "ms": 29.0}),
        (0.41, "state", {"state": "probing"}),
        (0.63, "experiment", {"victim": "worker-1", "afterwards": "deadlocked"}),
        (0.66, "state", {"state": "reaping"}),
        (0.664, "reaped", {"killed": 3, "survivors": []}),
        (0.665, "state", {"state": "checking"}),
        (0.69, "verdict", {"verdict": "as-expected"}),
        (0.71, "state", {"state": "done"}),
    ]
    return [
        Event(at_s=at + 0.02, kind=kind, trial=trial.id, trial_s=at, detail=detail)
        for at, kind, detail in steps
    ]


def header(**changes: object) -> RunHeader:
    """Return what is written down before a run."""
    made = RunHeader(
        schema_version=SCHEMA_VERSION,
        id="20261122T170510Z-a1b2c3",
        started_at="2026-11-22T17:05:10Z",
        scenario=scenario(),
        parameters={"workers": 2},
        variants=(THREADS, FORK),
        corrected=False,
        repeat=1,
        seed=20261122,
        timeout_s=30.0,
        command_line=("lab", "run", "deadlock"),
        rerun="lab run deadlock --start-method fork --set workers=2 --seed 20261122",
        machine=machine(),
        git="db166c21f8aa",
        interpreters=(interpreters.own(),),
        expectations={variant.slug: expectation() for variant in (THREADS, FORK)},
    )
    return msgspec.structs.replace(made, **changes)


def expectation() -> Expectation:
    return Expectation(
        outcome=OutcomeKind.DEADLOCKED,
        cause=Cause.LOCK_CYCLE,
        waits=(ExpectedWait(waiter="worker-1", at=source_line(WANTS), holder="worker-2"),),
    )


def scenario() -> ScenarioInfo:
    return ScenarioInfo(
        name="deadlock",
        title=SCENARIO.title,
        plants=SCENARIO.plants,
        why=SCENARIO.why,
        cure=SCENARIO.cure,
        reference="deadlock",
        file=FILE,
        source=SOURCE,
        kinds=SCENARIO.variants,
        tags=SCENARIO.tags,
        claims=SCENARIO.claims,
    )


def machine() -> Machine:
    return Machine(
        system="Linux 6.18.0",
        cpus=2,
        memory_bytes=8 * 2**30,
        python="3.13.0",
        implementation="CPython",
        gil=True,
        executable="/usr/bin/python3.13",
        versions={"concurrency-lab": "0.1.0", "py-spy": "0.4.3", "memray": "1.20.0"},
    )


def overall(trials: list[Trial]) -> VerdictKind:
    kinds = [trial.verdict.kind for trial in trials if trial.verdict]
    for worst in (VerdictKind.DEVIATED, VerdictKind.INCONCLUSIVE):
        if worst in kinds:
            return worst
    return VerdictKind.AS_EXPECTED


def write(
    root: Path,
    trials: list[Trial],
    head: RunHeader | None = None,
    *,
    finished: bool = True,
    extra_events: tuple[Event, ...] = (),
    snapshots: dict[str, Snapshot] | None = None,
) -> RunRecord:
    """Write a run directory below ``root`` and read it back."""
    head = head or header()
    run = RunDirectory.create(root, head)
    for trial in trials:
        folder = run.captures(trial.id)
        for name in ("stdout.txt", "main.bin", "main.html"):
            (folder / name).write_text(f"{name} of {trial.id}\n")
        for event in events(trial):
            run.append(event)
        if trial.purpose is Purpose.STACKS:
            given = (snapshots or {}).get(trial.id)
            run.save_snapshot(trial.id, given or snapshot(trial.variant))
    for event in extra_events:
        run.append(event)
    if finished:
        run.finish(
            RunResult(
                schema_version=SCHEMA_VERSION,
                id=head.id,
                finished_at="2026-11-22T17:05:14Z",
                elapsed_s=3.62,
                verdict=overall(trials),
                trials=tuple(trials),
                hashes=run.hashes(),
            )
        )
    run.close()
    return load(run.root)


def deadlock_run(root: Path) -> RunRecord:
    """Return the run that everything is built for: threads beside fork, once."""
    variants = (THREADS, FORK)
    trials = [deadlocked(v) for v in variants] + [heap_trial(v) for v in variants]
    return write(root, trials)
