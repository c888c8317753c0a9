"""The one narrow interface between the scheduler and a strategy: who is next, from a seed."""

from __future__ import annotations

import operator
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.hunt.engine import Engine
    from lab.hunt.sites import Site
    from lab.hunt.tasks import Task

ALWAYS = 0
NEVER = (1 << 30) - 1  # a step that no execution comes to; the interpreter compares it at once
priority = operator.attrgetter("priority")


class Strategy:
    """Runs the current thread until it blocks, then the first that can: the plainest schedule.

    A strategy says when it wants to be asked next by setting ``engine.ask_at`` to a step number
    (:data:`ALWAYS`, :data:`NEVER`), or by marking places ``hot``. It is also asked whenever the
    current thread cannot go on (``me`` is None then), and, if ``reactive``, at the next switch
    point after a thread became able to run.
    """

    name = "non-preemptive"
    reactive = False
    exhausted = False  # there is nothing left to execute
    complete: int | None = None  # the bound up to which nothing was left out

    def __init__(self, seed: int = 0) -> None:
        self.random = random.Random(seed)
        self.draw = self.random.random  # a number in [0, 1)

    def begin(self, engine: Engine) -> None:
        """Prepare for one execution."""
        engine.ask_at = NEVER

    def choose(self, engine: Engine, me: Task | None, site: Site | None) -> Task:  # noqa: ARG002
        """Return the thread that goes on: one of ``engine.runnable``."""
        engine.ask_at = NEVER
        return me if me is not None else engine.runnable[0]

    def give_way(self, engine: Engine, me: Task, site: Site) -> Task:  # noqa: ARG002
        """Return a thread other than ``me``, which asked to be passed over or spins."""
        others = [task for task in engine.runnable if task is not me]
        return others[self.random.randrange(len(others))] if others else me

    def spawned(self, engine: Engine, parent: Task, child: Task) -> None:
        """Learn of a new thread."""

    def end(self, engine: Engine, *, failed: bool) -> None:
        """Learn how the execution ended."""
