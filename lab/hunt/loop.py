"""The hunt: execute, watch, narrow, fail, shrink, replay, and say what was and was not seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from lab.errors import UsageError, suggest
from lab.hunt import _real
from lab.hunt.batches import BATCH, WHOLE, Share, numbers, seed_of
from lab.hunt.collector import Garbage, collect
from lab.hunt.distinct import Distinct
from lab.hunt.engine import Observer
from lab.hunt.events import EventfulEngine, expire
from lab.hunt.outcome import Failure, Outcome
from lab.hunt.profile import Profile
from lab.hunt.project import scope_of
from lab.hunt.recorder import Recorder, Step
from lab.hunt.records import BOTH, FOUND, HuntResult, Settings, not_found
from lab.hunt.replays import loosen
from lab.hunt.results import result_of
from lab.hunt.session import Session
from lab.hunt.shrink import Shrinker, Switches, cost
from lab.hunt.sites import FREE_THREADED, GIL, Scope
from lab.hunt.strategies import dealer
from lab.hunt.strategies.base import Strategy
from lab.hunt.strategies.replay import Replay, Retrace
from lab.hunt.turns import Turn

# Executions that are observed, to learn which places race: the first, and later ones that may come
# to places which the first did not.
_OBSERVED: Final = frozenset((0, 1, 2, 16, 64, 256, 1024))
# Executions that are run a second time: the same decisions have to lead to the same end.
_REPEATED: Final = frozenset((4, 40, 400, 4000))
# Every so often all visible places are switch points again, not only those seen to race.
_WIDE_EVERY: Final = 128
_WIDE_FOR: Final = 16
SECOND_MODEL: Final = 200  # executions spent on whether the other model has the failure too
_SECOND_LOOK: Final = 120  # executions spent on finding a schedule that shrinks further
_FEW: Final = 2  # hand-overs with which a schedule is small enough
_ATTEMPTS: Final = 3  # to repeat a failing execution


class Search:
    """One model's search; :meth:`run` fills in what was found."""

    def __init__(
        self,
        session: Session,
        settings: Settings,
        executions: int,
        *,
        share: Share = WHOLE,
        before: int = 0,
    ) -> None:
        """Take our part of ``executions``; ``before`` of the whole hunt came earlier."""
        self.session = session
        self.settings = settings
        exhaustive = settings.strategy == "exhaustive"
        self._batch = max(executions, 1) if exhaustive else BATCH
        self._numbers = numbers(executions, share.batches(before), self._batch)
        self.before = before
        self._start_over(0)
        self.walk = self.deal(0)
        self.executions = 0
        self.reached = before  # the execution that was last, by its number in the whole hunt
        self.failure: Failure | None = None
        self.strategy = settings.strategy
        self.cut_off = 0
        self.stuck: str | None = None
        self.unsteady = ""
        self.threads = 1
        self.distinct = share.distinct or Distinct()
        self.ended: float | None = None  # when it failed
        self.litter = False  # the test leaves garbage that has finalisers
        self.look_for_litter = False
        self._garbage = Garbage(session.monitor.scope)

    def run(self, deadline: float) -> bool:
        """Execute until something fails or the budget is spent; True when something failed.

        Called again, it goes on with the execution after the failing one.
        """
        for number in self._numbers:
            if _real.monotonic() > deadline or self.walk.exhausted:
                break
            nth = number % self._batch
            if nth == 0 and number:
                self._start_over(number)
            outcome = self._execute(nth)
            self.reached = self.before + number + 1
            self._note(outcome)
            if outcome.failure is not None:
                self.failure, self.ended = outcome.failure, _real.monotonic()
                return True
            if outcome.stuck is not None:
                break
            if nth in _REPEATED and not self.walk.exhausted:
                self._repeat(outcome)
            if self.litter:
                break
        return False

    def follow(self, earlier: Search) -> None:
        """Go on counting where ``earlier`` stopped."""
        self.executions, self.distinct = earlier.executions, earlier.distinct
        self.cut_off, self.unsteady = earlier.cut_off, earlier.unsteady
        self.threads = earlier.threads

    def _start_over(self, number: int) -> None:
        """Begin the batch whose first execution is ``number`` as if nothing had been learnt."""
        seed = seed_of(self.settings.seed, number // self._batch)
        self.profile = Profile()
        self.deal = dealer(self.settings.strategy, seed, self.profile, self.settings.bound)
        self.session.begin_batch(self.before + number, seed)

    def _execute(self, number: int) -> Outcome:
        """Run the execution ``number`` of a batch."""
        if self.settings.strategy == "exhaustive":
            return self.session.execute(self.walk)
        observed = number in _OBSERVED
        strategy = Strategy(self.settings.seed) if number == 0 else self.deal(number - 1)
        self.strategy = strategy.name
        if observed:
            return self._observed(strategy)
        if isinstance(self.session.engine, EventfulEngine):
            return self._eventful(strategy, self.session.engine)
        if number % _WIDE_EVERY == 0:
            self.session.monitor.widen()
        elif number % _WIDE_EVERY == _WIDE_FOR:
            self.session.monitor.narrow_to_races()
        return self.session.execute(strategy)

    def _observed(self, strategy: Strategy) -> Outcome:
        session, profile = self.session, self.profile
        session.monitor.widen(observing=True)
        if strategy.name == "surw" and not profile.groups:
            strategy = Strategy(self.settings.seed)
        profile.begin()
        outcome = session.execute(strategy, profile.observe)
        profile.finish(session.engine.tasks)
        if self.look_for_litter and outcome.failure is None and outcome.conclusive:
            self.litter = self._garbage.left(session.monitor.codes.values())
        if outcome.failure is None:
            session.monitor.narrow_to_races()
        return outcome

    def _eventful(self, strategy: Strategy, engine: EventfulEngine) -> Outcome:
        """Execute with something happening somewhere: at any visible place, racing or not."""
        if self.session.monitor.narrow:
            self.session.monitor.widen()
        engine.plan()
        return self.session.execute(strategy)

    def _note(self, outcome: Outcome) -> None:
        self.executions += 1
        self.cut_off += outcome.cut_off
        self.stuck = self.stuck or outcome.stuck
        if outcome.threads > self.threads:
            self.threads = outcome.threads
        self.distinct.add(self.session.engine.turns)

    def _repeat(self, outcome: Outcome) -> None:
        engine = self.session.engine
        turns = list(engine.turns)
        retrace = Retrace(turns)
        again = self.session.execute(retrace)
        if again.failure is None and not retrace.faithful and outcome.conclusive:
            self.unsteady = (
                "an execution run twice with the same decisions went differently: something "
                "outside the scheduler's control (time, input, identity, hashing) decides too"
            )

    # -- from a failure to a small schedule

    def schedule(self) -> Switches | None:
        """Return the failing schedule by anchors, shrunk; None when it cannot be repeated.

        Shrinking ends where no single change helps. When that leaves more than a few switches,
        other executions that fail in the same way are shrunk as well, and the smallest is taken.
        """
        engine = self.session.engine
        limits = engine.quantum, engine.max_steps
        best = self._anchored()
        again = range(self.executions, self.executions + _SECOND_LOOK)
        for number in again if self.settings.shrink and self.walk.complete is None else ():
            if best is None or len(best) <= _FEW:
                break
            engine.quantum, engine.max_steps = limits
            self.session.monitor.narrow_to_races()
            outcome = self.session.execute(self.deal(number))
            if self.failure is not None and self.failure.same_bug(outcome.failure):
                best = min(best, self._anchored() or best, key=cost)
        if best is None:
            engine.quantum, engine.max_steps = limits
        return best

    def failing(self, deadline: float) -> Switches | None:
        """Search for a failure that can be repeated, and return its schedule; None without one.

        The first execution that comes to a place may count its steps otherwise than all later
        ones, so that it fails once and cannot be repeated: those that follow find it again.
        """
        first: Failure | None = None
        for _ in range(_ATTEMPTS):
            if not self.run(deadline):
                break
            switches = self.schedule()
            if switches is not None:
                return switches
            first = first or self.failure
            self.failure = None
            self.session.monitor.narrow_to_races()
        self.failure = first
        return None

    def _anchored(self) -> Switches | None:
        """Return the schedule of the execution that just failed, shrunk."""
        engine = self.session.engine
        retrace = self._retraced(list(engine.turns))
        if retrace is None:
            return None
        self.session.monitor.widen()
        loosen(engine)
        switches = self._fails(tuple(retrace.followed))
        if switches is None or not self.settings.shrink:
            return switches
        return Shrinker(self._fails).shrink(switches)

    def _retraced(self, turns: list[Turn]) -> Retrace | None:
        """Repeat the failing execution; more than once, for what an execution leaves behind in
        module state may show only in the next.
        """
        assert self.failure is not None
        for _ in range(_ATTEMPTS):
            retrace = Retrace(turns)
            if self.failure.same_bug(self.session.execute(retrace).failure):
                return retrace
        return None

    def _fails(self, candidate: Switches) -> Switches | None:
        """Return ``candidate`` without what has no effect, or None when it does not fail."""
        followed = self._follow(candidate)
        if followed is None or followed == candidate:
            return followed
        # A hand-over that never came still told which thread should run: leave it out only if
        # the rest fails by itself.
        return followed if self._follow(followed) == followed else candidate

    def _follow(self, candidate: Switches) -> Switches | None:
        replay = Replay(candidate)
        outcome = self.session.execute(replay)
        assert self.failure is not None
        return tuple(replay.followed) if self.failure.same_bug(outcome.failure) else None

    def trace(self, switches: Switches) -> tuple[Step, ...]:
        """Return the steps of the failing execution."""
        recorder = Recorder(self.session.engine)
        self.session.execute(Replay(switches), recorder.observe)
        return recorder.steps()


def hunt(body: Callable[[], object], settings: Settings | None = None) -> HuntResult:
    """Search for an interleaving that breaks ``body``, a test without arguments.

    The body makes its own objects and threads; it fails by an exception, in any thread, or by a
    deadlock. Returns what was found, or what was explored without finding anything.
    :class:`~lab.errors.UsageError` for settings that make no sense.
    """
    asked = settings or Settings()
    _check(asked)
    scope = scope_of(body, asked.trace, asked.roots)
    started = _real.monotonic()
    deadline = started + (asked.seconds if asked.seconds is not None else float("inf"))
    first = FREE_THREADED if asked.model == BOTH else asked.model
    found = _found(body, scope, first, asked, asked.executions, deadline, look_for_litter=True)
    if found.search.litter and found.search.failure is None:
        found = _with_collections(body, scope, first, asked, deadline, found)
    search, model = found.search, found.model
    took = max(found.ended - started, 1e-9)
    models = {model: FOUND if search.failure is not None else _not_found(search)}
    if search.failure is not None and asked.model == BOTH and model != GIL:
        models[GIL] = _also_under_gil(body, scope, asked, search)
    return result_of(search, asked, model, took, found.switches, found.steps, models, body)


class _Found(NamedTuple):
    """A finished search, with the schedule of its failure and what that did, if it has one."""

    search: Search
    model: str
    switches: Switches | None
    steps: tuple[Step, ...]
    ended: float


def _found(
    body: Callable[[], object],
    scope: Scope,
    model: str,
    asked: Settings,
    executions: int,
    deadline: float,
    *,
    after: Search | None = None,
    before: int = 0,
    look_for_litter: bool = False,
    collecting: bool = False,
) -> _Found:
    with _session(body, scope, model, asked, collecting=collecting) as session:
        search = Search(session, asked, executions, share=asked.share, before=before)
        search.look_for_litter = look_for_litter
        if after is not None:
            search.follow(after)
        switches = search.failing(deadline)
        ended = search.ended or _real.monotonic()
        steps = search.trace(switches) if switches is not None else ()
    return _Found(search, model, switches, steps, ended)


def _with_collections(
    body: Callable[[], object],
    scope: Scope,
    model: str,
    asked: Settings,
    deadline: float,
    before: _Found,
) -> _Found:
    """Spend half of what is left on executions in which the collector runs, then go on.

    Those have the switch points of a GIL build: the collector runs there on all builds.
    """
    done = before.search.executions
    left = max(asked.executions - done, 0)
    half = left // 2
    found = _found(
        body, scope, GIL, asked, half, deadline,
        after=before.search, before=done, collecting=True,
    )  # fmt: skip
    if found.search.failure is not None or found.search.stuck:
        return found
    return _found(
        body, scope, model, asked, left - half, deadline, after=found.search, before=done + half
    )


def _session(
    body: Callable[[], object],
    scope: Scope,
    model: str,
    asked: Settings,
    *,
    collecting: bool = False,
) -> Session:
    events = (*([collect] if collecting else []), *([expire] if asked.race_timeouts else []))
    return Session(
        body, scope, model,
        max_steps=asked.max_steps, stall=asked.stall, pin=asked.pin, events=events,
    )  # fmt: skip


def _also_under_gil(
    body: Callable[[], object], scope: Scope, asked: Settings, search: Search
) -> str:
    """Look for the same failure where a GIL build can switch."""
    assert search.failure is not None
    with _session(body, scope, GIL, asked) as session:
        again = Search(session, asked, min(asked.executions, SECOND_MODEL))
        if again.run(float("inf")):
            return FOUND
    return _not_found(again)


def _not_found(search: Search) -> str:
    return not_found(search.executions)


def _check(asked: Settings) -> None:
    models = (FREE_THREADED, GIL, BOTH)
    if asked.model not in models:
        raise UsageError(f"there is no model {asked.model!r}", wanted=suggest(asked.model, models))
    if asked.executions < 1:
        raise UsageError(f"{asked.executions} executions", wanted="at least one")


__all__ = ["Observer", "hunt"]
