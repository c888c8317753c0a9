"""PCT: random priorities, and d - 1 random points at which the running thread falls to the bottom.

Burckhardt, Kothari, Musuvathi and Nagarakatte, "A randomized scheduler with probabilistic
guarantees of finding bugs", ASPLOS 2010: a bug of depth d in a program of n threads and k steps is
found by one execution with a probability of at least 1 / (n * k^(d-1)).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.hunt.strategies.base import NEVER, Strategy, priority

if TYPE_CHECKING:
    from lab.hunt.engine import Engine
    from lab.hunt.sites import Site
    from lab.hunt.tasks import Task


class PCT(Strategy):
    """Runs the thread of highest priority; ``depth`` - 1 times an execution that one is demoted.

    The number of steps, k, is that of the longest execution so far.
    """

    name = "pct"
    reactive = True

    def __init__(self, seed: int = 0, depth: int = 3) -> None:
        super().__init__(seed)
        self.depth = depth
        self._longest = 0
        self._points: list[int] = []
        self._lowest = 0.0

    def begin(self, engine: Engine) -> None:
        """Draw the priority of the first thread and the points of demotion."""
        length = max(self._longest, 1)
        draw = self.draw
        points = sorted(1 + int(draw() * length) for _ in range(self.depth - 1))
        self._points = [NEVER, *reversed(points)]
        self._lowest = 0.0
        engine.tasks[0].priority = 1.0 + draw()
        engine.ask_at = self._points[-1]

    def spawned(self, engine: Engine, parent: Task, child: Task) -> None:  # noqa: ARG002
        """Draw the new thread's priority."""
        child.priority = 1.0 + self.draw()

    def choose(self, engine: Engine, me: Task | None, site: Site | None) -> Task:  # noqa: ARG002
        """Return the thread of highest priority, after a demotion if one is due."""
        if engine.step > self._longest:
            self._longest = engine.step
        while engine.step >= self._points[-1]:
            self._points.pop()
            if me is not None:
                self._demote(me)
        engine.ask_at = self._points[-1]
        return max(engine.runnable, key=priority)

    def give_way(self, engine: Engine, me: Task, site: Site) -> Task:  # noqa: ARG002
        """Demote a thread that yields, or it would be chosen again at once."""
        self._demote(me)
        return max(engine.runnable, key=priority)

    def _demote(self, task: Task) -> None:
        self._lowest -= 1.0
        task.priority = self._lowest
