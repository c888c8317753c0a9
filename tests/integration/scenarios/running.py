"""Running a scenario inside the test's own process, in every variant that it has."""

from __future__ import annotations

from pathlib import Path

from lab import registry, runner
from lab.model import RunRecord, Trial
from lab.scenario import Workers

SMALL: dict[str, dict[str, str]] = {
    "shared-payload": {"megabytes": "4", "workers": "2"},
    "responsiveness": {"ticks": "12"},
    "cpu-bound": {"steps": "100000"},
    "ipc-cost": {"times": "400"},
    "io-bound": {"requests": "4"},
    "file-toctou": {"tries": "100"},
}
RACES = (
    "lost-update", "check-then-act", "lazy-singleton", "early-publication", "torn-pair",
    "changed-while-iterated", "aba-pop", "unlocked-value", "shared-records", "ring-buffer",
    "mmap-counter",
)  # fmt: skip
SMALL |= {name: {"tries": "2000"} for name in RACES}
"""Settings with which a scenario that measures is over soon."""


def run(reference: str, output: Path, *, corrected: bool) -> RunRecord:
    found = registry.find(reference)
    scenario = found.scenario
    methods = scenario.start_methods if Workers.PROCESSES in scenario.variants else ()
    request = runner.RunRequest(
        found=found,
        variants=runner.choose_variants(scenario.variants, "all", methods, scenario.start_methods),
        parameters=scenario.arguments(SMALL.get(scenario.name, {})),
        corrected=corrected,
        heap=False,
        hunt=0,
        output=output,
    )
    return runner.run(request, lambda _event: None)


def complaints(trial: Trial) -> list[str]:
    assert trial.verdict is not None
    return [
        f"{trial.id}: {check.name}: saw {check.seen}, wanted {check.wanted}"
        for check in trial.verdict.checks
        if check.passed is not True
    ]


def said(record: RunRecord, trial: Trial) -> str:
    files = [out.artifact for out in trial.output if out.artifact]
    return "".join((Path(record.directory) / file).read_text() for file in files)
