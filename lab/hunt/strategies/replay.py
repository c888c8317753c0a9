"""Replay: the hand-overs of a recorded schedule, and the first place where the code no longer fits.

Two forms. :class:`Retrace` repeats an execution of this very hunt by each thread's step numbers.
:class:`Replay` follows a :class:`~lab.hunt.schedule.Schedule`, whose anchors hold in another
process and after edits elsewhere. Where a plan says nothing, both do what is least: go on, or run
the first thread that can.
"""

from __future__ import annotations

import gc
from collections import Counter
from typing import TYPE_CHECKING

from lab.hunt.events import EVENTS
from lab.hunt.schedule import COLLECTED, Switch
from lab.hunt.strategies.base import ALWAYS, Strategy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.hunt.engine import Engine
    from lab.hunt.sites import Site
    from lab.hunt.tasks import Task
    from lab.hunt.turns import Turn


class Retrace(Strategy):
    """Repeats recorded turns exactly; ``faithful`` says whether every one could be repeated.

    ``followed`` are the same turns with the anchors found on the way.
    """

    name = "retrace"

    def __init__(self, turns: Sequence[Turn]) -> None:
        super().__init__()
        self._turns = turns
        self._at = 0
        self._passed: Counter[tuple[int, str]] = Counter()
        self.followed: list[Switch] = []
        self.faithful = True

    def begin(self, engine: Engine) -> None:
        """Start at the first turn."""
        start_clean(self._turns)
        engine.ask_at = ALWAYS
        self._at = 0
        self._passed.clear()
        self.followed.clear()
        self.faithful = True

    def choose(self, engine: Engine, me: Task | None, site: Site | None) -> Task:
        """Hand over where the recorded execution did."""
        if me is not None and site is not None:
            self._passed[me.index, site.anchor] += 1
            turn = self._due()
            step = me.steps + engine.step - engine.since
            if turn is None or turn.site is None:
                return me
            if (turn.source, turn.step) != (me.index, step):
                return me
        return self._follow(engine, me, site)

    def give_way(self, engine: Engine, me: Task, site: Site) -> Task:
        """Hand over as recorded."""
        self._passed[me.index, site.anchor] += 1
        return self._follow(engine, me, site)

    def end(self, engine: Engine, *, failed: bool) -> None:  # noqa: ARG002
        """Note whether any recorded turn was left over."""
        self.faithful = self.faithful and self._at >= len(self._turns)

    def _due(self) -> Turn | None:
        return self._turns[self._at] if self._at < len(self._turns) else None

    def _follow(self, engine: Engine, me: Task | None, site: Site | None) -> Task:
        turn = self._due()
        self._at += 1
        if turn is not None and turn.target < len(engine.tasks):
            target = engine.tasks[turn.target]
            if target in engine.runnable:
                at = site.anchor if site is not None else ""
                times = self._passed[turn.source, at]
                self.followed.append(Switch(turn.source, at, times, turn.target, turn.why))
                if turn.why in EVENTS and site is not None:
                    EVENTS[turn.why](engine, target, site)
                return target
        self.faithful = False
        return engine.runnable[0] if me is None else me


class Replay(Strategy):
    """Follows the anchors of a schedule.

    ``followed`` is what was really done: the plan without what had no effect. ``difference`` names
    the first hand-over of the plan that could not be made.
    """

    name = "replay"

    def __init__(self, switches: Sequence[Switch]) -> None:
        super().__init__()
        self._plan = tuple(switches)
        self._passed: Counter[tuple[int, str]] = Counter()
        self._at = 0
        self.followed: list[Switch] = []
        self.difference = ""

    def begin(self, engine: Engine) -> None:
        """Start at the first hand-over."""
        start_clean(self._plan)
        engine.ask_at = ALWAYS
        self._passed.clear()
        self.followed.clear()
        self._at = 0
        self.difference = ""

    def choose(self, engine: Engine, me: Task | None, site: Site | None) -> Task:
        """Hand over where the plan says so."""
        if me is None or site is None:
            return self._forced(engine)
        return self._due_here(engine, me, site) or me

    def give_way(self, engine: Engine, me: Task, site: Site) -> Task:
        """Let the thread go that the plan names, or the next in order."""
        planned = self._due_here(engine, me, site)
        if planned is not None and planned is not me:
            return planned
        later = [task for task in engine.runnable if task.index > me.index]
        others = later or [task for task in engine.runnable if task is not me]
        return min(others, key=_index) if others else me

    def end(self, engine: Engine, *, failed: bool) -> None:  # noqa: ARG002
        """Note the first hand-over that never came."""
        switch = self._next()
        if switch is not None and not self.difference:
            self.difference = (
                f"thread {switch.source} never came to {switch.at or 'be ' + switch.why} "
                f"(time {switch.times}), where it gave way to thread {switch.target}"
            )

    def _next(self) -> Switch | None:
        return self._plan[self._at] if self._at < len(self._plan) else None

    def _due_here(self, engine: Engine, me: Task, site: Site) -> Task | None:
        key = (me.index, site.anchor)
        self._passed[key] = passed = self._passed[key] + 1
        switch = self._next()
        if switch is None or switch.forced:
            return None
        if (switch.source, switch.at) != key or passed != switch.times:
            return None
        if switch.why in EVENTS:
            self._at += 1
            self.followed.append(switch)
            EVENTS[switch.why](engine, me, site)
            return me
        return self._take(engine, switch)

    def _take(self, engine: Engine, switch: Switch) -> Task | None:
        self._at += 1
        target = engine.tasks[switch.target] if switch.target < len(engine.tasks) else None
        if target in engine.runnable:
            if not switch.forced:
                self.followed.append(switch)
            return target
        if not self.difference:
            self.difference = (
                f"thread {switch.target} cannot run where thread {switch.source} gave way to it, "
                f"at {switch.at or switch.why}"
            )
        return None if switch.forced else self._instead(engine, switch)

    def _instead(self, engine: Engine, switch: Switch) -> Task | None:
        """Stop the thread all the same, for the first other one that can run."""
        others = [task for task in engine.runnable if task.index != switch.source]
        if not others:
            return None
        target = min(others, key=_index)
        self.followed.append(
            Switch(switch.source, switch.at, switch.times, target.index, switch.why)
        )
        return target

    def _forced(self, engine: Engine) -> Task:
        switch, current = self._next(), engine.current
        chosen: Task | None = None
        here = current is not None and switch is not None and switch.source == current.index
        if here and switch is not None and switch.forced:
            chosen = self._take(engine, switch)
        usual = self._usual(engine)
        if chosen is None or chosen is usual or switch is None:
            return usual
        self.followed.append(switch)
        return chosen

    def _usual(self, engine: Engine) -> Task:
        """Return the thread that the plan expects to run next, else the first that can."""
        switch = self._next()
        if switch is not None and switch.source < len(engine.tasks):
            expected = engine.tasks[switch.source]
            if expected in engine.runnable:
                return expected
        return min(engine.runnable, key=_index)


def start_clean(plan: Sequence[Turn] | Sequence[Switch]) -> None:
    """Collect what earlier executions left, if the plan says when the collector runs."""
    if any(each.why == COLLECTED for each in plan):
        gc.collect()


def _index(task: Task) -> int:
    return task.index
