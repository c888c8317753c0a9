"""A hunt from a test's own process: kept failures first, Hypothesis's inputs, the answer kept.

Beside Hypothesis, it draws the inputs and shrinks them, and every input is hunted anew. Only what
it reports in the end is worth shrinking the schedule for.
"""

from __future__ import annotations

import contextlib
import copy
import os
import sys
import time
import types
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec

from lab.errors import UsageError
from lab.hunt import Settings, replay
from lab.hunt.project import file_of
from lab.hunt.schedule import parse
from lab.hunt.sites import FREE_THREADED
from lab.hunts.answers import Answer, ask, from_replay
from lab.hunts.guard import Guard, Leave
from lab.hunts.kept import Kept, identity
from lab.hunts.smaller import shrunk
from lab.hunts.wishes import Wishes

REPLAY: Final = "LAB_REPLAY"
"""The environment variable with the token that is to be replayed instead of hunting."""

_CONTAINERS: Final = (list, dict, set, bytearray, deque, tuple)


class Call:
    """``function`` with its arguments, called afresh for each execution.

    Containers are copied each time, so that an execution cannot see what the one before did to
    them; a method of a ``unittest.TestCase`` gets a case of its own, set up and torn down. Anything
    else is the caller's, and shared.
    """

    def __init__(
        self, function: Callable[..., object], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        if any(map(_draws_later, (*args, *kwargs.values()))):
            raise UsageError(
                f"{getattr(function, '__qualname__', function)} draws in its body (st.data())",
                wanted="inputs that are drawn before: each execution has to have the same ones",
                next_step="name the strategies in @given",
            )
        self.__wrapped__ = function
        self._args = args
        self._kwargs = kwargs

    def __call__(self) -> object:
        """Call the function."""
        if not self._kwargs and len(self._args) == 1 and _is_case(self._args[0]):
            run_case(type(self._args[0]), self._args[0]._testMethodName, self.__wrapped__)
            return None
        kwargs = {name: _fresh(value) for name, value in self._kwargs.items()}
        return self.__wrapped__(*map(_fresh, self._args), **kwargs)


def _draws_later(value: Any) -> bool:
    kind = type(value)
    return kind.__name__ == "DataObject" and kind.__module__.startswith("hypothesis.")


def run_case(kind: Any, name: str, function: Callable[..., object]) -> None:
    """Run ``function`` as the test ``name`` of a new ``unittest.TestCase`` of type ``kind``."""
    case = kind(name)
    setattr(case, name, types.MethodType(function, case))
    case.debug()


def _is_case(value: Any) -> bool:
    return isinstance(value, getattr(sys.modules.get("unittest.case"), "TestCase", ()))


def _fresh(value: Any) -> Any:
    if type(value) not in _CONTAINERS:
        return value
    try:
        return copy.deepcopy(value)
    except (TypeError, copy.Error, RecursionError):
        return value  # a lock or a file is in it: no copy could stand for it


def name_of(function: Callable[..., Any], suffix: str = "") -> str:
    """Return the name under which the failures of ``function`` are kept and replayed."""
    name = getattr(function, "__qualname__", type(function).__name__)
    return identity(file_of(function), name + suffix)


def conduct(
    body: Callable[[], object],
    wishes: Wishes,
    name: str,
    *,
    token: str | None = None,
    begin: Callable[[int], None] | None = None,
) -> Answer:
    """Hunt ``body``, or run it under the schedule ``token`` only; keep what is found.

    ``begin`` is told the number of each execution before it begins. An exception by which the test
    skips itself or rejects its input is raised as it is.
    """
    drawn = _example()
    settings = wishes.settings(name, drawn=drawn is not None)
    asked_for = token if token is not None else _asked_for(name)
    with _off_the_clock(drawn):
        if asked_for is not None:
            return repeat(body, asked_for, settings, begin=begin)
        if drawn is None:
            return hunted(body, settings)
        example = Guard(body, begin)
        try:
            return _hunted_example(example, settings, final=drawn.is_final)
        except Leave as leaving:
            raise leaving.reason from None


def repeat(
    body: Callable[[], object],
    token: str,
    settings: Settings,
    times: int = 1,
    begin: Callable[[int], None] | None = None,
) -> Answer:
    """Run ``body`` under one schedule; a difference makes a run without a failure inconclusive."""
    guard = Guard(body, begin)
    try:
        again = replay(guard, token, settings, times=times)
    except Leave as leaving:
        raise leaving.reason from None
    main = again.failure is not None and again.failure.thread == "main"
    return Answer(
        result=from_replay(again, token, settings),
        inconclusive="" if again.failure else again.difference,
        cause=guard.error if main else None,
        failed=again.failed,
        difference=again.difference,
    )


def hunted(
    body: Callable[[], object],
    settings: Settings,
    *,
    begin: Callable[[int], None] | None = None,
    sound: bool = True,
) -> Answer:
    """Hunt ``body``, kept failures first; keep what is found, forget what fails no more.

    The arguments are those of :func:`~lab.hunts.answers.ask`.
    """
    kept = Kept(settings.name)
    tokens = kept.tokens()
    answer = ask(body, settings, first=tokens, begin=begin, sound=sound)
    if not answer.kept:
        for token in tokens:
            kept.drop(token)
    _keep(kept, answer)
    return answer


def _hunted_example(body: Callable[[], object], settings: Settings, *, final: bool) -> Answer:
    """Hunt one input. What an input failed under is tried on the next: inputs shrink faster."""
    kept = Kept(settings.name)
    if not final:
        one = FREE_THREADED if settings.model == "both" else settings.model
        settings = msgspec.structs.replace(settings, shrink=False, model=one)
        answer = ask(body, settings, first=kept.tokens(), sound=False)
    else:
        answer = _final_example(body, settings, kept)
    _keep(kept, answer)
    return msgspec.structs.replace(answer, kept=False)


def _final_example(body: Callable[[], object], settings: Settings, kept: Kept) -> Answer:
    """Hunt the input that is reported, in full; it did fail, if only under a kept schedule."""
    answer = ask(body, settings, sound=False)
    if answer.result.found:
        return answer
    again = ask(body, settings, first=kept.tokens(), sound=False)
    if not again.kept:
        return answer
    return msgspec.structs.replace(again, result=shrunk(body, again.result, settings))


def _keep(kept: Kept, answer: Answer) -> None:
    if answer.result.found and answer.result.schedule is not None:
        kept.add(answer.result.schedule)


def _asked_for(name: str) -> str | None:
    """Return the token in the environment, if it is of the test called ``name``."""
    token = os.environ.get(REPLAY, "")
    return token if token and parse(token).target in (name, "") else None


def _example() -> Any:
    """Return Hypothesis's context of the current example, None when there is none."""
    control: Any = sys.modules.get("hypothesis.control")
    if control is None or not control.currently_in_test_context():
        return None
    return control.current_build_context()


@contextlib.contextmanager
def _off_the_clock(example: Any) -> Iterator[None]:
    """Keep a hunt out of the time that Hypothesis measures for its deadline: many tests in one."""
    began = time.perf_counter()
    try:
        yield
    finally:
        # Where it adds up the steps of state machines, which it leaves out, too.
        times = getattr(getattr(example, "data", None), "_stateful_run_times", None)
        if isinstance(times, dict):
            times["lab"] = times.get("lab", 0.0) + time.perf_counter() - began
