"""Noticing a thread that is blocked where the scheduler cannot see it: a socket, a lock inside C.

A real thread that looks from time to time whether the execution moves. When the thread whose turn
it is sleeps in the kernel without a step, the execution is given up, with the stack of the block as
the reason; it is a limit of the hunt, never a finding and never a hang.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lab.hunt import _real
from lab.hunt.deadlock import stack_of
from lab.hunt.tasks import Task, Unwind

if TYPE_CHECKING:
    from lab.hunt.engine import Engine

_LOOKS: Final = 4  # looks in one stall period, all of which must see the same


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
            seen: tuple[object, ...] = ()
            same = 0
            while not self._end.acquire(timeout=self._stall / _LOOKS):
                engine, now = self._engine, self._progress()
                same = same + 1 if now == seen and engine.current is not None else 0
                seen = now
                if same >= _LOOKS and engine.current is not None:
                    self._give_up(engine.current)
                    same = 0
        finally:
            self._gone.release()

    def _progress(self) -> tuple[object, ...]:
        engine = self._engine
        task = engine.current
        ran = _processor_time(task) if task is not None else ""
        return engine.epoch, engine.step, len(engine.turns), ran

    def _give_up(self, task: Task) -> None:
        """End an execution whose running thread sleeps outside the scheduler's view."""
        engine = self._engine
        frame = sys._current_frames().get(task.ident)
        stack = stack_of(frame)
        where = stack[-1] if stack else "an unknown place"
        engine.stuck = f"{task.name} is blocked outside the scheduler's view at {where}"
        engine.stuck_stack = stack
        if task.index == 0:
            engine.aborting = True
            if self._ours and self._signal is not None:
                signal.pthread_kill(task.ident, self._signal)
            return
        task.lost = task.done = True
        engine.aborting = True
        engine.current = engine.tasks[0]
        engine.tasks[0].go.release()

    def _wake(self, number: int, frame: object) -> None:  # noqa: ARG002
        # Raised out of the blocking call itself: the interpreter runs this when it is interrupted.
        if self._engine.stuck is not None:
            raise Unwind


def _processor_time(task: Task) -> str:
    """Return the kernel's count of how long the thread has run: unchanged, it did not run."""
    if task.worker.native is None:
        return ""
    with contextlib.suppress(OSError):
        return Path(f"/proc/self/task/{task.worker.native}/schedstat").read_text()
    return ""
