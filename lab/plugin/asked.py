"""What pytest was asked: options over marks over decorators, and the one test of a token."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import pytest

from lab.errors import UsageError, suggest
from lab.hunt.project import file_of
from lab.hunt.schedule import read
from lab.hunts import conduct
from lab.hunts.wishes import Wishes, names, wishes_from, wishes_of


def check_options(config: pytest.Config) -> None:
    """End with one line when an option makes no sense, before anything is collected."""
    try:
        options_of(config)
        if config.getoption("lab_replay"):
            read(config.getoption("lab_replay"))
    except UsageError as error:
        raise pytest.UsageError(error.line()) from error


def options_of(config: pytest.Config) -> Wishes:
    """Return what the command line wishes."""
    given = {name: config.getoption(f"lab_{name}") for name in names()}
    return wishes_from({name: value for name, value in given.items() if value is not None}, "--lab")


def wished(item: pytest.Item) -> Wishes:
    """Return what is wished of the hunt of ``item``, from all who have a say."""
    asked = options_of(item.config)
    for mark in item.iter_markers("interleave"):
        if mark.args:
            raise UsageError(
                f"@pytest.mark.interleave{mark.args!r}", wanted="keyword arguments, executions=..."
            )
        asked = asked.over(wishes_from(dict(mark.kwargs), "@pytest.mark.interleave"))
    return asked.over(wishes_of(test_of(item)) or Wishes())


def is_explicit(item: pytest.Item) -> bool:
    """Whether this very test was asked for, by a mark, a decorator or a token."""
    return bool(
        item.get_closest_marker("interleave")
        or wishes_of(test_of(item)) is not None
        or item.config.getoption("lab_replay")
    )


def test_of(item: pytest.Item) -> Any:
    """Return the test function of ``item``; of a test of Hypothesis, the one that it calls."""
    function = getattr(item, "obj", None)
    return getattr(getattr(function, "hypothesis", None), "inner_test", function)


def name_of(item: pytest.Item) -> str:
    """Return the name under which failures of ``item`` are kept, parameters included."""
    call: Any = getattr(item, "callspec", None)
    return conduct.name_of(test_of(item), f"[{call.id}]" if call is not None else "")


def keep_only(config: pytest.Config, items: list[pytest.Item], token: str) -> None:
    """Deselect all but the test of ``token``; it is an error when there is none."""
    target = read(token).target
    functions = [item for item in items if file_of(test_of(item) or print)]
    found = [item for item in functions if target in (name_of(item), item.nodeid)]
    if not found:
        known = {name_of(item) for item in functions}
        raise pytest.UsageError(
            f"no selected test is {target!r}, of which this schedule is; {suggest(target, known)}"
        )
    others = [item for item in items if item not in found]
    config.hook.pytest_deselected(items=others)
    items[:] = found


def keep_paths(config: pytest.Config, parser: pytest.Parser, args: list[str]) -> None:
    """Have no path taken for the seconds of ``--lab-watch``; changes ``args`` in place."""
    for index, (word, following) in enumerate(itertools.pairwise(args)):
        if word == "--lab-watch" and not following.replace(".", "", 1).isdecimal():
            args[index] = "--lab-watch="
    config.known_args_namespace = parser.parse_known_args(args, copy.copy(config.option))
