"""Running one recorded schedule again, in this process or another, as often as asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lab.hunt.engine import Engine
from lab.hunt.outcome import Failure
from lab.hunt.project import scope_of
from lab.hunt.recorder import Recorder, Step
from lab.hunt.records import ReplayResult, Settings
from lab.hunt.schedule import Schedule, read
from lab.hunt.session import Session
from lab.hunt.strategies.replay import Replay

# A replay stops at every visible place, a hunt at some: its limits in steps are that much wider.
SLICES: int = 20


def loosen(engine: Engine) -> None:
    """Widen the limits in steps, for executions that count more places than the hunt did."""
    engine.quantum *= SLICES
    engine.max_steps *= SLICES


def replay(
    body: Callable[[], object],
    schedule: Schedule | str | Path,
    settings: Settings | None = None,
    *,
    times: int = 1,
) -> ReplayResult:
    """Run ``body`` under ``schedule`` (a record, a token or a file), ``times`` times.

    Returns how often it failed, the last failure with its steps, and the first difference when the
    code no longer fits. :class:`~lab.errors.UsageError` for a token that cannot be read.
    """
    plan = schedule if isinstance(schedule, Schedule) else read(str(schedule))
    asked = settings or Settings()
    scope = scope_of(body, asked.trace, asked.roots)
    failed, difference = 0, ""
    failure: Failure | None = None
    steps: tuple[Step, ...] = ()
    with Session(
        body, scope, plan.model, max_steps=asked.max_steps, stall=asked.stall, pin=asked.pin
    ) as session:
        loosen(session.engine)
        for number in range(times):
            strategy = Replay(plan.switches)
            last = number == times - 1
            recorder = Recorder(session.engine) if last else None
            outcome = session.execute(strategy, recorder.observe if recorder else None)
            failed += outcome.failure is not None
            failure = outcome.failure or failure
            difference = difference or strategy.difference
            steps = recorder.steps() if recorder else ()
    return ReplayResult(
        times=times,
        failed=failed,
        failure=failure,
        difference="" if failed == times else difference,
        model=plan.model,
        steps=steps,
    )
