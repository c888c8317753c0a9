"""``lab list`` and ``lab faults`` where no terminal gives them a width, or a narrow one does."""

from __future__ import annotations

import pytest

from lab import registry
from lab.cli import run_command_line
from lab.registry import Listed


def test_each_scenario_is_one_line_for_grep(monkeypatch, capsys):
    names = ("changed-while-iterated", "unseen-exception", "killed-holder")
    found = tuple(Listed(name, "", registry.find(name)) for name in names)
    monkeypatch.setattr(registry, "installed", lambda: found)
    assert run_command_line(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for each in found:
        assert each.found is not None
        (line,) = [line for line in lines if line.startswith(each.name)]
        assert each.found.scenario.title in line
        assert line.rstrip().endswith(each.found.scenario.tags[-1])


@pytest.mark.parametrize("columns", ["40", "80"])
def test_no_word_of_the_faults_is_cut_off(monkeypatch, capsys, columns):
    monkeypatch.setenv("COLUMNS", columns)
    assert run_command_line(["faults"]) == 0
    out = capsys.readouterr().out
    assert "…" not in out
    assert max(map(len, out.splitlines()[2:-2])) <= int(columns)


def test_the_version_is_told_with_that_of_python(capsys):
    assert run_command_line(["--version"]) == 0
    assert capsys.readouterr().out.startswith("lab 0.1.0 (Python 3.")
