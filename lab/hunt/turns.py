"""Hand-overs as the engine notes them, and the pending time-outs of virtual time."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final

import msgspec

from lab.hunt.sites import THREAD, Site

if TYPE_CHECKING:
    from lab.hunt.tasks import Task

SPAWN: Final = Site(THREAD, "start", "thread")
YIELD: Final = Site(THREAD, "yield", "thread")


class Turn(msgspec.Struct, frozen=True, gc=False):
    """One hand-over: thread ``source``, at its switch point number ``step``, to ``target``.

    ``site`` is what ``source`` was about to do; None when it could not go on.
    """

    source: int
    step: int
    target: int
    why: str
    site: Site | None


class Timers:
    """The waits that end by themselves, earliest first; equal ones in the order they began."""

    def __init__(self) -> None:
        self.pending: list[tuple[float, int, Task]] = []
        self._serial = 0

    def clear(self) -> None:
        """Forget every time-out."""
        self.pending.clear()
        self._serial = 0

    def add(self, deadline: float, task: Task) -> None:
        """Note that ``task`` waits until ``deadline`` (virtual seconds) at most."""
        self._serial += 1
        heapq.heappush(self.pending, (deadline, self._serial, task))

    def pop(self) -> Task | None:
        """Return the thread whose wait ends first, None when no time-out is pending."""
        while self.pending:
            deadline, _, task = heapq.heappop(self.pending)
            if not task.done and task.waiting is not None and task.deadline == deadline:
                return task
        return None
