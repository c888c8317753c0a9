"""Every built-in scenario, faulty and corrected, once in every variant in which it exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import registry
from lab.model import VerdictKind
from lab.scenario import OutcomeKind, Scenario
from tests.integration.scenarios.running import complaints, run, said

NAMES = sorted(entry.name for entry in registry.installed() if not entry.error)


@pytest.mark.parametrize("name", NAMES)
def test_the_faulty_version_shows_its_fault_and_is_diagnosed(name: str, tmp_path: Path) -> None:
    record = run(name, tmp_path, corrected=False)

    assert record.result is not None
    for trial in record.result.trials:
        wanted = record.header.expectations[trial.variant.slug].outcome
        assert complaints(trial) == []
        assert trial.outcome.kind is wanted
        assert (trial.outcome.proof is not None) == (wanted is OutcomeKind.DEADLOCKED)
        mourns = trial.experiment is not None or {"killed", "broken"} & set(
            record.header.scenario.tags
        )
        assert (trial.debuggability is None) == ("cost" in record.header.scenario.tags)
        if not mourns:  # a worker may well mourn the one that was killed
            assert "Traceback" not in said(record, trial)
    assert record.result.verdict is VerdictKind.AS_EXPECTED


@pytest.mark.parametrize("name", NAMES)
def test_the_corrected_version_ends_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    record = run(name, tmp_path, corrected=True)

    assert record.result is not None
    for trial in record.result.trials:
        assert complaints(trial) == []
        assert (trial.outcome.kind, trial.outcome.exit_code) == (OutcomeKind.EXITED, 0)
        assert trial.reaped is not None
        assert (trial.reaped.killed, trial.reaped.leftovers) == (0, ())
        assert said(record, trial) == ""  # a worker that failed would have left a traceback
    assert record.result.verdict is VerdictKind.AS_EXPECTED


@pytest.mark.parametrize(("tags", "number"), [({"deadlock"}, 18), ({"killed", "broken"}, 23)])
def test_the_groups_are_complete(tags: set[str], number: int) -> None:
    scenarios: list[Scenario] = [registry.find(name).scenario for name in NAMES]
    assert sum(bool(tags & set(scenario.tags)) for scenario in scenarios) >= number
