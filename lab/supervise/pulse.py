"""Whether anything in a tree has been given a CPU since the last look, at next to no cost.

A thread's ``schedstat`` changes whenever it runs, see the kernel's sched-stats documentation. A
busy tree is known by one thread, the one that moved last; only a tree that seems to stand still is
looked at whole.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from lab.supervise import shim

type Thread = tuple[int, int]
"""(pid, tid)."""


class Pulse:
    """Compares the counters of every thread of a tree. ``members`` returns its processes."""

    def __init__(self, members: Callable[[], Iterable[int]]) -> None:
        self._members = members
        self._counters: dict[Thread, bytes] = {}
        self._busiest: Thread | None = None

    def beats(self) -> bool:
        """Say whether anything has run, begun or ended since the last call; at first it has."""
        if self._busiest is not None:
            counter = _counter(*self._busiest)
            if counter and counter != self._counters.get(self._busiest):
                self._counters[self._busiest] = counter
                return True
        found = _sweep(self._members())
        if found == self._counters:
            return False
        moved = (thread for thread in found if found[thread] != self._counters.get(thread))
        self._busiest = next(moved, None)
        self._counters = found
        return True


def _counter(pid: int, tid: int) -> bytes:
    return shim.read(f"/proc/{pid}/task/{tid}/schedstat")


def _sweep(pids: Iterable[int]) -> dict[Thread, bytes]:
    found = {}
    for pid in pids:
        for tid in _threads(pid):
            found[pid, tid] = _counter(pid, tid)
    return found


def _threads(pid: int) -> list[int]:
    try:
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    except OSError:
        return []
