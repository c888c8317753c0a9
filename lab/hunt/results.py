"""From a search to its answer: what was found, where it can happen, and how much was explored."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from lab.hunt.outcome import NONDETERMINISM
from lab.hunt.project import name_of
from lab.hunt.recorder import Step
from lab.hunt.records import FOUND, Explored, HuntResult, Settings
from lab.hunt.schedule import Schedule
from lab.hunt.shrink import Switches
from lab.hunt.sites import GIL

if TYPE_CHECKING:
    from lab.hunt.loop import Search

UNRESTORED: Final = (
    "what the modules keep could not be put back between executions: only the first began as a "
    "test does"
)


def result_of(
    search: Search,
    asked: Settings,
    model: str,
    took: float,
    switches: Switches | None,
    steps: tuple[Step, ...],
    models: dict[str, str],
    body: Callable[[], object],
) -> HuntResult:
    """Return what ``search`` came to; ``took`` is in seconds, ``models`` what is said of each."""
    failure = search.failure
    name = asked.name or name_of(body)
    schedule = Schedule(switches, model, name) if switches is not None else None
    kind, message = _verdict(search, switches)
    return HuntResult(
        found=failure is not None,
        kind=kind,
        message=message,
        model=_label(model, models),
        executions=search.executions,
        executions_to_failure=search.reached if failure is not None else None,
        seconds=round(took, 6),
        executions_per_second=round(search.executions / took, 1),
        switches=schedule.preemptions if schedule is not None else None,
        schedule=schedule.token() if schedule is not None else None,
        explored=_explored(search),
        models=models,
        strategy=search.strategy if failure is not None else asked.strategy,
        seed=asked.seed,
        target=name,
        failure=failure,
        steps=steps,
    )


def _label(model: str, models: dict[str, str]) -> str:
    return GIL if models.get(GIL) == FOUND else model


def _verdict(search: Search, switches: Any) -> tuple[str | None, str | None]:
    failure = search.failure
    if failure is not None:
        if switches is None:
            return NONDETERMINISM, f"seen once, and not again when repeated: {failure.message}"
        return failure.kind, failure.message
    if search.unsteady:
        return NONDETERMINISM, search.unsteady
    if search.cut_off and search.cut_off == search.executions:
        return "livelock", "every execution reached the step limit"
    return None, None


def _explored(search: Search) -> Explored:
    notes = []
    if search.unsteady:
        notes.append(search.unsteady)
    if search.threads == 1:
        notes.append("no thread was started under control")
    if search.session.checkpoint.given_up:
        notes.append(UNRESTORED)
    if not search.session.monitor.codes and search.reached > search.before:
        notes.append("no code was switched in: nothing of the test's project ran")
    return Explored(
        schedules=search.distinct.count,
        complete=search.walk.exhausted,
        bound=search.walk.complete,
        cut_off=search.cut_off,
        stuck=search.stuck,
        threads=search.threads,
        switch_points=len(search.session.monitor.known),
        notes=tuple(notes),
    )
