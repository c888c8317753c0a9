"""Bounded exhaustive search: every interleaving with at most k preemptions, k = 0, 1, 2, ...

Musuvathi and Qadeer, "Iterative context bounding for systematic testing of multithreaded programs",
PLDI 2007: depth first over the choices, few preemptions first. The reduction: a thread is stopped
only before a step that conflicts with one of another thread (Godefroid, "Partial-order methods for
the verification of concurrent systems", LNCS 1032, 1996); to stop it before any other step comes to
the same as stopping it before its next conflicting one, which costs no more preemptions. Conflicts
are judged by names, never too few; when one turns up late the bound is searched again.

A thread that yields or spins passes to the next in order, which is no choice: the answer is
complete for programs that do not wait by spinning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.hunt.sites import JUMP, RESUME, Site, conflicts
from lab.hunt.strategies.base import ALWAYS, Strategy

if TYPE_CHECKING:
    from lab.hunt.engine import Engine
    from lab.hunt.tasks import Task


class Exhaustive(Strategy):
    """Walks the tree of choices; ``complete`` is the largest bound searched to its end, or None."""

    name = "exhaustive"

    def __init__(self, bound: int) -> None:
        super().__init__()
        self._last = bound
        self._bound = 0
        self._path: list[list[int]] = []  # for each choice: the option taken, how many there were
        self._depth = 0
        self._used = 0
        self._passed: dict[int, set[Site]] = {}
        self._dependent: set[Site] = set()
        self._grown = False
        self.complete: int | None = None

    def begin(self, engine: Engine) -> None:
        """Start at the root."""
        engine.ask_at = ALWAYS
        self._depth = self._used = 0

    def choose(self, engine: Engine, me: Task | None, site: Site | None) -> Task:
        """Take the option that this walk is at."""
        if me is None or site is None:
            return self._option(sorted(engine.runnable, key=_index))
        if not self._matters(engine, me, site) or self._used >= self._bound:
            return me
        chosen = self._option([me, *(task for task in engine.runnable if task is not me)])
        self._used += chosen is not me
        return chosen

    def give_way(self, engine: Engine, me: Task, site: Site) -> Task:  # noqa: ARG002
        """Pass to the next thread in order."""
        later = [task for task in engine.runnable if task.index > me.index]
        return min(later or engine.runnable, key=_index)

    def end(self, engine: Engine, *, failed: bool) -> None:  # noqa: ARG002
        """Move on to the next leaf, or to the next bound."""
        path = self._path
        while path and path[-1][0] + 1 >= path[-1][1]:
            path.pop()
        if path:
            path[-1][0] += 1
            return
        if self._grown:
            self._grown = False
            return
        self.complete = self._bound
        self.exhausted = self._bound >= self._last
        self._bound += 1

    def _option(self, options: list[Task]) -> Task:
        if len(options) == 1:
            return options[0]
        if self._depth == len(self._path):
            self._path.append([0, len(options)])
        taken = self._path[self._depth][0]
        self._depth += 1
        return options[min(taken, len(options) - 1)]

    def _matters(self, engine: Engine, me: Task, site: Site) -> bool:
        """Whether the step conflicts with one that another thread was seen to make."""
        if sum(not task.done for task in engine.tasks) == 1:
            return False
        mine = self._passed.setdefault(me.index, set())
        if site not in mine:
            mine.add(site)
            for index, sites in self._passed.items():
                if index != me.index:
                    self._note({other for other in sites if conflicts(site, other)}, site)
            if site.kind in (JUMP, RESUME):  # the gil model's points stand for what follows them
                self._note({site}, site)
        return site in self._dependent

    def _note(self, others: set[Site], site: Site) -> None:
        new = (others | {site} if others else others) - self._dependent
        if new:
            self._dependent |= new
            self._grown = True


def _index(task: Task) -> int:
    return task.index
