"""The kit: one set of names for ``threading`` and ``multiprocessing``, handed to a scenario.

The kit only chooses the module. What it returns are the real, unmodified objects of the standard
library, so that a scenario shows how those behave and nothing else. It is loaded inside the
program under test and uses the standard library only.
"""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import queue
import threading
from collections.abc import Callable
from typing import Any, Protocol

from lab.scenario import Variant


class Worker(Protocol):
    """What ``threading.Thread`` and ``multiprocessing.Process`` have in common."""

    name: str

    def start(self) -> None:
        """Begin to run."""

    def join(self, timeout: float | None = None) -> None:
        """Wait until it has ended."""

    def is_alive(self) -> bool:
        """Say whether it has begun and not ended."""


class LockLike(Protocol):
    """What the locks of ``threading`` and ``multiprocessing`` have in common."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock, waiting for it if ``blocking``; say whether it was taken."""

    def release(self) -> None:
        """Give the lock back."""

    def __enter__(self) -> bool: ...

    def __exit__(self, *exc: object) -> None: ...


on_point: Callable[[str], None] | None = None
"""What is done at every named point; set in a process into which a fault is planted."""


def point(name: str) -> None:
    """Pass a point at which a fault can be planted, as in ``--fault kill:worker@NAME``.

    It costs one test where none is.
    """
    if on_point is not None:
        on_point(name)


type Wrapper = Callable[[Callable[..., Any]], Callable[..., Any]]
"""Wraps a worker's function, for a measurement that has to run inside each worker."""


class Kit:
    """The concurrency objects of one variant.

    ``wrapper``, when given, is put around every worker's function; it must be picklable for the
    start methods that pickle (forkserver, spawn). ``observations`` is the file that
    :meth:`observe` writes to; without one, what is observed goes nowhere.
    """

    def __init__(
        self,
        variant: Variant,
        *,
        seed: int = 0,
        wrapper: Wrapper | None = None,
        observations: str = "",
    ) -> None:
        self.variant = variant
        self.seed = seed
        self._wrapper = wrapper
        self._observations = observations
        method = variant.start_method
        self._module: Any = multiprocessing.get_context(method) if method else threading

    def worker(self, target: Callable[..., Any], *args: Any, name: str) -> Worker:
        """Return an unstarted thread or process that will call ``target(*args)``."""
        function = self._wrapper(target) if self._wrapper else target
        make = self._module.Process if self.variant.start_method else self._module.Thread
        worker: Worker = make(target=function, args=args, name=name)
        return worker

    def observe(self, name: str, value: float, unit: str = "") -> None:
        """Report a figure about the program, such as ``("lost updates", 3)``.

        It is with the kernel when this returns, so that a crash loses nothing; of a name that is
        reported twice the last value counts. Raises :class:`ValueError` for a value that is not
        finite.
        """
        value = float(value)
        if not math.isfinite(value):
            raise ValueError(f"observed {name} = {value}, wanted a finite number")
        if self._observations:
            line = json.dumps({"name": name, "value": value, "unit": unit}).encode() + b"\n"
            file = os.open(self._observations, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                os.write(file, line)
            finally:
                os.close(file)

    def point(self, name: str) -> None:
        """Pass a point at which a fault can be planted; see :func:`lab.point`."""
        point(name)

    def lock(self) -> LockLike:
        """Return a plain, non-reentrant lock."""
        lock: LockLike = self._module.Lock()
        return lock

    def numbers(self, count: int) -> Any:
        """Return ``count`` integers, all 0, that every worker can read and write, with no lock.

        A list for threads, an array of 64-bit integers in shared memory for processes.
        """
        if self.variant.start_method:
            return self._module.RawArray("q", count)
        return [0] * count

    def rlock(self) -> LockLike:
        """Return a reentrant lock."""
        lock: LockLike = self._module.RLock()
        return lock

    def condition(self, lock: LockLike | None = None) -> Any:
        """Return a condition variable, on ``lock`` if one is given."""
        return self._module.Condition(lock)

    def semaphore(self, value: int = 1) -> Any:
        """Return a counting semaphore."""
        return self._module.Semaphore(value)

    def event(self) -> Any:
        """Return an event that is not set."""
        return self._module.Event()

    def barrier(self, parties: int) -> Any:
        """Return a barrier for ``parties`` workers."""
        return self._module.Barrier(parties)

    def queue(self, maxsize: int = 0) -> Any:
        """Return a first-in-first-out queue; ``maxsize`` 0 is unbounded."""
        if self.variant.start_method:
            return self._module.Queue(maxsize)
        return queue.Queue(maxsize)
