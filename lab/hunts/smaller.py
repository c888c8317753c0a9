"""Shrinking a failure that is known by its token only: one that was kept, or noted by a crash."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from lab.hunt import HuntResult, Schedule, Settings
from lab.hunt.outcome import Failure
from lab.hunt.project import scope_of
from lab.hunt.recorder import Recorder
from lab.hunt.replays import SLICES
from lab.hunt.schedule import parse
from lab.hunt.session import Session
from lab.hunt.shrink import Shrinker, Switches
from lab.hunt.strategies.replay import Replay


def shrunk(body: Callable[[], object], result: HuntResult, settings: Settings) -> HuntResult:
    """Return ``result`` with the smallest schedule that was found to fail in the same way."""
    failure = result.failure
    if result.schedule is None or failure is None:
        return result
    plan = parse(result.schedule)
    scope = scope_of(body, settings.trace, settings.roots)
    with Session(
        body, scope, plan.model,
        max_steps=settings.max_steps, stall=settings.stall, pin=settings.pin,
    ) as session:  # fmt: skip
        session.engine.quantum *= SLICES
        first = _follow(session, plan.switches, failure)
        if first is None:
            return result
        best = Shrinker(lambda switches: _follow(session, switches, failure)).shrink(first)
        recorder = Recorder(session.engine)
        outcome = session.execute(Replay(best), recorder.observe)
    smaller = Schedule(best, plan.model, plan.target)
    return msgspec.structs.replace(
        result,
        schedule=smaller.token(),
        switches=smaller.preemptions,
        failure=outcome.failure or failure,
        message=(outcome.failure or failure).message,
        steps=recorder.steps(),
    )


def _follow(session: Session, switches: Switches, failure: Failure) -> Switches | None:
    """Return what was really followed if the same failure showed, else None."""
    strategy = Replay(switches)
    outcome = session.execute(strategy)
    return tuple(strategy.followed) if failure.same_bug(outcome.failure) else None
