"""Programs that are no lessons of the library: what was built for those must hold for them, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.model import VerdictKind
from tests.integration.scenarios.running import complaints, run, said

PROGRAMS = sorted(
    path.name
    for path in (Path(__file__).parent / "unseen").glob("*.py")
    if "SCENARIO" in path.read_text()
)


@pytest.mark.parametrize("corrected", [False, True], ids=["faulty", "corrected"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_it_ends_and_is_diagnosed_as_its_truth_says(
    program: str, corrected: bool, tmp_path: Path
) -> None:
    file = Path(__file__).parent / "unseen" / program
    record = run(str(file), tmp_path, corrected=corrected)

    assert record.result is not None
    for trial in record.result.trials:
        assert complaints(trial) == []
        assert "Traceback" not in said(record, trial)
    assert record.result.verdict is VerdictKind.AS_EXPECTED
