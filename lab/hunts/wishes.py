"""What a person asked of a hunt: a decorator, a mark or options, each leaving most things open."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, Final

from lab.errors import UsageError, suggest
from lab.hunt import Settings

MARK: Final = "__lab_interleave__"
"""The attribute in which a decorated test keeps what was wished of its hunt."""

EXECUTIONS: Final = 2000
EXECUTIONS_PER_EXAMPLE: Final = 50
"""Hypothesis brings a hundred inputs: together they are a hunt, each of them need not be."""


@dataclass(frozen=True)
class Wishes:
    """Settings of which ``None`` (or no package) leaves the choice to whoever asks next."""

    executions: int | None = None
    seconds: float | None = None
    model: str | None = None
    strategy: str | None = None
    seed: int | None = None
    trace: tuple[str, ...] = ()
    race_timeouts: bool | None = None

    def over(self, others: Wishes) -> Wishes:
        """Return these wishes, with ``others`` where nothing was wished; packages add up."""
        chosen = {
            name: mine if (mine := getattr(self, name)) is not None else getattr(others, name)
            for name in names()
        }
        return Wishes(**{**chosen, "trace": tuple(dict.fromkeys((*others.trace, *self.trace)))})

    def settings(self, name: str, *, drawn: bool = False) -> Settings:
        """Return the settings for the test called ``name``; ``drawn`` says Hypothesis calls it."""
        usual = EXECUTIONS_PER_EXAMPLE if drawn else EXECUTIONS
        given = {each: value for each in names() if (value := getattr(self, each)) is not None}
        return Settings(**{"executions": usual, **given, "name": name})


def wishes_of(function: Any) -> Wishes | None:
    """Return what was wished of the hunt of a decorated test, None for any other."""
    found = getattr(function, MARK, None)
    return found if isinstance(found, Wishes) else None


def bare(function: Any) -> Any:
    """Return the test unbound, and without the decorator that would hunt it once more."""
    function = getattr(function, "__func__", function)
    return function.__wrapped__ if wishes_of(function) is not None else function


def asynchronous(function: Any) -> bool:
    """Whether a test, decorated or not, is one that an event loop has to run."""
    test = bare(function)
    return inspect.iscoroutinefunction(test) or inspect.isasyncgenfunction(test)


def refusal(function: Any, whose: str) -> UsageError:
    """Return the error that says that ``function``, asynchronous, cannot be hunted."""
    what = getattr(function, "__qualname__", repr(function))
    return UsageError(f"{whose} {what}, which is asynchronous", wanted="a test that starts threads")


def names() -> list[str]:
    """Return the names of all wishes."""
    return [each.name for each in fields(Wishes)]


def wishes_from(given: dict[str, Any], whose: str) -> Wishes:
    """Return wishes from keyword arguments; :class:`UsageError` for unknown or impossible ones."""
    for name in given:
        if name not in names():
            raise UsageError(f"{whose} takes no argument {name!r}", wanted=suggest(name, names()))
    trace = given.get("trace") or ()
    packages = (trace,) if isinstance(trace, str) else tuple(trace)
    return checked(Wishes(**{**given, "trace": packages}), whose)


def checked(wishes: Wishes, whose: str) -> Wishes:
    """Return ``wishes``; :class:`UsageError` when one of them makes no sense."""
    from lab.hunt.records import BOTH
    from lab.hunt.sites import FREE_THREADED, GIL
    from lab.hunt.strategies import NAMES

    _at_least_one(wishes.executions, whose)
    if wishes.seconds is not None and not wishes.seconds > 0:
        raise UsageError(f"{whose}: seconds={wishes.seconds:g}", wanted="more than 0")
    _one_of(wishes.model, (GIL, FREE_THREADED, BOTH), f"{whose}: model")
    _one_of(wishes.strategy, NAMES, f"{whose}: strategy")
    return wishes


def _at_least_one(executions: int | None, whose: str) -> None:
    if executions is not None and executions < 1:
        raise UsageError(f"{whose}: executions={executions}", wanted="at least 1")


def _one_of(word: str | None, known: Iterable[str], what: str) -> None:
    if word is not None and word not in known:
        raise UsageError(f"{what} {word!r}", wanted=suggest(word, known))
