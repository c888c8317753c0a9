"""Directed: stop one thread just before a step that another one races with, and let that one go.

Sen, "Race directed random testing of concurrent programs", PLDI 2008, and Joshi, Park, Sen and
Naik, PLDI 2009, for locks: an observed execution names the steps that meet, and each execution is
steered towards one meeting of two of them. Which variable, which two kinds of thread and which
passing of the place is drawn afresh each time; threads that do the same count as one kind, so that
a dozen writers do not hide the one reader. Locks that two threads took in opposite orders come
first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from lab.hunt.profile import Suspect
from lab.hunt.strategies.base import NEVER, Strategy, priority

if TYPE_CHECKING:
    from lab.hunt.engine import Engine
    from lab.hunt.profile import Group, Profile
    from lab.hunt.sites import Site
    from lab.hunt.tasks import Task

_SECOND_STOP = 0.35  # chance that the other thread is stopped as well


class _Meetings(NamedTuple):
    """Pairs of kinds of thread that may meet at a variable; how often each thread comes there."""

    pairs: list[tuple[list[int], list[int]]]
    times: list[int]


_NOBODY: Final = _Meetings([], [])


def _meetings(profile: Profile, group: Group) -> _Meetings:
    def times(group: Group) -> list[int]:
        every, counts = range(profile.threads), profile.counts
        return [sum(counts.get((index, site), 0) for site in group) for index in every]

    touching, writing = times(group), times(tuple(site for site in group if site.writes))
    kinds: list[list[int]] = []
    for index in range(profile.threads):
        alike = profile.roles.get(index, [index])
        if touching[index] and alike not in kinds:
            kinds.append(alike)
    pairs = [
        (one, other)
        for one in kinds
        for other in kinds
        if (one is not other or len(one) > 1) and (writing[one[0]] or writing[other[0]])
    ]
    return _Meetings(pairs, touching)


class Directed(Strategy):
    """Runs the first thread to the chosen step, then the second, then the rest."""

    name = "directed"
    reactive = True

    def __init__(self, seed: int, profile: Profile) -> None:
        super().__init__(seed)
        self._profile = profile
        self._hot: Group = ()
        # Worked out once for what the profile knows: for each variable who may meet, and how often
        # each thread passes its places.
        self._known: dict[Group, _Meetings] = {}
        self._version = -1
        self._meetings = _NOBODY
        self._aim: Suspect | None = None
        self._stops: dict[int, int] = {}
        self._passed: dict[int, int] = {}
        self._lowest = 0.0

    def begin(self, engine: Engine) -> None:
        """Choose the meeting to steer towards."""
        self._passed.clear()
        self._stops.clear()
        self._lowest = 0.0
        self._choose_aim()
        for site in self._hot:
            site.hot = True
        engine.tasks[0].priority = 1.5
        engine.ask_at = NEVER

    def end(self, engine: Engine, *, failed: bool) -> None:  # noqa: ARG002
        """Forget the interesting places of this execution."""
        self._cool()

    def _cool(self) -> None:
        for site in self._hot:
            site.hot = False

    def spawned(self, engine: Engine, parent: Task, child: Task) -> None:  # noqa: ARG002
        """Rank a new thread: the first to stop, then its parent, the second, the others."""
        aim = self._aim
        child.priority = self.draw()
        if aim is not None and child.index == aim.first:
            child.priority += 2.0
        elif aim is not None and child.index == aim.second:
            child.priority += 1.0

    def choose(self, engine: Engine, me: Task | None, site: Site | None) -> Task:
        """Return the thread of highest rank; a thread at its stop falls to the bottom."""
        if me is not None and site is not None and site.hot:
            passed = self._passed[me.index] = self._passed.get(me.index, 0) + 1
            if self._stops.get(me.index) == passed:
                self._demote(me)
                del self._stops[me.index]
                if not self._stops:
                    self._cool()
            elif engine.ask_at == NEVER:
                return me  # nobody became able to run since it was found to be the first
        engine.ask_at = NEVER
        return max(engine.runnable, key=priority)

    def give_way(self, engine: Engine, me: Task, site: Site) -> Task:  # noqa: ARG002
        """Rank a thread that yields or spins below all others."""
        self._demote(me)
        return max(engine.runnable, key=priority)

    def _demote(self, task: Task) -> None:
        self._lowest -= 1.0
        task.priority = self._lowest

    # -- choosing

    def _choose_aim(self) -> None:
        profile = self._profile
        if profile.suspects:
            aim: Suspect | None = profile.suspects.pop(0)
            self._hot = (aim.site,) if aim is not None else ()
        else:
            self._hot = self._variable()
            aim = self._meeting(self._hot)
            if aim is not None and self.draw() < _SECOND_STOP:
                self._stops[aim.second] = self._passing(aim.second)
        if aim is not None:
            self._stops[aim.first] = aim.times
        self._aim = aim

    def _variable(self) -> Group:
        profile = self._profile
        pool = profile.groups
        if not pool or (profile.guarded and self.draw() < 0.1):
            pool = profile.guarded
        return self._one(pool) if pool else ()

    def _meeting(self, group: Group) -> Suspect | None:
        """Draw two kinds of thread that touch the variable, one changing it, and one of each."""
        if self._version != self._profile.version:
            self._version = self._profile.version
            self._known.clear()
        found = self._known.get(group)
        if found is None:
            found = self._known[group] = _meetings(self._profile, group)
        self._meetings = found
        if not found.pairs:
            return None
        one, other = self._one(found.pairs)
        first = self._one(one)
        second = self._one([index for index in other if index != first])
        return Suspect(first, group[0], self._passing(first), second)

    def _passing(self, index: int) -> int:
        return 1 + int(self.draw() * self._meetings.times[index])

    def _one[T](self, items: list[T]) -> T:
        return items[int(self.draw() * len(items))]
