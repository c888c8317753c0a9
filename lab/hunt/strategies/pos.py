"""POS: every pending step has a random priority, drawn anew when a step that it races with is made.

Yuan, Yang and Gu, "Partial order aware concurrency sampling", CAV 2018: sampling orders of
conflicting steps rather than orders of all steps, so that the many schedules that differ only in
steps which commute share their chances.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.hunt.sites import conflicts
from lab.hunt.strategies.base import ALWAYS, Strategy, priority

if TYPE_CHECKING:
    from lab.hunt.engine import Engine
    from lab.hunt.sites import Site
    from lab.hunt.tasks import Task


class POS(Strategy):
    """Runs the pending step of highest priority."""

    name = "pos"

    def begin(self, engine: Engine) -> None:
        """Ask to be asked always."""
        engine.ask_at = ALWAYS
        engine.tasks[0].priority = self.draw()

    def spawned(self, engine: Engine, parent: Task, child: Task) -> None:  # noqa: ARG002
        """Draw the priority of the new thread's first step."""
        child.priority = self.draw()

    def choose(self, engine: Engine, me: Task | None, site: Site | None) -> Task:
        """Return the thread whose next step has the highest priority."""
        if me is not None:
            me.site = site
        chosen = max(engine.runnable, key=priority)
        self._passed(engine, chosen)
        return chosen

    def give_way(self, engine: Engine, me: Task, site: Site) -> Task:  # noqa: ARG002
        """Let a yielding thread fall below all others."""
        me.priority = min(task.priority for task in engine.runnable) / 2
        me.site = None
        chosen = max((task for task in engine.runnable if task is not me), key=priority)
        self._passed(engine, chosen)
        return chosen

    def _passed(self, engine: Engine, chosen: Task) -> None:
        draw = self.draw
        made = chosen.site
        if made is not None:
            for task in engine.runnable:
                if task.site is not None and conflicts(task.site, made):
                    task.priority = draw()
        chosen.priority = draw()
        chosen.site = None
