"""A hunt in a contained process: what the test does to its interpreter is a finding, not the end.

The child hunts; when it dies, or moves no more, the black box tells which schedule was running.
That one is repeated in new processes, to put it into words that last, and shrunk if it dies again.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Final

import msgspec

from lab.errors import UsageError
from lab.hunt import HuntResult, Schedule, Settings
from lab.hunt.outcome import EXCEPTION, Failure
from lab.hunt.recorder import Step
from lab.hunt.records import FOUND, Explored
from lab.hunt.schedule import Switch, parse
from lab.hunt.shrink import Shrinker, Switches
from lab.hunt.sites import FREE_THREADED, GIL
from lab.hunts import noted
from lab.hunts.answers import SURVIVES, from_replay, unsteady
from lab.hunts.crew import Heard, hunt_together
from lab.hunts.orders import STEPS, SWITCHES, Mode, Reply
from lab.hunts.watched import Ending, Request, checked, child

_MOST_CRASHES: Final = 24  # processes spent on making a schedule small


def hunt(request: Request) -> Reply:
    """Hunt in contained children; a test that ends its interpreter is found with its schedule.

    Raises :class:`UsageError` when the test cannot be run, :class:`InconclusiveError` when it does
    not apply (it skips itself).
    """
    with tempfile.TemporaryDirectory(prefix="lab-hunt-") as folder:
        heard = hunt_together(request, Path(folder))
        if heard.ending is None:
            return _sound(request, Path(folder), checked(heard.reply))
        _refuse_before_start(request, heard.ending)
        return _Crash(request, Path(folder), heard).reply()


def _sound(request: Request, folder: Path, reply: Reply) -> Reply:
    """Doubt a late failure that needs no switch: in a new process it has to show at once."""
    result = reply.result
    if result is None or not result.found or result.schedule is None or reply.inner:
        return reply
    if result.executions_to_failure == 1 or parse(result.schedule).switches:
        return reply
    said, ending = child(request, folder, Mode.REPLAY, token=result.schedule)
    if ending is not None or said.failed or said.result is None:
        return reply
    return msgspec.structs.replace(reply, result=unsteady(result, SURVIVES), inconclusive=SURVIVES)


def replay(request: Request, token: str, times: int = 1) -> Reply:
    """Run one schedule ``times`` times, each in the same child unless that is ended by it."""
    failed, run = 0, 0
    reply, last = None, None
    with tempfile.TemporaryDirectory(prefix="lab-hunt-") as folder:
        while run < times:
            said, ending = child(request, Path(folder), Mode.REPLAY, token=token, times=times - run)
            if ending is None:
                reply = checked(said)
                failed += reply.failed
                break
            _refuse_before_start(request, ending)
            done = min(max(ending.last.number, 1), times - run)
            run, failed, last = run + done, failed + 1, ending
    if reply is None or (last is not None and not reply.failed):
        assert last is not None
        reply = _ended_replay(token, last)
    return msgspec.structs.replace(reply, times=times, failed=failed)


def _ended_replay(token: str, ending: Ending) -> Reply:
    plan = parse(token)
    failure = _failure(ending, plan.target)
    result = HuntResult(
        found=True, kind=EXCEPTION, message=failure.message, model=plan.model, executions=1,
        executions_to_failure=1, seconds=0.0, executions_per_second=0.0,
        switches=plan.preemptions, schedule=token, explored=Explored(schedules=1),
        models={plan.model: FOUND}, strategy="replay", seed=0, target=plan.target, failure=failure,
    )  # fmt: skip
    return Reply(result=result)


def _refuse_before_start(request: Request, ending: Ending) -> None:
    """An interpreter that ended before the first execution was ended by the import."""
    if ending.last.number == 0:
        raise UsageError(
            f"{request.reference} cannot be imported: {ending.words}",
            wanted="a module whose import ends well",
        )


def _failure(ending: Ending, thread: str) -> Failure:
    return Failure(
        kind=EXCEPTION,
        message=ending.words,
        thread=thread,
        place=ending.place,
        detail="\n".join(ending.stack),
    )


class _Crash:
    """From the ending of a child to a result: which schedule it was, in words, and small."""

    def __init__(self, request: Request, folder: Path, heard: Heard) -> None:
        assert heard.ending is not None
        self._request = request
        self._folder = folder
        self._ending = heard.ending
        self._heard = heard
        self._took = max(heard.seconds, 1e-9)
        self._model = GIL if heard.ending.last.gil else FREE_THREADED
        self._steps: tuple[Step, ...] = ()

    def reply(self) -> Reply:
        """Return the finding."""
        switches = self._retraced()
        if switches is not None and not self._ending.hung:
            confirmed = self._follow(switches)
            if confirmed is not None:
                switches = Shrinker(self._follow, budget=_MOST_CRASHES).shrink(confirmed)
                self._follow(switches)
        return Reply(result=self._result(switches), jobs=self._heard.reply.jobs)

    def _retraced(self) -> Switches | None:
        """Hunt again up to the execution that did it, and have that one log its hand-overs."""
        last = self._ending.last
        turns = tuple((t.source, t.step, t.target, t.why, t.site is not None) for t in last.turns)
        _, ending = child(
            self._request, self._folder, Mode.RETRACE, at=last.number, turns=turns,
            **self._heard.part,
        )  # fmt: skip
        if ending is None or ending.last.number != last.number or not self._same(ending):
            return None
        return noted.lines(self._folder / SWITCHES, Switch)

    def _follow(self, switches: Switches) -> Switches | None:
        """Return what was followed if the interpreter ended in the same way, else None."""
        plan = self._schedule(switches)
        _, ending = child(self._request, self._folder, Mode.FOLLOW, token=plan.token())
        if ending is None or not self._same(ending):
            return None
        self._steps = noted.lines(self._folder / STEPS, Step)
        return noted.lines(self._folder / SWITCHES, Switch)

    def _same(self, ending: Ending) -> bool:
        """Whether it is the same ending, wherever in memory or on the clock it came about."""
        return (ending.words, ending.place) == (self._ending.words, self._ending.place)

    def _schedule(self, switches: Switches) -> Schedule:
        return Schedule(switches, self._model, self._request.reference)

    def _result(self, switches: Switches | None) -> HuntResult:
        number = self._heard.executions
        plan = self._schedule(switches) if switches is not None else None
        notes = () if plan else ("its schedule is not known: it could not be repeated",)
        settings = Settings(**{**self._request.wishes, "name": self._request.reference})
        base = from_replay(
            _replayed(self._model, self._steps), self._schedule(()).token(), settings
        )
        failure = _failure(self._ending, self._steps[-1].name if self._steps else "unknown")
        return msgspec.structs.replace(
            base,
            found=True,
            kind=EXCEPTION,
            message=failure.message,
            executions=number,
            executions_to_failure=number,
            seconds=round(self._took, 6),
            executions_per_second=round(number / self._took, 1),
            switches=plan.preemptions if plan else None,
            schedule=plan.token() if plan else None,
            explored=Explored(schedules=1, notes=notes),
            models={self._model: FOUND},
            strategy=settings.strategy,
            failure=failure,
        )


def _replayed(model: str, steps: tuple[Step, ...]) -> Any:
    from lab.hunt import ReplayResult

    return ReplayResult(times=1, failed=0, failure=None, difference="", model=model, steps=steps)
