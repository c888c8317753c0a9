"""Measuring for real, with tiny parameters: what the programs report is what deciding looks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.claims.decide import decide
from lab.claims.measure import library, session
from lab.claims.measure.contained import Step, run_once
from lab.claims.measure.plan import BATCHES, PROGRAMS, Batch, Scale
from lab.claims.terms import FORK, OTHERS, SPAWN, THREADS
from lab.errors import InconclusiveError
from lab.interpreters import own
from lab.model import ClaimVerdict, Measurements
from lab.scenario import OutcomeKind
from lab.store import RunDirectory

TINY = {
    "steps": "20000", "requests": "2", "tasks": "2", "megabytes": "1", "times": "100",
    "ticks": "5", "executions": "3",
}  # fmt: skip
ALONE = {"P1", "P2", "P3", "P4", "P5", "P6", "P7", "T1", "T2", "T3", "T4", "T5", "T6", "G1"}
"""The claims that programs alone decide."""


def tiny(batch: Batch) -> Batch:
    steps = [
        Step(
            step.reference,
            step.variant,
            {name: TINY.get(name, value) for name, value in step.settings.items()},
            step.corrected,
        )
        for step in batch.steps
    ]
    return Batch(tuple(steps), 1)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measurements:
    root = tmp_path_factory.mktemp("claims")
    with pytest.MonkeyPatch.context() as patch:
        for name, make in BATCHES.items():
            batches = [tiny(batch) for batch in make(Scale(cpus=2, quick=True))]
            patch.setitem(BATCHES, name, lambda _scale, batches=batches: batches)
        patch.setattr(session, "PATIENCE_S", {True: 0.0})
        return session.Session(root, quick=True, tell=lambda _line: None).measure(ALONE)


def test_every_program_of_the_plan_ends_and_reports(measured: Measurements) -> None:
    assert measured.missing == ()
    programs = {(s.program, s.variant, s.corrected, *s.parameters.items()) for s in measured.series}
    others = [s for s in measured.series if s.name == OTHERS]
    assert len(others) == len(programs)
    assert all(value >= 0 for series in others for value in series.samples)


@pytest.mark.parametrize("id_", sorted(ALONE))
def test_what_is_decided_by_was_reported(measured: Measurements, id_: str) -> None:
    verdict: ClaimVerdict
    (verdict,) = decide(measured, [id_], "x")
    # So small, and on any machine, figures may well be too noisy, but none is absent.
    assert "reported no" not in verdict.reason
    assert "was not measured" not in verdict.reason


def test_memory_is_separate_on_every_machine(measured: Measurements) -> None:
    (verdict,) = decide(measured, ["P4"], "x")
    assert verdict.verdict == "holds with a limit"
    assert "shared memory" in verdict.reason


def test_a_program_that_fails_gives_no_figures(tmp_path: Path) -> None:
    (tmp_path / "fails.py").write_text(
        "from lab import OutcomeKind, Scenario, Truth\n"
        "def program(kit):\n    kit.observe('figure', 1)\n    raise SystemExit(3)\n"
        "SCENARIO = Scenario(name='fails', title='t', plants='p', why='w', cure='c',\n"
        "    faulty=program, corrected=program, truth=lambda: Truth(OutcomeKind.EXITED))\n"
    )
    step = Step(str(tmp_path / "fails.py"), THREADS)
    with pytest.raises(InconclusiveError, match="fails ended with status 3"):
        run_once(step, RunDirectory(tmp_path), "1")


def test_a_race_is_hunted(tmp_path: Path) -> None:
    figures = {figure.name: figure.value for figure in library.hunt_race(tmp_path, seed=1)}
    assert figures["executions when hunted"] >= 1


def test_a_stopped_holder_frees_its_lock_only_if_it_is_asked(measured: Measurements) -> None:
    found = {
        (series.name, series.variant): series.samples[0]
        for series in measured.series
        if series.program == "stopping"
    }
    for means, free in (("interrupt", 1), ("kill", 0)):
        if found[f"lock-holding stopped by {means}", FORK]:  # else it still held it
            assert found[f"lock free after {means}", FORK] == free
    assert found["lock-blocked stopped by exception", THREADS] == 0


def test_faults_are_tried_with_their_score(tmp_path: Path) -> None:
    wanted = [f for f in library.fault_scenarios(quick=True) if f.scenario.name == "deadlock"]
    tried, missing = library.try_faults(wanted, tmp_path / "runs", 60.0, lambda _line: None, own())
    assert missing == []
    assert [each.variant for each in tried] == [THREADS, FORK]
    for each in tried:
        assert each.outcome is OutcomeKind.DEADLOCKED
        assert (each.answered, each.questions) == (7, 7)
        assert (tmp_path / each.run / "result.json").exists()


def test_faults_that_there_was_no_time_for_are_missing(tmp_path: Path) -> None:
    wanted = library.fault_scenarios(quick=True)[:2]
    tried, missing = library.try_faults(wanted, tmp_path / "runs", 0.0, lambda _line: None, own())
    assert tried == []
    assert {each.program for each in missing} == {found.scenario.name for found in wanted}
    assert all("0 s for fault scenarios were used up" in each.reason for each in missing)


def test_a_worker_of_spawn_can_be_stopped(tmp_path: Path) -> None:
    step = Step(f"{PROGRAMS}.stopping:SCENARIO", SPAWN, {"means": "kill"})
    figures = {f.name: f.value for f in run_once(step, RunDirectory(tmp_path), "1")}
    assert figures["sleeping stopped by kill"] in (0, 1)
    assert figures["lock free after kill"] in (0, 1)
