"""Putting the controlled primitives in place, for everybody who can reach the real ones.

Replacing ``threading.Lock`` alone would miss code that imported it by name, took ``time.monotonic``
as a default argument, or made its locks when it was imported. So every holder of a real primitive
is found through the garbage collector and given the stand-in; real locks that exist already are
wrapped where they are held. All of it is undone at the end of the hunt.
"""

from __future__ import annotations

import _queue
import _thread
import logging
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, _base
from types import CellType, CodeType, FunctionType
from typing import Any

from lab.hunt import (
    _real,
    clock,
    dates,
    locks,
    numbering,
    pipes,
    queues,
    selecting,
    sockets,
    threads,
)
from lab.hunt.adoption import OURS, Adoption, class_of, is_module_of
from lab.hunt.census import Census
from lab.hunt.engine import Engine
from lab.hunt.locks import Bench
from lab.hunt.operand import attributes
from lab.hunt.tasks import Unwind

Undo = Callable[[], object]


def _stand_ins() -> list[tuple[Any, Any]]:
    pairs: list[tuple[Any, Any]] = [
        (_thread.allocate_lock, locks.Lock),
        (_real.new_lock, locks.Lock),
        (_real.new_rlock, locks.RLock),
        (_thread.RLock, locks.RLock),
        (_queue.SimpleQueue, queues.SimpleQueue),
        (_thread.start_new_thread, threads.start_new_thread),
        (time.sleep, clock.sleep),
        (time.monotonic, clock.monotonic),
        (time.monotonic_ns, clock.monotonic_ns),
        (time.perf_counter, clock.perf_counter),
        (time.perf_counter_ns, clock.perf_counter_ns),
        (time.time, clock.wall),
        (time.time_ns, clock.wall_ns),
        *dates.STAND_INS,
        *sockets.STAND_INS,
        *pipes.STAND_INS,
        *selecting.STAND_INS,
    ]
    return list({id(real): (real, stand_in) for real, stand_in in pairs}.values())


class Patches:
    """The replacements of one hunt; :meth:`apply` and :meth:`undo` are each other's inverse."""

    def __init__(
        self, engine: Engine, traced: Callable[..., bool], covers: Callable[[CodeType], bool]
    ) -> None:
        self._undo: list[Undo] = []
        self._engine = engine
        self._traced = traced
        self._covers = covers

    def apply(self, census: Census) -> None:
        """Put the stand-ins in place of what ``census`` found."""
        Bench.engine = self._engine
        Bench.traced = self._traced
        Bench.covers = self._covers
        sockets.Net.channels = self._engine.channels
        threads.Hooks.before = threading.excepthook
        self._replace_methods()
        self._keep_quiet()
        pairs = _stand_ins()
        by_id = {id(real): (real, stand_in) for real, stand_in in pairs}
        holders = census.holders_of([*(real for real, _ in pairs), *census.locks])
        for holder in holders:
            self._rebind_in(holder, by_id)
        self._rebind_defaults(census.functions, by_id)
        Adoption(self._undo, self._set_attribute).adopt(census, holders)
        for pool in census.pools:
            self._set_attribute(pool, "_work_queue", queues.SimpleQueue())

    def undo(self) -> None:
        """Give everybody the real primitives back."""
        while self._undo:
            self._undo.pop()()

    # -- threads

    def _replace_methods(self) -> None:
        for name in ("start", "join", "is_alive"):
            self._set_attribute(threading.Thread, name, getattr(threads, name))
        initialise = threads.initialiser(threading.Thread.__init__, self._engine)
        self._set_attribute(threading.Thread, "__init__", initialise)
        self._set_attribute(threading, "_counter", threads.counter(self._engine))
        self._set_attribute(Future, "__init__", numbering.numbered(Future.__init__))
        for kind in (threading.Thread, Future):
            self._set_attribute(kind, "__hash__", numbering.steady_hash)
        for name, method in sockets.METHODS.items():
            self._set_attribute(socket.socket, name, method)

    def _keep_quiet(self) -> None:
        """Have a pool log no error for a worker that has to leave; as it does for all errors."""
        logger: logging.Logger = _base.LOGGER
        logger.addFilter(_is_news)
        self._undo.append(lambda: logger.removeFilter(_is_news))

    # -- names

    def _rebind_in(self, holder: Any, by_id: dict[int, tuple[Any, Any]]) -> None:
        if type(holder) is dict:
            if is_module_of(holder, OURS):
                return
            for key, value in list(holder.items()):
                if id(value) in by_id and value is by_id[id(value)][0]:
                    self._set_key(holder, key, by_id[id(value)][1])
        elif type(holder) is CellType:
            found = by_id.get(id(holder.cell_contents))
            if found is not None:
                self._set_attribute(holder, "cell_contents", found[1])
        elif type(holder) is not tuple and not type(holder).__module__.startswith(OURS):
            self._rebind_slots(holder, by_id)

    def _rebind_defaults(
        self, functions: list[FunctionType], by_id: dict[int, tuple[Any, Any]]
    ) -> None:
        """Change the default arguments of functions that have a real primitive there."""
        for function in functions:
            values = function.__defaults__
            if values is None or by_id.keys().isdisjoint(map(id, values)):
                continue
            changed = tuple(by_id[id(v)][1] if id(v) in by_id else v for v in values)
            self._set_attribute(function, "__defaults__", changed)

    def _rebind_slots(self, holder: Any, by_id: dict[int, tuple[Any, Any]]) -> None:
        for name, value in attributes(holder):
            if id(value) in by_id and value is by_id[id(value)][0]:
                self._set_attribute(holder, name, by_id[id(value)][1])

    # -- changes, each with its inverse

    def _set_key(self, holder: dict[Any, Any], key: Any, value: Any) -> None:
        old = holder[key]
        owner = class_of(holder)
        if owner is None:
            holder[key] = value
            self._undo.append(lambda: holder.__setitem__(key, old))
        else:
            wrapped = staticmethod(value) if isinstance(value, FunctionType) else value
            self._set_attribute(owner, key, wrapped)

    def _set_attribute(self, holder: Any, name: str, value: Any) -> None:
        if isinstance(holder, type) and name not in holder.__dict__:
            setattr(holder, name, value)
            self._undo.append(lambda: delattr(holder, name))
            return
        old = holder.__dict__[name] if isinstance(holder, type) else getattr(holder, name)
        try:
            setattr(holder, name, value)
        except (AttributeError, TypeError):  # immutable: nobody could have replaced it there
            return
        self._undo.append(lambda: setattr(holder, name, old))


def _is_news(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], Unwind))


Bench.engine = Engine()
