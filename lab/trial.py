"""One trial: start the target, watch it, capture and diagnose a hang, reap, judge.

Reads from top to bottom as the states of :mod:`lab.lifecycle`. The supervisor's context manager
reaps on every way out, an exception and Ctrl-C included.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from lab.capture import heap
from lab.capture.snapshot import take_snapshot
from lab.capture.tracker import INSTRUMENT_THREAD
from lab.diagnose import diagnose
from lab.judge import judge
from lab.lifecycle import Lifecycle, State
from lab.model import (
    Actor,
    CaptureReport,
    CaptureStatus,
    Diagnosis,
    Event,
    Expectation,
    Footprint,
    Interpreter,
    Outcome,
    Output,
    Purpose,
    Reaped,
    Snapshot,
    StopExperiment,
    Trial,
    status_words,
)
from lab.sampling import Samples, pauses
from lab.scenario import Cause, OutcomeKind, Variant
from lab.store import RunDirectory
from lab.supervise import (
    Planted,
    Progress,
    Supervisor,
    TargetNotReady,
    TargetSpec,
    Watchdog,
    scenario_launch,
    stop_one,
)

STARTUP_LIMIT_S = 20.0
TICK_S = 0.005
QUIET_S = 1.0
"""A target in which nothing has run for this long when its time is up is called quiet."""
STACKS_LIMIT_S = 10.0
HEAP_LIMIT_S = 60.0
EXPERIMENT_LIMIT_S = 2.0


@dataclass(frozen=True, slots=True)
class TrialPlan:
    """What one trial has to do."""

    id: str
    spec: TargetSpec
    purpose: Purpose
    repeat: int
    timeout_s: float
    expectation: Expectation
    workers: int
    interpreter: Interpreter
    flamegraphs: bool = True

    @property
    def variant(self) -> Variant:
        """How the workers run."""
        return self.spec.variant


class TrialRun:
    """A trial in progress. Everything that is learned is kept here until it becomes a record."""

    def __init__(
        self, plan: TrialPlan, directory: RunDirectory, tell: Callable[[Event], None]
    ) -> None:
        self.plan = plan
        self._directory = directory
        self._tell = tell
        self._began = time.monotonic()
        self._started_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._samples = Samples()
        faults_directory = directory.captures(plan.id).absolute() / "faults"
        self._planted = Planted(plan.spec.faults, faults_directory)
        self._spec = replace(
            plan.spec,
            observations=str(directory.observations(plan.id).absolute()),
            faults_directory=str(faults_directory),
        )
        self._captures: list[CaptureReport] = []
        self._diagnosis: Diagnosis | None = None
        self._experiment: StopExperiment | None = None
        self._reaped: Reaped | None = None
        self._life = Lifecycle(lambda state: self._event("state", state=state))

    # -- the steps ----------------------------------------------------------------------------

    def execute(self) -> Trial:
        """Run the trial to its end and return the record of it."""
        launch = scenario_launch(
            self._spec,
            output=self._directory.captures(self.plan.id),
            cwd=Path.cwd(),
            python=self.plan.interpreter.executable,
        )
        with Supervisor(launch) as target:
            outcome = self._run(target)
            self._life.to(State.REAPING)
            self._reaped = target.kill()
            self._event("reaped", killed=self._reaped.killed, survivors=self._reaped.survivors)
            output = target.outputs
        self._tell_fired()
        self._life.to(State.CHECKING)
        trial = self._record(outcome, output)
        self._life.to(State.DONE)
        return trial

    def _run(self, target: Supervisor) -> Outcome:
        try:
            target.wait_ready(STARTUP_LIMIT_S)
        except TargetNotReady as error:
            self._event("never-ready", stage=error.stage, message=error.message)
            reason = f"{error.stage}: {error.message}"
            return Outcome(kind=OutcomeKind.NEVER_READY, elapsed_s=self._now(), reason=reason)
        self._event("ready", pid=target.pid)
        self._samples.take_baseline(target.tree(), self._now())
        target.go()
        self._planted.go(time.monotonic())
        self._life.to(State.RUNNING)
        watchdog = Watchdog(
            target.tree,
            outside=self._outside(target),
            clock=self._now,
            instruments=(INSTRUMENT_THREAD,) if self.plan.purpose is Purpose.HEAP else (),
        )
        outcome = self._watch(target, watchdog)
        if outcome.kind not in (OutcomeKind.EXITED, OutcomeKind.CRASHED):
            self._hung(target, watchdog, outcome)
        return outcome

    def _watch(self, target: Supervisor, watchdog: Watchdog) -> Outcome:
        """Poll until the target has ended, is proved deadlocked, or has used up its time."""
        next_sample = pauses()
        sample_at = self._now() + next(next_sample)
        deadline = self._now() + self.plan.timeout_s
        while True:
            code = target.poll()
            if code is not None:
                return _ended(code, self._now())
            # One reading: a fault that comes due between the two must not be proved away.
            now = time.monotonic()
            if self._plant(target, now):
                watchdog.forget()
            progress = watchdog.poll()
            if progress.proof is not None and not self._planted.pending(now):
                return self._proved(progress)
            if self._now() >= deadline:
                return _out_of_time(progress, self._now(), self.plan.timeout_s)
            if self._now() >= sample_at:
                self._samples.take(target.tree(), self._now())
                sample_at = self._now() + next(next_sample)
            time.sleep(TICK_S)

    def _plant(self, target: Supervisor, now: float) -> bool:
        """Let faults happen whose time has come; say whether any fired, of whatever kind."""
        self._planted.carry_out(target.pid, now)
        return self._tell_fired()

    def _tell_fired(self) -> bool:
        fired = self._planted.news()
        for each in fired:
            at = (each.at_s or 0.0) - self._began
            self._event("fault", at, fault=each.fault, worker=each.worker, pid=each.pid)
        return bool(fired)

    def _proved(self, progress: Progress) -> Outcome:
        proof = progress.proof
        assert proof is not None
        self._event(
            "proved", last_progress_s=proof.last_progress_s, took_ms=round(proof.took_s * 1e3, 1)
        )
        return Outcome(
            kind=OutcomeKind.DEADLOCKED,
            elapsed_s=self._now(),
            proof=proof,
            reason=f"no thread of the tree can run again ({len(proof.threads)} threads)",
        )

    def _hung(self, target: Supervisor, watchdog: Watchdog, outcome: Outcome) -> None:
        self._life.to(State.STALLED)
        self._event("hang", outcome=outcome.kind, reason=outcome.reason)
        self._samples.take_loaded(target.tree(), self._now())
        if self.plan.purpose is Purpose.HEAP:
            directory = self._directory.captures(self.plan.id)
            heap.request(target.tree(), directory=directory)
            return
        self._life.to(State.CAPTURING)
        self._capture(target)
        if self._diagnosis is not None and outcome.kind is OutcomeKind.DEADLOCKED:
            self._life.to(State.PROBING)
            self._stop_one(target, watchdog)

    def _capture(self, target: Supervisor) -> None:
        snapshot, reports = take_snapshot(
            target.tree(),
            taken_s=self._now(),
            outside=self._outside(target),
            deadline_s=STACKS_LIMIT_S,
        )
        saved = self._directory.save_snapshot(self.plan.id, snapshot)
        size = (self._directory.root / saved).stat().st_size
        self._captures += _with_artifact(reports, saved, size)
        for report in reports:
            self._capture_event(report)
        self._samples.relabel(snapshot)
        self._diagnosis = diagnose(snapshot) if _has_stacks(snapshot) else None

    def _stop_one(self, target: Supervisor, watchdog: Watchdog) -> None:
        """Kill one of the workers that are stuck and see what that does to the others."""
        assert self._diagnosis is not None
        stuck = _stuck(self._diagnosis, target.pid)
        if not stuck:
            return
        victim, *others = stuck
        self._experiment = stop_one(
            target,
            watchdog,
            pid=victim.pid,
            tid=victim.tid,
            victim_label=victim.label,
            others={actor.label: (actor.pid, actor.tid) for actor in others},
            deadline_s=EXPERIMENT_LIMIT_S,
        )
        self._event("experiment", victim=victim.label, afterwards=self._experiment.afterwards)

    # -- what is kept -------------------------------------------------------------------------

    def _record(self, outcome: Outcome, output: tuple[Output, ...]) -> Trial:
        heaps, heap_reports = self._collect_heap()
        observed = self._directory.observed(self.plan.id)
        planted = tuple(
            msgspec.structs.replace(each, at_s=each.at_s and each.at_s - self._began)
            for each in self._planted.finish()
        )
        verdict = judge(
            self._expectation(), outcome, self._diagnosis, self._reaped, observed, planted
        )
        self._event("verdict", verdict=verdict.kind)
        return Trial(
            id=self.plan.id,
            variant=self.plan.variant,
            interpreter=self.plan.interpreter.label,
            corrected=self.plan.spec.corrected,
            repeat=self.plan.repeat,
            purpose=self.plan.purpose,
            started_at=self._started_at,
            outcome=outcome,
            workers=self.plan.workers,
            captures=(*self._captures, *heap_reports),
            diagnosis=self._diagnosis,
            verdict=verdict,
            footprint=self._footprint(),
            heap=heaps,
            experiment=self._experiment,
            reaped=self._reaped,
            output=tuple(self._stored(stream) for stream in output),
            observed=observed,
            faults=planted,
        )

    def _stored(self, stream: Output) -> Output:
        """Name the stream's file as records do, and only if anything is in it."""
        path = Path(stream.artifact)
        artifact = self._directory.relative(path) if stream.kept_bytes else ""
        return msgspec.structs.replace(stream, artifact=artifact)

    def _expectation(self) -> Expectation:
        """A heap trial takes no stacks: it is judged on its outcome only."""
        expected = self.plan.expectation
        if self.plan.purpose is Purpose.STACKS:
            return expected
        return Expectation(outcome=expected.outcome, cause=Cause.NONE, exit_code=expected.exit_code)

    def _collect_heap(self) -> tuple[tuple[Any, ...], tuple[CaptureReport, ...]]:
        if self.plan.purpose is not Purpose.HEAP:
            return (), ()
        directory = self._directory.captures(self.plan.id)
        heaps, reports = heap.collect(
            directory,
            run_root=self._directory.root,
            deadline_s=HEAP_LIMIT_S,
            flamegraphs=self.plan.flamegraphs,
        )
        for report in reports:
            self._capture_event(report)
        return heaps, reports

    def _capture_event(self, report: CaptureReport) -> None:
        milliseconds = round(report.seconds * 1e3, 1)
        detail = {"name": report.name, "status": report.status, "ms": milliseconds}
        self._event("capture", **detail, reason=report.reason)

    def _footprint(self) -> Footprint | None:
        stacks = self.plan.purpose is Purpose.STACKS
        return self._samples.summary(self.plan.variant.workers) if stacks else None

    # -- small things -------------------------------------------------------------------------

    def _now(self) -> float:
        return time.monotonic() - self._began

    def _event(self, kind: str, at: float | None = None, /, **detail: Any) -> None:
        """Record an event of now, or one of ``at`` seconds after the trial began."""
        now = self._now()
        event = Event(
            at_s=self._directory.elapsed_s() - (0.0 if at is None else now - at),
            kind=kind,
            trial=self.plan.id,
            trial_s=now if at is None else at,
            detail=detail,
        )
        self._directory.append(event)
        self._tell(event)

    def _outside(self, target: Supervisor) -> tuple[int, ...]:
        return (os.getpid(), target.shim_pid)


def _ended(code: int, now_s: float) -> Outcome:
    kind = OutcomeKind.CRASHED if code < 0 else OutcomeKind.EXITED
    reason = f"ended by {status_words(code)}" if code < 0 else status_words(code)
    return Outcome(kind=kind, elapsed_s=now_s, exit_code=code, reason=reason)


def _out_of_time(progress: Progress, now_s: float, timeout_s: float) -> Outcome:
    quiet = progress.state == "quiet" and progress.still_s >= min(QUIET_S, timeout_s / 2)
    return Outcome(
        kind=OutcomeKind.QUIET if quiet else OutcomeKind.TIMED_OUT,
        elapsed_s=now_s,
        reason=(
            f"nothing ran for the last {progress.still_s:.1f} s, but something could wake it"
            if quiet
            else f"still running after {timeout_s:g} s"
        ),
        last_waits=progress.waits,
    )


def _has_stacks(snapshot: Snapshot) -> bool:
    return any(process.threads for process in snapshot.processes)


def _stuck(diagnosis: Diagnosis, main: int) -> list[Actor]:
    """Return who is stuck at the root of the hang, the main thread of the program last.

    That is who makes a cycle; without one, those whose wait nobody can end.
    """
    actors = {actor.id: actor for actor in diagnosis.actors}
    around = [id_ for cycle in diagnosis.cycles for id_ in cycle]
    alone = [edge.waiter for edge in diagnosis.edges if edge.holder is None]
    stuck = [actors[id_] for id_ in dict.fromkeys(around or alone)]
    return sorted(stuck, key=lambda actor: actor.tid == main)


def _with_artifact(reports: tuple[CaptureReport, ...], path: str, size: int) -> list[CaptureReport]:
    """Say in the first report that succeeded where the snapshot is: it holds all the stacks."""
    done = [report for report in reports if report.status is CaptureStatus.OK]
    return [
        msgspec.structs.replace(report, artifacts=(path,), bytes=size)
        if done and report is done[0]
        else report
        for report in reports
    ]
