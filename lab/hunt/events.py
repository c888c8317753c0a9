"""What may happen at a switch point besides a switch: the collector runs, or a time-out fires.

Both are choices of the schedule: drawn by step number, noted as turns of the thread at which they
happen, replayed and shrunk with the hand-overs.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Callable
from typing import Any, Final

from lab.hunt import _real
from lab.hunt.collector import collect
from lab.hunt.engine import Engine
from lab.hunt.schedule import COLLECTED, EXPIRED
from lab.hunt.sites import EXPIRE, Site
from lab.hunt.strategies.base import NEVER
from lab.hunt.tasks import Task
from lab.hunt.turns import Turn

Event = Callable[[Engine, Task, Site], bool]

_TWICE: Final = 0.3  # chance that something happens a second time
_HERE: Final = Site(EXPIRE, "the next time-out fires here", "time")
_HERE.point = _HERE.access = False
_HERE.racing = True  # always shown


def expire(engine: Engine, me: Task, site: Site) -> bool:
    """Let time pass until the next pending time-out, though threads can run; False without one.

    To a thread whose wait ends so, the others were slow: on a busy machine any thread can be.
    """
    if engine.aborting or not engine.next_time_out():
        return False
    step = me.steps + engine.step - engine.since
    engine.turns.append(Turn(me.index, step, me.index, EXPIRED, site))
    if engine.observer is not None:
        engine.observer(me, _HERE)
    return True


EVENTS: Final[dict[str, Event]] = {COLLECTED: collect, EXPIRED: expire}
"""What is done for each reason that a turn of a thread to itself can have."""


class EventfulEngine(Engine):
    """An engine in which ``events`` happen at drawn steps of the executions it is told to."""

    def __init__(self, *, gil: bool = False, max_steps: int = 100_000) -> None:
        super().__init__(gil=gil, max_steps=max_steps)
        self.events: tuple[Event, ...] = ()
        self._random = random.Random(0)
        self._planned: list[tuple[int, Event | None]] = []
        self._due: list[tuple[int, Event | None]] = [(NEVER, None)]
        self._longest = 0

    def seed(self, seed: int) -> None:
        """Set the random numbers from which the places are drawn."""
        self._random = random.Random(seed)

    def plan(self) -> None:
        """Draw the steps of the next execution at which something happens."""
        draw = self._random.random
        planned: list[tuple[int, Event | None]] = []
        for event in self.events:
            times = 2 if draw() < _TWICE else 1
            planned += [(1 + int(draw() * self._longest), event) for _ in range(times)]
        self._planned = sorted(planned, key=lambda due: -due[0])

    def _reset(self, *args: Any) -> Task:
        if collect in self.events:
            gc.collect()  # what earlier executions left is not this one's
        self._due, self._planned = [(NEVER, None), *self._planned], []
        return super()._reset(*args)

    def _unwind(self, main: Task) -> None:
        super()._unwind(main)
        self._longest = max(self._longest, self.step)

    def _aim(self) -> None:
        super()._aim()
        self.stop_at = min(self.stop_at, self._due[-1][0])

    def _turn(self, me: Task, target: Task, why: str, site: Site | None) -> None:
        super()._turn(me, target, why, site)
        self.stop_at = min(self.stop_at, self._due[-1][0])

    def consult(self, site: Site) -> None:
        """Let happen what is due here; else ask the strategy."""
        me = self.by_ident.get(_real.get_ident())
        step, event = self._due[-1]
        if self.step < step or event is None or me is not self.current or self.aborting:
            super().consult(site)
            self.stop_at = min(self.stop_at, self._due[-1][0])
            return
        assert me is not None
        self._due.pop()
        if not event(self, me, site):  # nothing to do yet: try at the next step
            self._due.append((self.step + 1, event))
            super().consult(site)
            self.stop_at = min(self.stop_at, self.step + 1)
            return
        self._aim()
        if self.observer is not None:
            self.observer(me, site)
