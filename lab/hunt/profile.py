"""Which places matter: what an observed execution touched, from which threads.

Two threads that touch the same object, one of them changing it, make the places race; switching
anywhere else changes nothing that could be seen. What cannot be read (see :mod:`.operand`) counts
as touching anything. The result narrows the switch points and gives SURW its counts; a place that
no profile has seen keeps its chance.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from types import ModuleType
from typing import Any, Final

from lab.hunt import operand
from lab.hunt.sites import LOCK, TEST, Site
from lab.hunt.tasks import Task

_VALUES: Final = frozenset(
    (int, float, complex, bool, str, bytes, type(None), tuple, frozenset, range, type, type(len))
)
_ANY: Final = ("any",)

Address = tuple[Any, ...]


class Profile:
    """What was learnt from the executions observed so far."""

    def __init__(self) -> None:
        self.groups: list[tuple[Site, ...]] = []
        self.racing: set[Site] = set()
        self.counts: Counter[tuple[int, Site]] = Counter()
        self.children: dict[int, list[int]] = defaultdict(list)
        self.threads = 1
        self._touched: dict[Address, dict[Site, set[int]]] = {}
        self._writers: dict[Address, set[int]] = {}
        self._last_point: dict[int, Site] = {}
        self._seen_groups: set[frozenset[Site]] = set()

    # -- observing one execution

    def begin(self) -> None:
        """Forget the addresses of the last execution: they name other objects now."""
        self._touched = defaultdict(lambda: defaultdict(set))
        self._writers = defaultdict(set)
        self._last_point = {}
        self.counts.clear()
        self.children.clear()

    def observe(self, task: Task, site: Site) -> None:
        """Note that ``task`` is about to pass ``site``.

        An access that is no switch point itself belongs to the last one its thread passed: to
        stop the thread there is the latest way to let others come first.
        """
        index = task.index
        if site.point:
            self._last_point[index] = site
            site.seen = True
            self.counts[index, site] += 1
        place = self._last_point.get(index)
        if not site.access or place is None:
            return
        for address in _addresses(site):
            self._touched[address][place].add(index)
            if site.writes:
                self._writers[address].add(index)

    def finish(self, tasks: list[Task]) -> None:
        """Work out from the execution just observed which places race, and over what."""
        self.threads = max(self.threads, len(tasks))
        for task in tasks[1:]:
            self.children[task.parent].append(task.index)
        wild = self._touched.pop(_ANY, {})
        for address, places in self._touched.items():
            users = set().union(*places.values())
            writers = self._writers[address]
            if len(users) > 1 and writers:
                self._add_group(frozenset(places))
        if len(tasks) > 1:
            for place in wild:
                self._add_group(frozenset((place,)))

    def _add_group(self, places: frozenset[Site]) -> None:
        if not places or places in self._seen_groups:
            return
        self._seen_groups.add(places)
        for place in places:
            place.racing = True
        self.racing |= places
        self.groups.append(tuple(sorted(places, key=lambda place: place.anchor)))

    # -- what SURW asks

    def weights(self, hot: tuple[Site, ...]) -> list[int]:
        """Return for each thread how many interesting steps it and its children have to make."""
        whole = [0] * self.threads
        whole[0] = self.share(0, hot)
        return whole

    def share(self, index: int, hot: tuple[Site, ...]) -> int:
        """Return the interesting steps of thread ``index`` and of all that it starts."""
        own = sum(self.counts.get((index, site), 0) for site in hot)
        return own + sum(self.share(child, hot) for child in self.children.get(index, ()))


def _addresses(site: Site) -> tuple[Address, ...]:
    if site.code is None:
        return (("lock", id(site)),) if site.kind == LOCK else ()
    if site.variable.startswith(("global ", "cell ")):
        return (("name", site.code.co_filename, site.variable),)
    frame = operand.frame_of(site, sys._getframe(2))
    try:
        if frame is None:
            raise operand.Unknown
        owner = operand.evaluate(operand.subject(site), frame)
    except operand.Unknown:
        return () if site.kind == TEST or site.cold else (_ANY,)
    if site.variable.startswith("."):
        return () if type(owner) is ModuleType else ((id(owner), site.variable),)
    return () if type(owner) in _VALUES else ((id(owner), "contents"),)
