"""What takes more than a program: fault scenarios with all captures, a hunt, a heap profile."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from lab import registry, runner
from lab.claims.measure.contained import Step
from lab.claims.measure.plan import PROGRAMS
from lab.claims.terms import FORK, LEAK, THREADS
from lab.errors import InterruptedRunError, LabError
from lab.hunts import contained
from lab.hunts.watched import Request
from lab.model import (
    Interpreter,
    Missing,
    Observation,
    Purpose,
    RunRecord,
    Trial,
    Tried,
    VerdictKind,
)
from lab.registry import Found
from lab.scenario import Scenario, StartMethod, Variant, Workers

FIRST = ("deadlock", LEAK)
"""The tags of the fault scenarios that are run first, and in the short version alone."""

COST = "cost"
"""The tag of scenarios that have no fault."""


def fault_scenarios(*, quick: bool) -> list[Found]:
    """Return the scenarios that plant a fault: deadlocks and leaks, then the rest."""
    found = [entry.found for entry in registry.installed() if entry.found]
    faulty = [each for each in found if COST not in each.scenario.tags]
    first = [each for each in faulty if set(FIRST) & set(each.scenario.tags)]
    return first if quick else [*first, *(each for each in faulty if each not in first)]


def try_faults(
    scenarios: Sequence[Found],
    output: Path,
    budget_s: float,
    tell: Callable[[str], None],
    interpreter: Interpreter,
) -> tuple[list[Tried], list[Missing]]:
    """Run each scenario once in each variant, with all captures, and return what came of it.

    What is not begun within ``budget_s`` seconds is missing, with that reason.
    """
    began = time.monotonic()
    tried: list[Tried] = []
    missing: list[Missing] = []
    for number, found in enumerate(scenarios, 1):
        tell(f"faults {number}/{len(scenarios)}: {found.scenario.name}")
        reason = f"the {budget_s:g} s for fault scenarios were used up"
        if time.monotonic() - began < budget_s:
            try:
                tried += _try(found, output, interpreter)
                continue
            except InterruptedRunError:
                raise
            except LabError as error:
                reason = error.line()
        missing += [
            Missing(
                program=found.scenario.name,
                variant=variant,
                reason=reason,
                tags=found.scenario.tags,
            )
            for variant in _variants(found.scenario)
        ]
    return tried, missing


def _variants(scenario: Scenario) -> tuple[Variant, ...]:
    """Return threads, and processes by one start method: fork, where the fault exists there."""
    kinds = [THREADS] if Workers.THREADS in scenario.variants else []
    if Workers.PROCESSES in scenario.variants:
        methods = scenario.start_methods
        fork = StartMethod.FORK in methods
        kinds.append(FORK if fork else Variant(Workers.PROCESSES, methods[0]))
    return tuple(kinds)


def _try(found: Found, output: Path, interpreter: Interpreter) -> Iterator[Tried]:
    """Run the faulty version; of one that leaks the corrected one, too: it leaks as much."""
    for corrected in (False, True) if LEAK in found.scenario.tags else (False,):
        request = _request(found, output, interpreter, heap=False, corrected=corrected)
        record = runner.run(request, lambda _event: None)
        assert record.result is not None
        for trial in record.result.trials:
            yield _tried(record, trial, output.parent)


def _request(
    found: Found, output: Path, interpreter: Interpreter, **options: Any
) -> runner.RunRequest:
    return runner.RunRequest(
        found=found,
        variants=_variants(found.scenario),
        parameters=found.scenario.arguments(options.pop("settings", {})),
        output=output,
        interpreters=(interpreter,),
        **options,
    )


def _tried(record: RunRecord, trial: Trial, root: Path) -> Tried:
    asked = trial.debuggability
    experiment = trial.experiment
    return Tried(
        scenario=record.header.scenario.name,
        tags=record.header.scenario.tags,
        variant=trial.variant,
        corrected=trial.corrected,
        cause=record.header.expectations[trial.variant.slug].cause,
        outcome=trial.outcome.kind,
        verdict=trial.verdict.kind if trial.verdict else VerdictKind.INCONCLUSIVE,
        answered=asked.score if asked else None,
        questions=len(asked.answers) if asked else 0,
        survivors_finished=experiment.others_finished if experiment else None,
        survivors=experiment.others if experiment else None,
        run=Path(record.directory).relative_to(root).as_posix(),
    )


RACE = Step(f"{PROGRAMS}.race:SCENARIO", THREADS)
"""The program whose race is hunted: the figures of the hunt stand beside its own."""


def hunt_race(output: Path, seed: int) -> tuple[Observation, ...]:
    """Hunt the race once and return how many executions it took, under ``seed``."""
    reference = RACE.reference.replace(":SCENARIO", ":two_increments")
    began = time.monotonic()
    result = contained.hunt(Request(reference, {"seed": seed}, output)).result
    took = time.monotonic() - began
    if result is None or result.executions_to_failure is None:
        return ()
    return (
        Observation(name="executions when hunted", value=result.executions_to_failure),
        Observation(name="seconds of the hunt", value=took, unit="s"),
    )


HEAPS = tuple(
    Step("memory-per-worker", variant, {"workers": "4", "modules": ""})
    for variant in (THREADS, FORK)
)
"""Whose heaps are profiled."""


def profile_heaps(
    output: Path, interpreter: Interpreter
) -> Iterator[tuple[Step, tuple[Observation, ...]]]:
    """Run idle workers under memray and yield the peak of each, by variant."""
    found = registry.find(HEAPS[0].reference)
    request = _request(
        found, output, interpreter, heap=True, flamegraphs=False, settings=HEAPS[0].settings
    )
    record = runner.run(request, lambda _event: None)
    assert record.result is not None
    for step in HEAPS:
        peaks = [
            use.peak_bytes
            for trial in record.result.trials
            for use in trial.heap
            if trial.variant == step.variant
            and trial.purpose is Purpose.HEAP
            and use.tool.startswith("memray")
            and use.label.startswith("worker")
        ]
        if peaks:
            peak = statistics.median(peaks)
            yield step, (Observation(name="heap peak a worker", value=peak, unit="bytes"),)
