"""One test hunted in this process: what the search said, and whether that is an answer at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from lab.hunt import HuntResult, Schedule, Settings, hunt, replay
from lab.hunt.batches import WHOLE
from lab.hunt.loop import SECOND_MODEL
from lab.hunt.outcome import NONDETERMINISM
from lab.hunt.records import BOTH, FOUND, Explored, ReplayResult, not_found
from lab.hunt.schedule import parse
from lab.hunt.sites import FREE_THREADED, GIL
from lab.hunts.guard import Guard, Leave

SURVIVES = (
    "it fails without any switch, though its first execution passed: something outlives an "
    "execution (a fixture, a global, a file), so that later ones do not start from the same state"
)


KEPT = "a failure kept from an earlier hunt was tried first and shows again"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What one hunt came to.

    ``inconclusive`` is the reason why the result is no answer, empty when it is one. ``idle`` says
    that no thread was under control, so that there was nothing to schedule. ``cause`` is the
    exception that the failing test raised itself, in its main thread, if it did; ``kept`` tells
    that the failure was found before and kept.
    """

    result: HuntResult
    inconclusive: str = ""
    idle: bool = False
    kept: bool = False
    cause: BaseException | None = None
    failed: int = 0
    """Of a replay: in how many of its runs it failed."""
    difference: str = ""
    """Of a replay: the first place where the code no longer fits the schedule."""


def ask(
    body: Callable[[], object],
    settings: Settings,
    *,
    first: Sequence[str] = (),
    begin: Callable[[int], None] | None = None,
    sound: bool = True,
) -> Answer:
    """Hunt ``body``, after the kept schedules ``first`` (tokens) were tried.

    ``begin`` is told the number of each execution before it begins. With ``sound`` the test is run
    once more, to notice state that outlives an execution. An exception by which the test skips
    itself or rejects its input is raised as it is.
    """
    guard = Guard(body, begin)
    try:
        return _ask(guard, settings, first, sound=sound)
    except Leave as leaving:
        raise leaving.reason from None


def _ask(guard: Guard, settings: Settings, first: Sequence[str], *, sound: bool) -> Answer:
    for token in first:
        again = replay(guard, token, settings)
        if again.failure is not None:
            return Answer(
                result=_known(from_replay(again, token, settings), guard, settings),
                kept=True,
                cause=_cause(guard, again.failure.thread),
            )
    passes = sound and _passes_unswitched(guard, settings)
    result = hunt(guard, settings)
    if passes and _fails_unswitched(result):
        result = unsteady(result, SURVIVES)
    thread = result.failure.thread if result.failure else ""
    return Answer(
        result=result,
        inconclusive=reason_of(result),
        idle=result.explored.threads == 1,
        cause=_cause(guard, thread),
    )


def _known(result: HuntResult, guard: Guard, settings: Settings) -> HuntResult:
    """Say of a failure that was kept what a hunt says of one that it finds: where it can happen."""
    models = dict(result.models)
    if settings.model == BOTH and GIL not in models:
        few = min(settings.executions, SECOND_MODEL)
        asked = msgspec.structs.replace(
            settings, model=GIL, executions=few, shrink=False, share=WHOLE
        )
        with_gil = hunt(guard, asked)
        models[GIL] = FOUND if with_gil.found else not_found(with_gil.executions)
    explored = msgspec.structs.replace(result.explored, notes=(KEPT,))
    return msgspec.structs.replace(result, models=models, explored=explored)


def _passes_unswitched(guard: Guard, settings: Settings) -> bool:
    return replay(guard, Schedule((), FREE_THREADED), settings).failure is None


def _fails_unswitched(result: HuntResult) -> bool:
    return result.schedule is not None and not parse(result.schedule).switches


def unsteady(result: HuntResult, why: str) -> HuntResult:
    """Return ``result`` as one that says nothing, because of ``why``."""
    notes = (*result.explored.notes, why)
    return msgspec.structs.replace(
        result,
        found=False,
        kind=NONDETERMINISM,
        message=why,
        failure=None,
        schedule=None,
        switches=None,
        executions_to_failure=None,
        steps=(),
        models={},
        explored=msgspec.structs.replace(result.explored, notes=notes),
    )


def reason_of(result: HuntResult) -> str:
    """Say why ``result`` is no answer; empty when it is one."""
    if result.found:
        return ""
    if result.explored.stuck:
        return result.explored.stuck
    if result.kind is not None:
        return result.message or result.kind
    if not result.conclusive:
        return "no execution came to an end of its own"
    return ""


def _cause(guard: Guard, thread: str) -> BaseException | None:
    """Return the exception of the main thread, if that is where the failure is."""
    return guard.error if thread == "main" else None


def from_replay(again: ReplayResult, token: str, settings: Settings) -> HuntResult:
    """Return the result of replaying ``token`` as that of a hunt of so many executions."""
    plan = parse(token)
    failure = again.failure
    return HuntResult(
        found=failure is not None,
        kind=failure.kind if failure else None,
        message=failure.message if failure else None,
        model=again.model,
        executions=again.times,
        executions_to_failure=1 if failure else None,
        seconds=0.0,
        executions_per_second=0.0,
        switches=plan.preemptions,
        schedule=token,
        explored=Explored(schedules=1),
        models={again.model: FOUND} if failure else {},
        strategy="replay",
        seed=settings.seed,
        target=settings.name or plan.target,
        failure=failure,
        steps=again.steps,
    )
