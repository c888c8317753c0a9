"""The words of ``lab watch``, read without typer."""

from __future__ import annotations

import pytest
import typer.main

from lab.cli.app import app
from lab.errors import UsageError
from lab.watch.folder import name_of
from lab.watch.wishes import OPTIONS, read, seconds


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("90", 90.0),
        ("60s", 60.0),
        ("10m", 600.0),
        ("1.5h", 5400.0),
        ("2d", 172800.0),
        ("250ms", 0.25),
        (".5s", 0.5),
        ("0", None),
        ("0s", None),
    ],
)
def test_durations(text, wanted):
    assert seconds("--timeout", text) == wanted


@pytest.mark.parametrize("text", ["", "s", "1x", "-1", "1e3", "inf", "nan", "1 m", "1..5s", "٣s"])
def test_what_is_no_duration(text):
    with pytest.raises(UsageError, match="wanted: a duration"):
        seconds("--timeout", text)


def test_defaults():
    wishes = read(["--", "job", "--timeout", "3"])
    assert wishes.command == ("job", "--timeout", "3")
    assert (wishes.timeout_s, wishes.quiet_for_s) == (None, 60.0)
    assert wishes.actions == {"report", "kill"}


def test_all_options_in_both_forms_and_no_dashes():
    wishes = read(["--timeout=1m", "--quiet-for", "0", "--report=out", "--on-hang", "kill", "job"])
    assert (wishes.command, wishes.timeout_s, wishes.quiet_for_s) == (("job",), 60.0, None)
    assert (wishes.directory, wishes.actions) == ("out", {"kill"})


@pytest.mark.parametrize("words", [[], ["--"], ["--help"], ["--timeout"], ["--tim", "1", "x"]])
def test_what_is_left_to_typer(words):
    assert read(words) is None


def test_typer_knows_the_same_options():
    command = typer.main.get_command(app).commands["watch"]
    names = {name for each in command.params for name in each.opts if name.startswith("--")}
    assert names - {"--help"} == set(OPTIONS)


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["pytest", "-x"], "pytest"),
        (["/usr/bin/python3.12", "-u", "/srv/job.py", "a"], "job.py"),
        (["python", "-m", "package.module"], "package.module"),
        (["python", "-c", "print(1)"], "python"),
        (["python"], "python"),
        (["../..", "x"], "command"),
    ],
)
def test_names(command, name):
    assert name_of(command) == name
