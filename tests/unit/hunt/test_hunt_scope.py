"""Which files are switched in, by whatever path they are named."""

from __future__ import annotations

import json
import os

from lab.hunt.project import scope_of
from lab.hunt.sites import Scope


def inside(scope, *paths):
    return [scope.holds(str(path)) for path in paths]


def test_a_root_holds_what_is_below_it_and_nothing_that_only_begins_alike(tmp_path):
    scope = Scope((str(tmp_path / "project"),), "nowhere")
    below = tmp_path / "project" / "a.py", tmp_path / "project" / "deep" / "b.py"
    beside = tmp_path / "project2" / "a.py", tmp_path / "a.py", tmp_path / "project.py"
    assert inside(scope, *below) == [True, True]
    assert inside(scope, *beside) == [False, False, False]


def test_a_root_may_be_a_file_or_everything(tmp_path):
    assert inside(Scope((str(tmp_path / "a.py"),), "nowhere"), tmp_path / "a.py") == [True]
    assert inside(Scope((os.sep,), "nowhere"), tmp_path / "a.py") == [True]


def test_installed_packages_below_a_root_are_left_out_unless_they_are_traced(tmp_path):
    installed = tmp_path / ".venv" / "lib" / "site-packages" / "thing"
    assert inside(Scope((str(tmp_path),), "nowhere"), installed / "a.py") == [False]
    traced = Scope((str(tmp_path), str(installed)), "nowhere")
    assert inside(traced, installed / "a.py", installed.parent / "other.py") == [True, False]


def test_the_library_and_what_has_no_file_are_left_out():
    scope = Scope((os.sep,), "nowhere")
    assert inside(scope, json.__file__, "<string>", "<frozen importlib._bootstrap>") == [False] * 3


def test_a_relative_name_means_what_the_working_directory_says(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    scope = Scope((str(tmp_path / "in"),), "nowhere")
    monkeypatch.chdir(tmp_path / "in")
    assert inside(scope, "a.py") == [True]
    monkeypatch.chdir(tmp_path)
    assert inside(scope, "a.py", "in/a.py") == [False, True]


def test_hunts_of_one_project_share_what_was_found_out(tmp_path):
    one, other = (scope_of(str, (), (str(tmp_path),)) for _ in range(2))
    assert one is other
    assert scope_of(str, (), (str(tmp_path / "else"),)) is not one
