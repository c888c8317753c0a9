"""Says whether a tree makes progress, and proves it when none is possible any more. Never kills.

The proof. Between two sweeps over all threads of the tree nobody was added or lost, and nobody's
``schedstat`` changed: so none was given a CPU in between. What each thread is blocked in was read
between the sweeps, so all were blocked at one moment. If each wait is untimed and only a member
of the tree could end it, then no member ever runs again. What only looks still is called quiet.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal

import msgspec

from lab import procfs
from lab.kernel import thread_waits
from lab.model import Proof, ThreadWait

type Counters = dict[tuple[int, int], bytes]
"""(pid, tid) to the thread's ``schedstat``."""

_ALWAYS_ASSUMED = (
    "nobody outside the tree sends it a signal or writes to its memory",
    "no alarm(2) is pending whose signal has its default action: it would end the process",
)
_AWAKE = "RDW"
"""States in which a thread is on its way; everything else lasts until somebody acts."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What one poll has found. The times are readings of the watchdog's clock, in seconds."""

    state: Literal["running", "quiet", "deadlocked"]
    still_s: float
    """For how long nothing has run, as far as was looked."""
    last_progress_s: float
    """When it was last found that something had run: between then and the poll before it did."""
    waits: tuple[ThreadWait, ...] = ()
    proof: Proof | None = None


class Watchdog:
    """Watches a tree. ``tree`` returns its live processes; ``outside`` are the lab and the shim.

    An end of a pipe that is held by a process of ``outside`` does not count as the tree's own.
    ``instruments`` are the kernel's names of threads that a profiler runs inside the target: they
    do nothing for the program and are left out, which a proof then says.
    """

    def __init__(
        self,
        tree: Callable[[], list[int]],
        *,
        outside: Collection[int],
        clock: Callable[[], float] = time.monotonic,
        instruments: Collection[str] = (),
    ) -> None:
        self._tree = tree
        self._instruments = instruments
        self._outside = outside
        self._clock = clock
        self._last_progress_s = clock()
        self._counters: Counters = {}
        self._first_seen: dict[tuple[int, int], float] = {}
        self._last_ran: dict[tuple[int, int], float] = {}
        self._waits: tuple[ThreadWait, ...] | None = None
        self._proof: Proof | None = None

    def poll(self) -> Progress:
        """Look at the tree: counters only while things run, the whole once they stand still.

        What was found of a tree that stands still holds until a counter changes, and is not
        looked up again.
        """
        if self._moved() or not self._counters:
            return self._running()
        if self._waits is None:
            waits = self._classify(self._outside)
            if self._moved():
                return self._running()
            if any(wait.state in _AWAKE for wait in waits):
                return self._running(waits)
            self._waits = waits
            self._proof = self._prove(waits)
        if self._moved():
            return self._running()
        return self._still()

    def forget(self) -> None:
        """Look everything up again: somebody outside, the lab itself, has interfered."""
        self._waits = self._proof = None

    def _still(self) -> Progress:
        return Progress(
            state="deadlocked" if self._proof else "quiet",
            still_s=self._clock() - self._last_progress_s,
            last_progress_s=self._last_progress_s,
            waits=self._waits or (),
            proof=self._proof,
        )

    def _running(self, waits: tuple[ThreadWait, ...] = ()) -> Progress:
        self._waits = self._proof = None
        self._last_progress_s = self._clock()
        return Progress("running", 0.0, self._last_progress_s, waits)

    def _moved(self) -> bool:
        """Sweep over the counters; say whether anything differs from the sweep before."""
        found: Counters = {}
        for pid in self._tree():
            for tid in procfs.thread_ids(pid):
                counter = procfs.schedstat(pid, tid)
                if counter is not None and not self._is_instrument(pid, tid):
                    found[pid, tid] = counter
        moved = found != self._counters
        if moved:
            self._note(found)
        self._counters = found
        return moved

    def _is_instrument(self, pid: int, tid: int) -> bool:
        return bool(self._instruments) and procfs.thread_name(pid, tid) in self._instruments

    def _note(self, found: Counters) -> None:
        now = self._clock()
        for thread, counter in found.items():
            self._first_seen.setdefault(thread, now)
            if self._counters.get(thread) != counter:
                self._last_ran[thread] = now

    def _classify(self, outside: Collection[int]) -> tuple[ThreadWait, ...]:
        pids = {pid for pid, _ in self._counters}
        return tuple(
            msgspec.structs.replace(
                wait,
                first_seen_s=self._first_seen.get((wait.pid, wait.tid)),
                last_ran_s=self._last_ran.get((wait.pid, wait.tid)),
            )
            for wait in thread_waits(pids, outside=outside)
            if wait.comm not in self._instruments
        )

    def _prove(self, waits: tuple[ThreadWait, ...]) -> Proof | None:
        """Return a proof if there is one.

        What the lab and the shim do not hold, another process of the machine may: that is looked
        up only now, because it means looking at all of them.
        """
        if not self._is_closed(waits):
            return None
        members = {pid for pid, _ in self._counters}
        others = [pid for pid in procfs.all_pids() if pid not in members]
        again = self._classify(others)
        if not self._is_closed(again):
            self._waits = again
            return None
        if self._moved():
            return None
        return Proof(
            threads=again,
            last_progress_s=self._last_progress_s,
            proved_s=self._clock(),
            sweeps=3,
            assumptions=(
                *_assumptions(again, others),
                *(f"threads named {name} are a tool's own" for name in self._instruments),
            ),
        )

    def _about_instruments(self) -> list[str]:
        return [f"threads named {name} wake no other" for name in sorted(self._instruments)]

    def _is_closed(self, waits: tuple[ThreadWait, ...]) -> bool:
        """Say whether every thread of the last sweep is there, and none can be woken."""
        same = {(wait.pid, wait.tid) for wait in waits} == set(self._counters)
        return same and bool(waits) and all(wait.closed for wait in waits)


def _assumptions(waits: tuple[ThreadWait, ...], others: Collection[int]) -> tuple[str, ...]:
    named = sorted({wait.assuming for wait in waits if wait.assuming})
    hidden = sum(1 for pid in others if procfs.is_hidden(pid))
    if hidden:
        named.append(f"{hidden} processes of other users share no descriptor or memory with it")
    return (*_ALWAYS_ASSUMED, *named)
