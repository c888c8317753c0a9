"""Finding scenarios, and surviving those that cannot be imported."""

import importlib.metadata
import itertools
import sys

import pytest

from lab import importing, registry
from lab.cli import run_command_line
from lab.errors import UsageError

GOOD = """
from lab import Cause, OutcomeKind, Scenario, Truth

def program(kit):
    pass

def truth():
    return Truth(OutcomeKind.EXITED, Cause.NONE)

MINE = Scenario(
    name="mine", title="t", plants="p", why="w", cure="c",
    faulty=program, corrected=program, truth=truth,
)
"""

_names = itertools.count()


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Return a function that writes a module of a name never used before."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)

    def write(source):
        path = tmp_path / f"lab_test_scenario_{next(_names)}.py"
        path.write_text(source)
        return path

    yield write
    for name in set(sys.modules) - before:
        if name.startswith("lab_test_scenario_"):
            del sys.modules[name]


def entry(name, value):
    return importlib.metadata.EntryPoint(name, value, registry.GROUP)


@pytest.fixture
def registered(monkeypatch):
    """Return a function that sets what is registered."""

    def set_entries(*entries):
        monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: list(entries))

    return set_entries


def test_the_built_in_scenario_is_registered():
    found = registry.find("deadlock")
    assert found.scenario.name == "deadlock"
    assert found.source_file.name == "deadlock.py"


def test_a_file(write):
    path = write(GOOD)
    found = registry.find(str(path))
    assert found.scenario.name == "mine"
    assert (found.module, found.attribute) == (path.stem, "MINE")
    assert found.path_entry == str(path.parent)
    assert found.source_file == path


def test_a_file_and_a_name(write):
    assert registry.find(f"{write(GOOD)}:MINE").scenario.name == "mine"


def test_a_module_and_a_name():
    assert registry.find("scenarios.deadlock:SCENARIO").scenario.name == "deadlock"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("deadlok", r"unknown scenario 'deadlok'.*did you mean 'deadlock'.*lab list"),
        ("nowhere.py", r"no file nowhere\.py"),
        ("json:loads", r"'loads' in json is function"),
        ("json:nothing", r"'nothing' in json is NoneType"),
        ("lab_no_such_module:X", r"there is no module 'lab_no_such_module'"),
    ],
)
def test_what_cannot_be_found_is_said_in_one_line(reference, message):
    with pytest.raises(UsageError, match=message):
        registry.find(reference)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("1 / 0", r"ZeroDivisionError: division by zero \(.*\.py:1\)"),
        ("def f(:", r"SyntaxError"),
        ("import lab_no_such_thing", r"ModuleNotFoundError: No module named 'lab_no_such_thing'"),
        ("raise SystemExit(3)", r"SystemExit: 3"),
        ("import os; os._exit(7)", r"ended the interpreter \(exit status 7\)"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", r"signal SIGKILL"),
        ("x = 1", r"defines 0 scenarios: none"),
        (GOOD + "\nOTHER = MINE", r"defines 2 scenarios: MINE, OTHER"),
    ],
)
def test_a_module_that_does_not_import_is_named_with_its_reason(write, source, message):
    with pytest.raises(UsageError, match=message):
        registry.find(str(write(source)))


def test_a_module_that_never_ends_its_import(write, monkeypatch):
    monkeypatch.setattr(importing, "LIMIT_S", 0.2)
    with pytest.raises(UsageError, match=r"did not end within 0\.2 s"):
        registry.find(str(write("import time\nwhile True: time.sleep(1)")))


def test_a_file_whose_name_no_module_can_have(tmp_path):
    path = tmp_path / "my.scenario.py"
    path.write_text(GOOD)
    with pytest.raises(
        UsageError, match=r"'my\.scenario', for its dots; wanted: .*my_scenario\.py"
    ):
        registry.find(str(path))


def test_a_file_that_would_shadow_a_module(tmp_path):
    path = tmp_path / "json.py"
    path.write_text(GOOD)
    with pytest.raises(UsageError, match="already imported"):
        registry.find(str(path))


def test_a_broken_plugin_is_listed_and_hurts_no_other(registered, write):
    broken = write("1 / 0")
    sys.path.insert(0, str(broken.parent))
    registered(
        entry("deadlock", "scenarios.deadlock:SCENARIO"), entry("bad", f"{broken.stem}:SCENARIO")
    )
    bad, good = registry.installed()
    assert bad.found is None
    assert "ZeroDivisionError" in bad.error
    assert good.found is not None
    with pytest.raises(UsageError, match=r"'bad' .* is broken: .*ZeroDivisionError"):
        registry.find("bad")
    assert registry.find("deadlock").scenario.name == "deadlock"


def test_a_name_that_is_registered_twice_is_an_error(registered):
    registered(entry("deadlock", "scenarios.deadlock:SCENARIO"), entry("deadlock", "json:loads"))
    for listed in registry.installed():
        assert listed.duplicate
        assert "registered 2 times" in listed.error
    with pytest.raises(UsageError, match="registered 2 times"):
        registry.find("deadlock")


def test_a_plugin_whose_scenario_has_another_name_is_broken(registered):
    registered(entry("other", "scenarios.deadlock:SCENARIO"))
    assert "calls itself 'deadlock'" in registry.installed()[0].error


def test_lab_list_shows_what_is_broken_and_ends_well(registered, write, capsys):
    broken = write("raise RuntimeError('many times')")
    sys.path.insert(0, str(broken.parent))
    registered(
        entry("deadlock", "scenarios.deadlock:SCENARIO"), entry("bad", f"{broken.stem}:SCENARIO")
    )
    assert run_command_line(["list"]) == 0
    out = capsys.readouterr().out
    assert "deadlock" in out
    assert "broken" in out
    assert "RuntimeError" in out


def test_lab_list_complains_of_a_name_that_is_taken_twice(registered, capsys):
    registered(entry("deadlock", "scenarios.deadlock:SCENARIO"), entry("deadlock", "json:loads"))
    assert run_command_line(["list"]) == 2
    assert "registered more than once: deadlock" in capsys.readouterr().err
