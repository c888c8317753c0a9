"""``queue.SimpleQueue`` under control: the real one waits inside C, where nobody can be switched.

It follows ``queue._PySimpleQueue`` in what it raises, and ``put`` is safe to call from a weak
reference's callback at any moment, as executors do.
"""

from __future__ import annotations

import queue
import sys
import types
from collections import deque
from typing import TYPE_CHECKING, Any

from lab.hunt import _real
from lab.hunt.locks import Bench, pass_point
from lab.hunt.tasks import INFINITY, Task

if TYPE_CHECKING:
    from lab.hunt.engine import Engine


class SimpleQueue:
    """An unbounded queue whose readers leave the runnable set while it is empty."""

    def __class_getitem__(cls, item: Any) -> types.GenericAlias:
        return types.GenericAlias(cls, (item,))

    def __init__(self) -> None:
        self._items: deque[Any] = deque()
        self._readers: list[Task] = []
        self._real: Any = None
        self.site = Bench.site("SimpleQueue", sys._getframe(1))

    def describe(self) -> str:
        """Name the queue for people."""
        return self.site.variable

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:  # noqa: ARG002
        """Add ``item``; never waits."""
        engine = Bench.engine
        if engine.by_ident.get(_real.get_ident()) is not None and not engine.aborting:
            pass_point(engine, self.site)
        self._items.append(item)
        for reader in self._readers:
            if reader not in engine.runnable and not reader.done:
                engine.ready(reader)

    put_nowait = put

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Return the oldest item; wait for one as ``queue.SimpleQueue.get`` does."""
        if timeout is not None and timeout < 0:
            raise ValueError("'timeout' must be a non-negative number")
        engine = Bench.engine
        me = engine.by_ident.get(_real.get_ident())
        if me is None:
            return self._get_outside(block, timeout)
        pass_point(engine, self.site)
        if not self._items and block:
            self._wait(engine, me, INFINITY if timeout is None else engine.now + timeout)
        if not self._items:
            raise queue.Empty
        item = self._items.popleft()
        if not self._items:
            for reader in self._readers:
                if not reader.timed_out:
                    engine.runnable.remove(reader)
        return item

    def get_nowait(self) -> Any:
        """Return the oldest item, or raise ``queue.Empty``."""
        return self.get(block=False)

    def empty(self) -> bool:
        """Whether nothing is in the queue now."""
        self._look()
        return not self._items

    def qsize(self) -> int:
        """Return how many items are in the queue now."""
        self._look()
        return len(self._items)

    def _look(self) -> None:
        engine = Bench.engine
        if engine.by_ident.get(_real.get_ident()) is not None:
            pass_point(engine, self.site)

    def _wait(self, engine: Engine, me: Task, deadline: float) -> None:
        self._readers.append(me)
        try:
            while not self._items and engine.block(me, self, deadline):
                pass
        finally:
            self._readers.remove(me)

    def _get_outside(self, block: bool, timeout: float | None) -> Any:
        # Only a thread that was never under control comes here; polling is good enough for it.
        end = None if timeout is None else _real.monotonic() + timeout
        while not self._items:
            if not block or (end is not None and _real.monotonic() >= end):
                raise queue.Empty
            _real.sleep(0.001)
        return self._items.popleft()
