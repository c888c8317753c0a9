"""Linearizability: operations drawn by Hypothesis, run in parallel, explained by some order or not.

Hypothesis (an optional extra of the lab) draws and shrinks what the threads do, the hunt finds and
shrinks how they interleave.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from lab.errors import LabError, UsageError
from lab.hunt.histories import Call, History, Outcome, Plan, Sequential, concurrently
from lab.hunt.loop import Search, hunt
from lab.hunt.project import project_of, scope_of
from lab.hunt.records import HuntResult, Settings
from lab.hunt.session import Session
from lab.hunt.sites import FREE_THREADED

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

_ASKED: Final = Settings(executions=100, model=FREE_THREADED)
Operations = Mapping[str, Sequence["SearchStrategy[Any]"]]


class NotLinearizable(LabError, AssertionError):  # noqa: N818 - a finding, told like an assertion
    """No sequential order of the operations explains what they returned.

    ``plan`` are the operations, ``result`` the hunt's answer with the schedule and its trace.
    """

    def __init__(self, plan: Plan, result: HuntResult) -> None:
        self.plan = plan
        self.result = result
        super().__init__(
            f"not linearizable: {result.message}",
            next_step=f"replay {result.schedule} with the operations {describe(plan)}",
        )


def linearizable(
    type_: Callable[[], Any],
    operations: Operations,
    *,
    model: Callable[[], Any] | None = None,
    threads: int = 2,
    length: int = 3,
    examples: int = 30,
    settings: Settings = _ASKED,
) -> None:
    """Check that objects made by ``type_`` are linearizable under ``operations``.

    ``operations`` maps a method's name to the Hypothesis strategies of its arguments. ``model``
    makes the object that says what is right when one thing is done at a time; by default that is
    ``type_`` itself. Up to ``threads`` threads perform up to ``length`` operations each, in
    ``examples`` drawn plans. Raises :class:`NotLinearizable` with the smallest plan and schedule
    found, :class:`~lab.errors.UsageError` without Hypothesis or without operations.
    """
    if not operations:
        raise UsageError("there are no operations", wanted="a method's name and its arguments")
    checker = Checker(type_, model or type_, settings)
    broken = checker.first_broken(
        lambda check: _drawn(operations, threads, length, examples, check)
    )
    if broken is not None:
        raise NotLinearizable(broken, checker.hunt(broken))


class _BrokenPlanError(AssertionError):
    """Tells Hypothesis that a plan failed, and carries the smallest one out."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(describe(plan))
        self.plan = plan


class Checker:
    """Checks one plan after the other, all in one session."""

    def __init__(
        self, make: Callable[[], Any], model: Callable[[], Any], settings: Settings
    ) -> None:
        self._make = make
        self._model = model
        roots = settings.roots or _roots_of(make)
        self._settings = msgspec.structs.replace(settings, roots=roots, name=_name(make))
        self._outcomes: dict[str, list[Outcome]] = {}

    def first_broken(self, draw: Callable[[Callable[[Plan], None]], None]) -> Plan | None:
        """Return the plan, shrunk by ``draw``, that has an interleaving without explanation."""
        with self._session() as session:

            def check(plan: Plan) -> None:
                if self._breaks(session, plan):
                    raise _BrokenPlanError(plan)

            try:
                draw(check)
            except _BrokenPlanError as broken:
                return broken.plan
        return None

    def _breaks(self, session: Session, plan: Plan) -> bool:
        outcomes = Sequential(session, self._model, plan).outcomes()
        self._outcomes[describe(plan)] = outcomes
        if not outcomes:
            return False
        session.body = self.body(plan, outcomes)
        return Search(session, self._settings, self._settings.executions).run(float("inf"))

    def hunt(self, plan: Plan) -> HuntResult:
        """Return the answer of a hunt of its own for a plan that :meth:`first_broken` returned."""
        return hunt(self.body(plan, self._outcomes[describe(plan)]), self._settings)

    def _session(self) -> Session:
        asked = self._settings
        return Session(
            self._make,
            scope_of(self._make, asked.trace, asked.roots),
            asked.model,
            max_steps=asked.max_steps,
            stall=asked.stall,
            pin=asked.pin,
        )

    def body(self, plan: Plan, outcomes: list[Outcome]) -> Callable[[], None]:
        """Return the test that the hunt runs: perform the plan, explain the history."""

        def body() -> None:
            history = History()
            concurrently(self._make, plan, history)
            if not any(history.explained_by(outcome) for outcome in outcomes):
                raise AssertionError(_told(plan, history))

        return body


def _drawn(
    operations: Operations,
    threads: int,
    length: int,
    examples: int,
    check: Callable[[Plan], None],
) -> None:
    try:
        import hypothesis
        from hypothesis import strategies
    except ImportError as error:
        raise UsageError(
            "Hypothesis is not installed",
            wanted="it to draw operations",
            next_step="pip install 'concurrency-lab[hunt]'",
        ) from error
    calls = strategies.one_of(
        *(
            strategies.builds(Call, strategies.just(name), strategies.tuples(*arguments))
            for name, arguments in operations.items()
        )
    )
    lists = strategies.lists(calls, min_size=1, max_size=length).map(tuple)
    plans = strategies.builds(
        Plan,
        before=strategies.lists(calls, max_size=length).map(tuple),
        threads=strategies.lists(lists, min_size=2, max_size=threads).map(tuple),
    )

    @hypothesis.settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        report_multiple_bugs=False,
    )
    @hypothesis.given(plans)
    def run(plan: Plan) -> None:
        check(plan)

    run()


def _roots_of(make: Callable[[], Any]) -> tuple[str, ...]:
    try:
        file = inspect.getsourcefile(inspect.unwrap(make))
    except TypeError:
        file = None
    if file is None:
        raise UsageError(
            f"the source of {_name(make)} is not known",
            wanted="a class or function written in Python",
            next_step="pass Settings(roots=...) with the files to switch in",
        )
    # A library's own class is looked at by itself, a project's class with its project.
    return (file,) if "site-packages" in file else tuple(project_of(Path(file)))


def _name(make: Callable[[], Any]) -> str:
    return getattr(make, "__qualname__", type(make).__name__)


def describe(plan: Plan) -> str:
    """Return the operations in words: what comes first, and then each thread's."""
    parts = [f"T{index + 1}: {_listed(calls)}" for index, calls in enumerate(plan.threads)]
    return " | ".join([f"before: {_listed(plan.before)}"] * bool(plan.before) + parts)


def _listed(calls: Sequence[Call]) -> str:
    return ", ".join(map(str, calls))


def _told(plan: Plan, history: History) -> str:
    parts = [f"before: {_listed(plan.before)}"] * bool(plan.before)
    for index, calls in enumerate(plan.threads):
        done = []
        for rank, call in enumerate(calls):
            result = history.results.get((index, rank))
            shown = "never returns" if result is None else _shown(result)
            done.append(f"{call} {shown}")
        parts.append(f"T{index + 1}: {', '.join(done)}")
    return " | ".join(parts)


def _shown(result: tuple[bool, Any]) -> str:
    raised, value = result
    return f"raises {value}" if raised else f"-> {value!r}"
