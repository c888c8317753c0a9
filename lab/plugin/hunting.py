"""Hunting one item: its test is replaced for the call, and what was explored is reported."""

from __future__ import annotations

import contextlib
import functools
import shlex
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lab.errors import UsageError
from lab.hunts.answers import Answer
from lab.hunts.conduct import Call, conduct
from lab.hunts.guard import HuntsItselfError
from lab.hunts.wishes import asynchronous, bare, refusal
from lab.interleaving import HuntInconclusiveError, settle
from lab.plugin.asked import is_explicit, name_of, test_of, wished
from lab.plugin.renewal import Renewal
from lab.plugin.summary import Tally


@contextlib.contextmanager
def hunting(item: pytest.Item, under: str) -> Iterator[None]:
    """Make the call of ``item`` a hunt; the line on it goes ``under`` a property of the item."""
    test = test_of(item)
    if asynchronous(test) and is_explicit(item):
        pytest.fail(refusal(test, "a hunt of").line(), pytrace=False)
    if asynchronous(test) or not isinstance(item, pytest.Function):
        yield
        return
    tally = Tally(item.nodeid)
    try:
        with _replaced(item, _Hunt(item, tally)):
            yield
    except UsageError as error:
        pytest.fail(error.line(), pytrace=False)
    finally:
        item.user_properties.append((under, tally.line()))


@contextlib.contextmanager
def _replaced(item: pytest.Function, hunt: _Hunt) -> Iterator[None]:
    """Put ``hunt`` where the item's test function is called from, and put that back."""
    holder: Any = getattr(item.obj, "hypothesis", None)
    place, name = (item, "obj") if holder is None else (holder, "inner_test")
    before = getattr(place, name)
    setattr(place, name, hunt.whole if holder is None else hunt.example(before))
    try:
        yield
    finally:
        setattr(place, name, before)


class _Hunt:
    """The hunt of one item."""

    def __init__(self, item: pytest.Function, tally: Tally) -> None:
        self._item = item
        self._tally = tally
        self._name = name_of(item)
        self._wishes = wished(item)
        self._token: str | None = item.config.getoption("lab_replay")
        self._function = bare(test_of(item))

    def whole(self, **_fixtures: Any) -> None:
        """Stand in for the test of an item without Hypothesis; fixtures are made anew each time."""
        __tracebackhide__ = True
        self._conduct(self._body())

    def _body(self) -> Callable[[], object]:
        instance = self._item.instance
        if _is_case(instance):
            return Call(self._function, (instance,), {})
        renewal = Renewal(self._item, self._function)
        # What pytest has made for the call is not used; it may well object to that.
        with contextlib.suppress(Exception, pytest.fail.Exception):
            renewal.finish()
        return renewal

    def example(self, inner: Any) -> Any:
        """Return what stands in for the test that Hypothesis calls with each input."""
        function = bare(inner)

        @functools.wraps(function)
        def hunted(*args: Any, **kwargs: Any) -> None:
            __tracebackhide__ = True
            self._conduct(Call(function, args, kwargs))

        return hunted

    def _conduct(self, body: Callable[[], object]) -> None:
        __tracebackhide__ = True
        try:
            answer = conduct(body, self._wishes, self._name, token=self._token)
        except HuntsItselfError as error:
            self._tally.leave(error.seen)
            return
        self._tally.add(answer)
        self._settle(answer)

    def _settle(self, answer: Answer) -> None:
        __tracebackhide__ = True
        try:
            settle(answer, self._replay_line)
        except HuntInconclusiveError as error:
            if is_explicit(self._item):
                raise
            pytest.skip(error.line())

    def _replay_line(self, token: str) -> str:
        return shlex.join(["pytest", self._item.nodeid, "--lab-replay", token])


def _is_case(instance: object) -> bool:
    import unittest

    return isinstance(instance, unittest.TestCase)
