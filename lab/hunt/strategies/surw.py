"""SURW: a walk that is uniform over the orders of a few interesting steps.

Zhao, Wolff, Mathur and Roychoudhury, "Selectively uniform concurrency testing", ASPLOS 2025. Which
thread makes the next interesting step is drawn with the number of such steps that each has left as
its weight, so that every order of them is equally likely; which steps are interesting (those on one
variable that threads share) is drawn afresh for each execution. The numbers come from an earlier,
observed execution; a thread's weight includes the threads that it has yet to start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.hunt.strategies.base import NEVER, Strategy

if TYPE_CHECKING:
    from lab.hunt.engine import Engine
    from lab.hunt.profile import Group, Profile
    from lab.hunt.sites import Site
    from lab.hunt.tasks import Task

_GUARDED = 0.05  # chance of a variable that was only ever seen under a lock
# Chance that threads which do the same weigh as one together: a dozen writers would hide a reader.
_BALANCED = 0.5
_ALL = 0.2  # chance of all unguarded variables together


class SURW(Strategy):
    """Holds every thread at its interesting steps until it is the intended one."""

    name = "surw"

    def __init__(self, seed: int, profile: Profile) -> None:
        super().__init__(seed)
        self._profile = profile
        self._hot: Group = ()
        self._left: list[int] = []
        self._weights: list[Any] = []  # the same list, unless balanced
        self._held: set[int] = set()
        self._intended = 0
        self._balanced = False

    def begin(self, engine: Engine) -> None:
        """Draw the interesting variable and the first intended thread."""
        profile = self._profile
        self._hot = self._interesting(profile)
        for site in self._hot:
            site.hot = True
        self._left = self._weights = profile.weights(self._hot)
        self._balanced = self.draw() < _BALANCED
        if self._balanced:
            self._weights = list(self._left)
            self._set(0, self._left[0])
        self._held.clear()
        self._intended = 0
        engine.ask_at = NEVER

    def _interesting(self, profile: Profile) -> Group:
        """Draw one shared variable; now and then all of them, or one that a lock guards."""
        groups, draw = profile.groups, self.draw()
        if profile.guarded and (not groups or draw < _GUARDED):
            groups = profile.guarded
        elif len(groups) > 1 and draw > 1 - _ALL:
            return tuple({site: None for group in groups for site in group})
        return groups[int(self.draw() * len(groups))] if groups else ()

    def end(self, engine: Engine, *, failed: bool) -> None:  # noqa: ARG002
        """Forget the interesting places of this execution."""
        for site in self._hot:
            site.hot = False

    def spawned(self, engine: Engine, parent: Task, child: Task) -> None:  # noqa: ARG002
        """Move the child's share from its parent to the child, and the intention with it."""
        left, index, above = self._left, child.index, parent.index
        while len(left) <= index:
            left.append(1)
            if self._balanced:
                self._weights.append(1)
        share = self._profile.share(index, self._hot)
        whole = left[above] or 1
        left[above] = left[above] - share if left[above] > share else 0
        left[index] = share
        if self._balanced:
            self._set(above, left[above])
            self._set(index, share)
        if self._intended == above and self.draw() * whole < share:
            self._intended = index

    def choose(self, engine: Engine, me: Task | None, site: Site | None) -> Task:
        """Let the intended thread make its step, hold the others at theirs."""
        engine.ask_at = NEVER
        if me is None or site is None or not site.hot:
            if self._held:
                return self._any(engine)
            runnable = engine.runnable
            return runnable[int(self.draw() * len(runnable))]
        if len(engine.tasks) == 1:
            return me
        if me.index != self._intended and len(engine.runnable) > 1:
            self._held.add(me.index)
            return self._any(engine)
        self._made_by(me.index, engine)
        return me

    def give_way(self, engine: Engine, me: Task, site: Site) -> Task:  # noqa: ARG002
        """Let any other thread go on, a held one too: ``me`` may be waiting for just that one."""
        others = [task for task in engine.runnable if task is not me]
        chosen = self._one(others) if others else me
        if chosen.index in self._held:
            self._held.discard(chosen.index)
            self._made_by(chosen.index, engine)
        return chosen

    def _any(self, engine: Engine) -> Task:
        """Return a thread that is not held; if there is none, the intention has to change."""
        runnable = engine.runnable
        if self._held:
            free = [task for task in runnable if task.index not in self._held]
            return self._one(free) if free else self._release(engine, runnable)
        return self._one(runnable)

    def _set(self, index: int, steps: int) -> None:
        """Weigh a thread by its steps and by how many do the same."""
        self._left[index] = steps
        alike = self._profile.roles.get(index)
        self._weights[index] = steps / len(alike) if alike else steps

    def _one(self, tasks: list[Task]) -> Task:
        return tasks[int(self.draw() * len(tasks))]

    def _release(self, engine: Engine, tasks: list[Task]) -> Task:
        chosen = self._weighted(tasks)
        self._held.discard(chosen.index)
        self._made_by(chosen.index, engine)
        return chosen

    def _made_by(self, index: int, engine: Engine) -> None:
        """Count an interesting step and draw whose the next one shall be."""
        if self._left[index]:
            if self._balanced:
                self._set(index, self._left[index] - 1)
            else:
                self._left[index] -= 1
        self._intended = chosen = self._weighted(engine.tasks).index
        if self._held:
            self._held.discard(chosen)
        # Every order stays possible: the thread may also be stopped just after its step.
        if self.draw() < 0.5:
            engine.ask_at = engine.step + 1

    def _weighted(self, tasks: list[Task]) -> Task:
        """Draw one of ``tasks`` that is not done, by its weight."""
        weights = self._weights
        alive = [task for task in tasks if not task.done]
        whole = 0
        for task in alive:
            whole += weights[task.index]
        if not whole:
            return self._one(alive)
        at = self.draw() * whole
        for task in alive:
            at -= weights[task.index]
            if at < 0:
                return task
        return alive[-1]
