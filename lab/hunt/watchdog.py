"""Noticing a thread that is blocked where the scheduler cannot see it: a socket, a lock inside C.

A real thread that looks from time to time whether the execution moves. When the thread whose turn
it is sleeps in the kernel without a step, the execution is given up, with the stack of the block as
the reason; it is a limit of the hunt, never a finding and never a hang.

Some sleep in naps: sqlite looks every tenth of a second whether another transaction is over.
So the kernel is asked for how long a thread ran or wanted to, not whether it was awake at all.
"""

from __future__ import annotations

import gc
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

from lab.hunt import _real, ending
from lab.hunt.deadlock import stack_of
from lab.hunt.tasks import Task, Unwind

if TYPE_CHECKING:
    from lab.hunt.engine import Engine

_LOOKS: Final = 4  # looks in one stall period, all of which must see the same
_NAPS: Final = 0.05  # of the time: below it a thread only wakes up to sleep again


class Watchdog:
    """Watches one engine from a thread of its own between :meth:`start` and :meth:`stop`."""

    def __init__(self, engine: Engine, stall: float) -> None:
        self._engine = engine
        self._stall = stall
        self._end = _real.allocate_lock()
        self._gone = _real.allocate_lock()
        self._previous: Any = None
        self._signal = signal.SIGRTMAX - 2 if hasattr(signal, "SIGRTMAX") else None
        self._ours = False

    def start(self) -> None:
        """Begin to watch."""
        self._ours = threading.current_thread() is threading.main_thread()
        if self._ours and self._signal is not None:
            self._previous = signal.signal(self._signal, self._wake)
        self._end.acquire()
        self._gone.acquire()
        _real.start_new_thread(self._watch, ())

    def stop(self) -> None:
        """End the watching thread, and wait for it."""
        if not self._end.locked():
            return
        self._end.release()
        self._gone.acquire()
        if self._ours and self._signal is not None:
            signal.signal(self._signal, self._previous)

    def _watch(self) -> None:
        try:
            seen, wanted, looks = self._place(), self._wants(), 0
            while not self._end.acquire(timeout=self._stall / _LOOKS):
                place, wants = self._place(), self._wants()
                busy = wants - wanted > self._stall * _NAPS
                if place is None or place != seen or busy:
                    seen, wanted, looks = place, wants, 0
                    continue
                looks += 1
                if looks >= _LOOKS and (task := self._engine.current) is not None:
                    self._give_up(task)
                    seen = None
        finally:
            self._gone.release()

    def _place(self) -> tuple[object, ...] | None:
        """Return how far the execution has come, ``None`` between two of them."""
        engine = self._engine
        if (task := engine.current) is None:
            return None
        return engine.epoch, engine.step, len(engine.turns), task.index

    def _wants(self) -> float:
        task = self._engine.current
        return _wanted_time(task) if task is not None else 0.0

    def _give_up(self, task: Task) -> None:
        """End an execution whose running thread sleeps outside the scheduler's view."""
        engine = self._engine
        frame = sys._current_frames().get(task.ident)
        stack = stack_of(frame)
        where = stack[-1] if stack else "an unknown place"
        engine.stuck = f"{task.name} is blocked outside the scheduler's view at {where}"
        engine.stuck_stack = stack
        if task.index == 0:
            self._give_up_main(task)
            return
        task.lost = task.done = True
        engine.aborting = True
        engine.current = engine.tasks[0]
        engine.tasks[0].go.release()

    def _give_up_main(self, main: Task) -> None:
        """Wake the body's thread; where a signal does not, end what it may be waiting for.

        C code that goes on to wait after a signal comes back when the others' work is undone.
        """
        engine = self._engine
        again, engine.aborting = engine.aborting, True
        if self._ours and self._signal is not None:
            signal.pthread_kill(main.ident, self._signal)
        if again:
            ending.expel(engine, main, patience=self._stall)
            gc.collect()  # sqlite's connections are circles

    def _wake(self, number: int, frame: object) -> None:  # noqa: ARG002
        # Raised out of the blocking call itself: the interpreter runs this when it is interrupted.
        if self._engine.stuck is not None:
            raise Unwind


def _wanted_time(task: Task) -> float:
    """Return for how many seconds the thread ran, or could have if a processor had been free."""
    if task.worker.native is None:
        return 0.0
    try:  # no frame but the lab's own: this one may wait for the GIL when a hang's stacks are read
        with open(f"/proc/self/task/{task.worker.native}/schedstat", "rb") as file:  # noqa: PTH123
            ran, queued, _ = map(int, file.read().split())
    except OSError:
        return 0.0
    return (ran + queued) / 1e9
