"""Which places matter: what an observed execution touched, from which threads, under which locks.

Two threads that touch the same object, one of them changing it, make the places race, unless every
access holds a common lock (the lockset discipline of Savage et al., "Eraser: a dynamic data race
detector for multithreaded programs", ACM TOCS 1997): then the order is decided where the lock is
taken, and stopping a thread inside changes nothing. What cannot be read (see :mod:`.touched`)
counts as touching anything. The result narrows the switch points and tells the strategies what to
aim at; a place that no profile has seen keeps its chance.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from typing import Any, NamedTuple

from lab.hunt.sites import LOCK, Site
from lab.hunt.tasks import Task
from lab.hunt.touched import ANY, Address, addresses, read_by_call

Group = tuple[Site, ...]


class Suspect(NamedTuple):
    """Stop thread ``first`` at its ``times``-th passing of ``site`` and let ``second`` run."""

    first: int
    site: Site
    times: int
    second: int


class _Accesses:
    """All that was seen of one address."""

    __slots__ = ("locks", "outside", "places", "users", "writers", "written")

    def __init__(self) -> None:
        self.places: set[Site] = set()
        self.users: set[int] = set()
        self.writers: set[int] = set()
        self.written: set[Site] = set()
        self.locks: frozenset[Any] | None = None
        self.outside = False  # also touched by a thread that was alone then

    def add(self, index: int, place: Site, held: frozenset[Any], *, writes: bool) -> None:
        self.places.add(place)
        self.users.add(index)
        if writes:
            self.writers.add(index)
            self.written.add(place)
        self.locks = held if self.locks is None else self.locks & held

    @property
    def shared(self) -> bool:
        return len(self.users) > 1 and bool(self.writers)

    def held_with(self, other: _Accesses) -> bool:
        """Whether all accesses to both held a common lock."""
        return bool(self.locks and other.locks and self.locks & other.locks)

    @property
    def reachable(self) -> bool:
        """Whether only one thread touched it while others lived, but not the one that made it."""
        return self.outside and bool(self.writers - {0})


class Profile:
    """What was learnt from the executions observed so far.

    ``groups`` are sets of places that touch one variable without a common lock; ``guarded`` those
    with one, and those that could meet but did not; ``counts`` says how often each thread passed a
    place, at most, in one execution: a path that was cut short once must not make the rest of it
    look impossible.
    """

    def __init__(self) -> None:
        self.groups: list[Group] = []
        self.guarded: list[Group] = []
        self.suspects: list[Suspect] = []
        self.counts: Counter[tuple[int, Site]] = Counter()
        self.children: dict[int, list[int]] = defaultdict(list)
        self.roles: dict[int, list[int]] = {}
        self.threads = 1
        self.version = 0  # of what is known
        self._passed: Counter[tuple[int, Site]] = Counter()
        self._accesses: dict[Address, _Accesses] = {}
        self._order: dict[tuple[Site, Site], set[tuple[int, int]]] = {}
        self._last_point: dict[int, Site] = {}
        self._shares: dict[tuple[int, Group], int] = {}
        self._known: set[frozenset[Site]] = set()
        self._suspected: set[tuple[Site, Site, int, int]] = set()

    # -- observing one execution

    def begin(self) -> None:
        """Forget the addresses of the last execution: they name other objects now."""
        self._accesses = defaultdict(_Accesses)
        self._order = defaultdict(set)
        self._last_point = {}
        self._passed.clear()

    def observe(self, task: Task, site: Site) -> None:
        """Note that ``task`` passes ``site``.

        An access that is no switch point itself belongs to the last one its thread passed: to
        stop the thread there is the latest way to let others come first.
        """
        index = task.index
        if site.point:
            self._last_point[index] = site
            site.seen = True
            self._passed[index, site] += 1
        place = self._last_point.get(index)
        if not site.access or place is None:
            return
        touched = addresses(site, sys._getframe(1))
        if _alone(task):
            for address in touched:
                self._accesses[address].outside = True
            return
        if site.kind == LOCK and task.wanted is not None and task.wanted not in task.held:
            for lock in task.held:
                self._order[lock.site, site].add((index, self._passed[index, place]))
        for address in touched:
            self._accesses[address].add(index, place, task.held, writes=site.writes)
        for address in read_by_call(site, sys._getframe(1)):
            self._accesses[address].add(index, place, task.held, writes=False)

    def finish(self, tasks: list[Task]) -> None:
        """Work out from the execution just observed which places race, and over what."""
        self.threads = max(self.threads, len(tasks))
        self.version += 1
        self.counts |= self._passed
        self._shares.clear()
        self.children = defaultdict(list)
        for task in tasks[1:]:
            self.children[task.parent].append(task.index)
        wild = self._accesses.pop(ANY, None)
        for seen in self._accesses.values():
            if seen.shared:
                self._add_group(frozenset(seen.places), guarded=bool(seen.locks))
            elif seen.reachable and not seen.locks:
                # Another schedule may bring another thread to it: a pool's worker, say.
                self._add_group(frozenset(seen.places), guarded=True)
                for place in seen.places:
                    place.racing = True
        if wild is not None and len(tasks) > 1:
            self._add_wild(wild)
        self._find_roles(tasks)
        self._suspect_inversions()

    def _add_group(self, places: frozenset[Site], *, guarded: bool) -> None:
        if guarded:
            if places not in self._known:
                self._known.add(places)
                self.guarded.append(_ordered(places))
            return
        for place in places:
            place.racing = True
        if _ordered(places) not in self.groups:
            self.groups.append(_ordered(places))

    def _add_wild(self, wild: _Accesses) -> None:
        """Add the places that may touch anything, each with what others change meanwhile."""
        changed = frozenset(
            place
            for seen in self._accesses.values()
            if not seen.shared and len(seen.users | wild.users) > 1 and not seen.held_with(wild)
            for place in seen.written
        )
        for place in _ordered(frozenset(wild.places)):
            self._add_group(changed | {place}, guarded=False)

    def _find_roles(self, tasks: list[Task]) -> None:
        """Put threads that passed the same places equally often together: they are alike."""
        marks: dict[frozenset[tuple[Site, int]], list[int]] = defaultdict(list)
        passed: dict[int, set[tuple[Site, int]]] = defaultdict(set)
        for (index, site), times in self.counts.items():
            passed[index].add((site, times))
        for task in tasks:
            marks[frozenset(passed[task.index])].append(task.index)
        self.roles = {index: alike for alike in marks.values() for index in alike}

    def _suspect_inversions(self) -> None:
        """Suspect every two locks that two threads take in opposite orders.

        Joshi, Park, Sen and Naik, "A randomized dynamic program analysis technique for detecting
        real deadlocks", PLDI 2009: the first thread is stopped before its second lock.
        """
        for outer, inner in sorted(self._order, key=lambda pair: tuple(map(_order_of, pair))):
            if outer.signal or inner.signal:
                continue
            for other, _ in sorted(self._order.get((inner, outer), ())):
                for index, times in sorted(self._order[outer, inner]):
                    self._suspect(outer, Suspect(index, inner, times, other))

    def _suspect(self, outer: Site, suspect: Suspect) -> None:
        first, second = self.roles[suspect.first], self.roles[suspect.second]
        key = (outer, suspect.site, first[0], second[0])
        if suspect.first != suspect.second and key not in self._suspected:
            self._suspected.add(key)
            self.suspects.append(suspect)

    # -- what SURW asks

    def weights(self, hot: Group) -> list[int]:
        """Return for each thread how many interesting steps it and its children have to make."""
        whole = [0] * self.threads
        whole[0] = self.share(0, hot)
        return whole

    def share(self, index: int, hot: Group) -> int:
        """Return the interesting steps of thread ``index`` and of all that it starts."""
        key = (index, hot)
        known = self._shares.get(key)
        if known is None:
            known = sum(self.counts.get((index, site), 0) for site in hot)
            known += sum(self.share(child, hot) for child in self.children.get(index, ()))
            self._shares[key] = known
        return known


def _alone(task: Task) -> bool:
    """Whether no other thread lives: before the first start and after the last join."""
    return all(other is task or other.done for other in task.peers)


def _ordered(places: frozenset[Site]) -> Group:
    return tuple(sorted(places, key=_order_of))


def _order_of(place: Site) -> tuple[str, int]:
    """Return what puts places into the same order in every process; addresses would not."""
    return place.anchor, place.offset
