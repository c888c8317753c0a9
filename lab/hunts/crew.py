"""Processes that hunt together for one failure: the first in the order of the executions.

One process hunts by itself until a batch is over, which most hunts never are. Then others join it,
unless the test reaches outside its process: each takes the next batch that nobody has run. A batch
does the same whoever runs it, so that their number decides only how long a hunt takes. When one has
found a failure, those stay that are at earlier executions, and the earliest failure counts.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from lab.hunt.distinct import union
from lab.hunt.records import Explored, not_found
from lab.hunts.allotment import Allotment
from lab.hunts.answers import reason_of
from lab.hunts.orders import Mode, Reply
from lab.hunts.watched import LOOK_S, Child, Ending, Request


@dataclass(frozen=True)
class Heard:
    """What one process, or all together, came to.

    ``ending`` is there when the test has ended the process. ``at`` is the number of the execution
    that failed, in the whole hunt, infinite if none did; ``executions`` were begun, ``seconds``
    after the start of the hunt it was over. ``part`` is what an order needs to repeat it.
    """

    reply: Reply
    ending: Ending | None
    at: float
    executions: int
    seconds: float
    part: dict[str, Any]

    @property
    def result_seconds(self) -> float:
        """When its search was over, counted from the start of the first one's."""
        assert self.reply.result is not None
        return self.reply.result.seconds + float(self.part["late_s"])


def hunt_together(request: Request, folder: Path) -> Heard:
    """Hunt with up to ``request.jobs`` processes; return what they came to."""
    with contextlib.ExitStack() as stack:
        crew = _Crew(request, folder, stack)
        crew.work()
    return crew.answer()


class _Member:
    """One process of a crew, the ``who``-th, and when it joined, in seconds."""

    def __init__(self, request: Request, folder: Path, who: int, late_s: float) -> None:
        self.late_s = late_s
        self.part: dict[str, Any] = {}
        if request.jobs > 1:
            self.part = {"allotment": str(folder), "who": who, "late_s": late_s}
        self._allotment = Allotment(folder, who)
        place = folder / f"job-{who + 1}"
        place.mkdir()
        self.child = Child(request, place, Mode.HUNT, **self.part)

    def is_past(self, execution: float) -> bool:
        """Whether all that it can still find comes after ``execution``."""
        return self.child.box.batch >= execution or not self._allotment.began()

    def counts(self) -> bool:
        """Whether its answer does: one that joins and cannot begin leaves the others at work."""
        return not self.part.get("who") or self._allotment.began()

    def heard(self) -> Heard:
        """Return what it came to, once it has ended."""
        number, batch = self.child.box.number, self.child.box.batch
        reply, ending = self.child.said()
        took = time.monotonic() - self.child.began
        at = math.inf
        if ending is not None:
            at = batch + 1
        elif reply.result is None or reply.inner:
            at = 0
        elif reply.result.found:
            at = reply.result.executions_to_failure or 0
        return Heard(reply, ending, at, number, self.late_s + took, self.part)


class _Crew:
    """Processes at work, and what was heard of those that have ended."""

    def __init__(self, request: Request, folder: Path, stack: contextlib.ExitStack) -> None:
        self._request = request
        self._folder = folder
        self._stack = stack
        self._began = time.monotonic()
        self._jobs = 0
        self._working: list[_Member] = []
        self._heard: list[Heard] = []
        self._join()

    def _join(self) -> None:
        late_s = time.monotonic() - self._began if self._jobs else 0.0
        member = _Member(self._request, self._folder, self._jobs, late_s)
        self._stack.enter_context(member.child)
        self._working.append(member)
        self._jobs += 1

    def work(self) -> None:
        """Return when nothing that could be found is left to be found."""
        while self._working:
            self._listen()
            self._dismiss()
            if self._working and self._needs_others():
                while self._jobs < self._request.jobs:
                    self._join()
            begun = sum(each.child.box.number for each in self._working)
            begun += sum(each.executions for each in self._heard)
            self._request.tell(begun, time.monotonic() - self._began)
            time.sleep(LOOK_S)

    def _listen(self) -> None:
        for member in [each for each in self._working if each.child.ended()]:
            self._leave(member)
            if member.counts():
                self._heard.append(member.heard())

    def _dismiss(self) -> None:
        """Send those away that can only find what comes later than what is found."""
        first = min((each.at for each in self._heard), default=math.inf)
        if first < math.inf:
            for member in [each for each in self._working if each.is_past(first)]:
                self._leave(member)

    def _leave(self, member: _Member) -> None:
        member.child.close()
        self._working.remove(member)

    def _needs_others(self) -> bool:
        first = self._working[0].child.box
        return not self._heard and self._jobs == 1 and first.batch > 0 and not first.alone

    def answer(self) -> Heard:
        """Return the earliest failure, or what all have seen without one."""
        first = min(self._heard, key=lambda each: each.at)
        if first.ending is not None:
            first = replace(first, executions=sum(each.executions for each in self._heard))
        elif self._jobs > 1 and first.at > 0:
            reply = _found(first) if first.at < math.inf else _together(self._heard)
            first = replace(first, reply=reply)
        reply = msgspec.structs.replace(first.reply, jobs=self._jobs, schedules=b"")
        return replace(first, reply=reply)


def _found(heard: Heard) -> Reply:
    """Return the reply of one process as that of all: counted from the start of the hunt."""
    result = heard.reply.result
    assert result is not None
    seconds = heard.result_seconds
    result = msgspec.structs.replace(
        result,
        executions=int(heard.at),
        seconds=round(seconds, 6),
        executions_per_second=_rate(heard.at, seconds),
    )
    return msgspec.structs.replace(heard.reply, result=result)


def _together(all_heard: Sequence[Heard]) -> Reply:
    """Return what processes that found nothing have seen, as if they had been one."""
    worked = [each for each in all_heard if each.reply.result and each.reply.result.executions]
    worked = worked or [*all_heard[:1]]
    doubtful = (each.reply for each in worked if each.reply.inconclusive)
    base = next(doubtful, worked[0].reply)
    results = [each.reply.result for each in worked if each.reply.result is not None]
    executions = sum(each.executions for each in results)
    seconds = max(each.result_seconds for each in worked)
    assert base.result is not None
    result = msgspec.structs.replace(
        base.result,
        executions=executions,
        seconds=round(seconds, 6),
        executions_per_second=_rate(executions, seconds),
        explored=_explored([each.reply for each in worked]),
        models=dict.fromkeys(base.result.models, not_found(executions)),
    )
    idle = all(each.reply.idle for each in worked)
    return msgspec.structs.replace(base, result=result, inconclusive=reason_of(result), idle=idle)


def _explored(replies: Sequence[Reply]) -> Explored:
    seen = [each.result.explored for each in replies if each.result is not None]
    return msgspec.structs.replace(
        seen[0],
        schedules=union(each.schedules for each in replies),
        cut_off=sum(each.cut_off for each in seen),
        stuck=next((each.stuck for each in seen if each.stuck), None),
        threads=max(each.threads for each in seen),
        switch_points=max(each.switch_points for each in seen),
        notes=tuple(dict.fromkeys(note for each in seen for note in each.notes)),
    )


def _rate(executions: float, seconds: float) -> float:
    return round(executions / seconds, 1) if seconds > 0 else 0.0
