"""What the README shows works as it is shown."""

from __future__ import annotations

import re
from pathlib import Path

from tests.integration.lab_command import lab

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_the_scenario_of_the_readme_runs_in_both_versions(tmp_path):
    (source,) = re.findall(r"```python\n(from lab import Cause.*?)```", README, re.DOTALL)
    path = tmp_path / "relock.py"
    path.write_text(source)
    for options in ([], ["--corrected"]):
        done = lab("run", path, "--no-heap", "--output", tmp_path, *options)
        assert done.code == 0, done.out + done.err


def test_every_command_of_the_readme_is_one():
    help_text = lab("--help").out
    for command in set(re.findall(r"`lab ([a-z]+)[ `]", README)):
        assert re.search(rf"^  {command}\b", help_text, re.MULTILINE), command


def test_every_option_that_is_named_for_run_is_one():
    (sentence,) = re.findall(r"`lab run` takes (.*?)`lab run --help`", README, re.DOTALL)
    help_text = lab("run", "--help").out
    for option in re.findall(r"--[a-z-]+", sentence):
        assert option in help_text


def test_the_race_of_the_readme_is_found(tmp_path):
    (source,) = re.findall(r"```python\n(import threading.*?)```", README, re.DOTALL)
    path = tmp_path / "test_readme_counter.py"
    path.write_text(source)
    done = lab("hunt", f"{path}:test_counter_is_safe", "--json", "--output", tmp_path)
    assert done.code == 1, done.err
    assert done.json["kind"] == "assertion"
    assert done.json["switches"] == 1
