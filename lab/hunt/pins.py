"""Where a schedule hands over, in terms that a run without the scheduler can wait at.

A schedule is executed once more, and the beginning of each stretch that one thread ran by itself
becomes a :class:`Pin`: an instruction, and how many times the thread had come to it. In the ``gil``
model the pins lie where that interpreter can switch, or where a blocked thread goes on.
"""

from __future__ import annotations

import dis
import sys
from collections import Counter
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Final, NamedTuple

import msgspec

from lab.hunt import _real
from lab.hunt.engine import Engine
from lab.hunt.monitor import Monitor
from lab.hunt.outcome import Failure
from lab.hunt.passages import Everywhere, Passages
from lab.hunt.project import scope_of
from lab.hunt.records import Settings
from lab.hunt.replays import loosen
from lab.hunt.schedule import Schedule
from lab.hunt.session import Session
from lab.hunt.sites import Site, following
from lab.hunt.strategies.replay import Replay
from lab.hunt.tasks import Task

_LAB: Final = __file__.rpartition("/")[0].rpartition("/")[0]
_AFTER_A_CALL: Final = Monitor._returned_gil.__code__
_NOWHERE: Final = -1


class Pin(msgspec.Struct, frozen=True, array_like=True):
    """The beginning of a stretch: ``thread`` (by order of creation) comes to an instruction.

    The instruction is ``offset`` in the code called ``name`` that begins at line ``first`` of
    ``file``; it is the thread's ``times``-th visit. A negative offset means that the thread cannot
    be held up there: it goes on inside an operation that it had begun before.
    """

    thread: int
    file: str = ""
    name: str = ""
    first: int = 0
    offset: int = _NOWHERE
    times: int = 0

    @property
    def holds(self) -> bool:
        """Whether a thread can be held up here."""
        return self.offset != _NOWHERE


class Pinned(NamedTuple):
    """How a schedule failed under the scheduler, if it did, and its pins."""

    failure: Failure | None
    pins: tuple[Pin, ...]


def pinned(body: Callable[[], object], plan: Schedule, settings: Settings) -> Pinned:
    """Run ``body`` under ``plan``, and say where it hands over."""
    scope = scope_of(body, settings.trace, settings.roots)
    with Session(
        body, scope, plan.model,
        max_steps=settings.max_steps, stall=settings.stall, pin=settings.pin,
    ) as session:  # fmt: skip
        loosen(session.engine)
        # A first execution makes the accesses known that are only observed.
        session.execute(Replay(plan.switches))
        session.monitor.widen(observing=True)
        pinner = _Pinner(session.engine)
        with Passages(_outside_the_lab, pinner.passed):
            outcome = session.execute(Replay(plan.switches), pinner.observe)
    return Pinned(outcome.failure, tuple(pinner.pins))


def _outside_the_lab(code: CodeType) -> Everywhere | None:
    return None if code.co_filename.startswith(_LAB) else Everywhere()


class _Pinner:
    """Counts the visits of each thread, and notes where another one goes on."""

    def __init__(self, engine: Engine) -> None:
        self.pins = [Pin(0)]
        self._engine = engine
        self._last = 0
        self._visits: Counter[tuple[int, CodeType, int]] = Counter()
        self._latest: dict[tuple[int, CodeType, int], int] = {}
        self._left: dict[int, int] = {}
        self._clock = 0

    def passed(self, code: CodeType, offset: int) -> None:
        """Count a visit of the thread that runs."""
        task = self._engine.by_ident.get(_real.get_ident())
        if task is not None:
            self._clock += 1
            key = task.index, code, offset
            self._visits[key] += 1
            self._latest[key] = self._clock

    def observe(self, task: Task, site: Site) -> None:
        """Note a pin if another thread than before goes on."""
        if task.index == self._last:
            return
        self._left[self._last] = self._clock
        self.pins.append(self._pin(task, site, sys._getframe(1)))
        self._last = task.index

    def _pin(self, task: Task, site: Site, frame: FrameType | None) -> Pin:
        code, offset = _place(site, frame)
        if code is None:
            return Pin(task.index)
        key = task.index, code, offset
        times = self._visits[key]
        if site.code is not None and _is_after_a_call(frame):
            offset = following(code, offset)
            times = self._visits[task.index, code, offset] + 1
        elif not self._was_stopped_at(task, site):
            begun = self._latest.get(key, 0) <= self._left.get(task.index, 0)
            if begun and task.index in self._left:
                return Pin(task.index)
        return Pin(
            task.index, code.co_filename, code.co_qualname, code.co_firstlineno, offset, times
        )

    def _was_stopped_at(self, task: Task, site: Site) -> bool:
        mine = (turn for turn in reversed(self._engine.turns) if turn.source == task.index)
        turn = next(mine, None)
        return turn is not None and turn.site is site


def _place(site: Site, frame: FrameType | None) -> tuple[CodeType | None, int]:
    """Return the instruction of a step: that of a primitive is where it was called."""
    if site.code is not None:
        return site.code, site.offset
    while frame is not None and frame.f_code.co_filename.startswith(_LAB):
        frame = frame.f_back
    return (None, _NOWHERE) if frame is None else (frame.f_code, _within(frame))


def _within(frame: FrameType) -> int:
    """Return the offset of the instruction that ``frame`` is in; 3.12 tells the end of it."""
    offsets = [each.offset for each in dis.get_instructions(frame.f_code)]
    return max((each for each in offsets if each <= frame.f_lasti), default=_NOWHERE)


def _is_after_a_call(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code.co_filename.startswith(_LAB):
        if frame.f_code is _AFTER_A_CALL:
            return True
        frame = frame.f_back
    return False
