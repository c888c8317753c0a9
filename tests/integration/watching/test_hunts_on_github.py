"""A race that a hunt finds in GitHub Actions: one annotation on its line, and one table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.hunts.programs import COUNTER, pytest_in, write
from tests.integration.lab_command import lab

RACE = (
    COUNTER
    + """
import lab

@lab.interleave(executions=200)
def test_lost():
    counter = Counter()
    together(counter.increment)
    assert counter.value == 2
"""
)


def actions(folder: Path) -> dict[str, str]:
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKSPACE": str(folder),
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
    }


def check(folder: Path, said: str) -> None:
    (line,) = [each for each in said.splitlines() if each.startswith("::error ")]
    assert line.startswith("::error file=test_it.py,line=")
    assert "is stopped before this line" in line
    summary = (folder / "summary.md").read_text()
    assert summary.count("### assertion") == 1
    assert "<em>switch&#58; " in summary
    assert "lab1." in summary


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_hunted_test_that_fails_is_announced_once(tmp_path, workers):
    write(tmp_path, RACE)
    done = pytest_in(tmp_path, "-n", workers, **actions(tmp_path))
    assert done.code == 1, done.out
    check(tmp_path, done.out)


def test_the_command_announces_it_too_and_keeps_its_json_clean(tmp_path):
    path = write(tmp_path, RACE)
    reference = f"{path}:test_lost"
    done = lab("hunt", reference, "--json", "--output", tmp_path / "r", **actions(tmp_path))
    assert done.code == 1, done.err
    assert json.loads(done.out)["kind"] == "assertion"
    check(tmp_path, done.err)
