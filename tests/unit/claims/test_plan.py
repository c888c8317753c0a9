"""What is to be measured: every step can be run as written, and the scale follows the CPUs."""

from __future__ import annotations

import time

import pytest

from lab import procfs, registry
from lab.claims.measure import library
from lab.claims.measure.contained import Busy, Patience, Step
from lab.claims.measure.plan import BATCHES, FAULTS, HEAP, HUNT, NEEDS, Scale
from lab.claims.measure.samples import Samples
from lab.claims.terms import FORK, THREADS, team
from lab.claims.trial import choose
from lab.errors import UsageError
from lab.model import Observation


def steps(scale: Scale) -> list[Step]:
    return [
        step for make in BATCHES.values() for batch in make(scale) for step in batch.steps
    ]  # fmt: skip


@pytest.mark.parametrize("quick", [True, False])
@pytest.mark.parametrize("cpus", [1, 2, 3, 64])
def test_every_step_is_a_program_with_parameters_that_it_has(cpus: int, quick: bool) -> None:
    for step in steps(Scale(cpus=cpus, quick=quick)):
        scenario = registry.find(step.reference).scenario
        assert set(step.settings) <= set(scenario.arguments(step.settings))
        assert step.variant in scenario.all_variants


@pytest.mark.parametrize(("cpus", "wanted"), [(1, {2, 4}), (2, {2, 4}), (6, {2, 4, 6, 12})])
def test_the_curve_ends_at_twice_the_cpus(cpus: int, wanted: set[int]) -> None:
    (batch,) = BATCHES["cpu"](Scale(cpus=cpus, quick=False))
    assert {int(step.settings["workers"]) for step in batch.steps} == wanted
    assert team(cpus) in wanted


def test_the_short_version_measures_less_of_the_same() -> None:
    short, full = (steps(Scale(cpus=2, quick=quick)) for quick in (True, False))
    assert {step.reference for step in short} == {step.reference for step in full}
    assert len(short) < len(full)


def test_what_a_claim_needs_can_be_measured() -> None:
    known = {*BATCHES, FAULTS, HUNT, HEAP}
    assert {need for needs in NEEDS.values() for need in needs} == known


def test_faults_are_no_costs() -> None:
    every = [found.scenario for found in library.fault_scenarios(quick=False)]
    short = [found.scenario for found in library.fault_scenarios(quick=True)]
    assert not any("cost" in scenario.tags for scenario in every)
    assert [scenario.name for scenario in every[: len(short)]] == [each.name for each in short]
    assert len({scenario.name for scenario in every}) == len(every) > len(short)
    assert all({"deadlock", "leak"} & set(scenario.tags) for scenario in short)


def test_samples_become_series_by_program_variant_and_settings() -> None:
    samples = Samples()
    one = Step("cpu-bound", FORK, {"workers": "2"})
    for value in (1.5, 1.6):
        samples.add(one, [Observation(name="speed-up", value=value)])
    samples.add(Step("cpu-bound", FORK, {"workers": "4"}), [Observation(name="speed-up", value=3)])
    samples.miss(Step("cpu-bound", THREADS), "no time")
    found = [(s.parameters, s.variant, s.name, s.samples) for s in samples.series()]
    assert found == [
        ({"workers": 2}, FORK, "speed-up", (1.5, 1.6)),
        ({"workers": 4}, FORK, "speed-up", (3,)),
    ]
    assert [(m.program, m.variant, m.reason) for m in samples.missing] == [
        ("cpu-bound", THREADS, "no time")
    ]


def test_patience_ends_at_once_on_a_quiet_machine_and_some_time_on_a_busy_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[float] = []
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: (looks.append(seconds), sleep(seconds)))
    Patience(budget_s=1000.0, limit=1e9).wait()
    assert len(looks) == 1
    impossible = Patience(budget_s=0.2, limit=-1.0)
    impossible.wait()
    assert len(looks) == 3
    impossible.wait()
    assert len(looks) == 3


def test_where_there_is_no_proc_nobody_else_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(procfs, "AVAILABLE", False)
    assert Busy().by_others() == 0


@pytest.mark.parametrize(
    ("words", "wanted"),
    [(["t1", "P1", "T1"], ("P1", "T1")), (["G1"], ("G1",)), ([], tuple(NEEDS))],
)
def test_claims_are_chosen_by_id(words: list[str], wanted: tuple[str, ...]) -> None:
    assert choose(words) == wanted


def test_an_unknown_claim_is_named_with_those_that_are_near() -> None:
    with pytest.raises(UsageError, match="no claim 'P11'; wanted: did you mean 'P1'"):
        choose(["P1", "P11"])
