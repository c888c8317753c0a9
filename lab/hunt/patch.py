"""Putting the controlled primitives in place, for everybody who can reach the real ones.

Replacing ``threading.Lock`` alone would miss code that imported it by name, took ``time.monotonic``
as a default argument, or made its locks when it was imported. So every holder of a real primitive
is found through the garbage collector and given the stand-in; real locks that exist already are
wrapped where they are held. All of it is undone at the end of the hunt.
"""

from __future__ import annotations

import _queue
import _thread
import gc
import socket
import threading
import time
from collections.abc import Callable, Iterator
from types import BuiltinFunctionType, CellType, FunctionType
from typing import Any, Final

from lab.hunt import (
    _real,
    clock,
    locks,
    numbering,
    pipes,
    queues,
    selecting,
    sockets,
    threads,
)
from lab.hunt.engine import Engine
from lab.hunt.locks import Bench

Undo = Callable[[], object]

_OURS: Final = "lab.hunt"
# Their locks guard the interpreter's own bookkeeping; no switch happens while one is held.
_KEPT: Final = ("threading", "_thread", "importlib", "_frozen_importlib", "_weakrefset", "_io")
_LOCKS: Final = (_real.LockType, _real.RLockType)


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
        *sockets.STAND_INS,
        *pipes.STAND_INS,
        *selecting.STAND_INS,
    ]
    return list({id(real): (real, stand_in) for real, stand_in in pairs}.values())


class Patches:
    """The replacements of one hunt; :meth:`apply` and :meth:`undo` are each other's inverse."""

    def __init__(self, engine: Engine, traced: Callable[..., bool]) -> None:
        self._undo: list[Undo] = []
        self._engine = engine
        self._traced = traced

    def apply(self) -> None:
        """Put the stand-ins in place."""
        Bench.engine = self._engine
        Bench.traced = self._traced
        sockets.Net.channels = self._engine.channels
        threads.Hooks.before = threading.excepthook
        self._replace_methods()
        self._rebind()
        self._adopt_locks()

    def undo(self) -> None:
        """Give everybody the real primitives back."""
        while self._undo:
            self._undo.pop()()

    # -- threads

    def _replace_methods(self) -> None:
        for name in ("start", "join", "is_alive"):
            self._set_attribute(threading.Thread, name, getattr(threads, name))
        for kind in numbering.KINDS:
            self._set_attribute(kind, "__init__", numbering.numbered(kind.__dict__["__init__"]))
            self._set_attribute(kind, "__hash__", numbering.steady_hash)
        for name, method in sockets.METHODS.items():
            self._set_attribute(socket.socket, name, method)

    # -- names

    def _rebind(self) -> None:
        pairs = _stand_ins()
        by_id = {id(real): (real, stand_in) for real, stand_in in pairs}
        holders = gc.get_referrers(*(real for real, _ in pairs))
        for holder in holders:
            if holder is by_id or holder is pairs:
                continue
            self._rebind_in(holder, by_id)
        self._rebind_defaults([h for h in holders if type(h) is tuple], by_id)

    def _rebind_in(self, holder: Any, by_id: dict[int, tuple[Any, Any]]) -> None:
        if type(holder) is dict:
            if _is_kept(holder, _OURS):
                return
            for key, value in list(holder.items()):
                if id(value) in by_id and value is by_id[id(value)][0]:
                    self._set_key(holder, key, by_id[id(value)][1])
        elif type(holder) is CellType:
            found = by_id.get(id(holder.cell_contents))
            if found is not None:
                self._set_attribute(holder, "cell_contents", found[1])
        elif type(holder) is not tuple and not type(holder).__module__.startswith(_OURS):
            self._rebind_slots(holder, by_id)

    def _rebind_defaults(
        self, tuples: list[tuple[Any, ...]], by_id: dict[int, tuple[Any, Any]]
    ) -> None:
        """Change the default arguments of the functions that keep them in these tuples."""
        for owner in gc.get_referrers(*tuples):
            if type(owner) is FunctionType and owner.__defaults__ is not None:
                values = owner.__defaults__
                changed = tuple(by_id[id(v)][1] if id(v) in by_id else v for v in values)
                if changed != values:
                    self._set_attribute(owner, "__defaults__", changed)

    def _rebind_slots(self, holder: Any, by_id: dict[int, tuple[Any, Any]]) -> None:
        for name, value in _attributes(holder):
            if id(value) in by_id and value is by_id[id(value)][0]:
                self._set_attribute(holder, name, by_id[id(value)][1])

    # -- locks that exist

    def _adopt_locks(self) -> None:
        wrapped: dict[int, Any] = {}
        for holder in gc.get_objects():
            kind = type(holder)
            if kind is dict:
                if not _is_kept(holder, *_KEPT, _OURS):
                    self._adopt_in(holder, list(holder.items()), holder.__setitem__, wrapped)
            elif kind is list:
                if any(type(value) in _LOCKS for value in holder):
                    self._adopt_in(holder, list(enumerate(holder)), holder.__setitem__, wrapped)
            elif kind is CellType:
                self._adopt_cell(holder, wrapped)
            elif _may_hold(holder, kind):
                self._adopt_in(holder, list(_attributes(holder)), _setter(holder), wrapped)

    def _adopt_in(
        self,
        holder: Any,
        items: list[tuple[Any, Any]],
        put: Callable[[Any, Any], object],
        wrapped: dict[int, Any],
    ) -> None:
        for key, value in items:
            new = _adopted(value, holder, key, wrapped)
            if new is not None:
                put(key, new)
                self._undo.append(lambda put=put, key=key, value=value: put(key, value))  # type: ignore[misc]

    def _adopt_cell(self, cell: CellType, wrapped: dict[int, Any]) -> None:
        try:
            value = cell.cell_contents
        except ValueError:  # empty
            return
        new = _adopted(value, cell, "cell", wrapped)
        if new is not None:
            self._set_attribute(cell, "cell_contents", new)

    # -- changes, each with its inverse

    def _set_key(self, holder: dict[Any, Any], key: Any, value: Any) -> None:
        old = holder[key]
        owner = _class_of(holder)
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


def _is_kept(namespace: dict[Any, Any], *prefixes: str) -> bool:
    """Whether ``namespace`` is the dictionary of a module whose name starts with a prefix."""
    name = namespace.get("__name__")
    if not isinstance(name, str) or "__spec__" not in namespace:
        return False
    return name.startswith(prefixes)


def _class_of(namespace: dict[Any, Any]) -> type | None:
    if "__module__" not in namespace:
        return None
    known = _owners.get(id(namespace))
    if known is not None and any(each is namespace for each in gc.get_referents(known)):
        return known
    for owner in gc.get_referrers(namespace):
        if isinstance(owner, type) and owner.__dict__.get("__module__") == namespace["__module__"]:
            _owners[id(namespace)] = owner
            return owner
    return None


_owners: dict[int, type] = {}  # found by looking at every object there is: not for each hunt anew


def _attributes(holder: Any) -> Iterator[tuple[str, Any]]:
    """Yield an instance's own attributes without running any code of its class."""
    try:
        own = object.__getattribute__(holder, "__dict__")
    except AttributeError:
        own = {}
    if type(own) is dict:
        yield from list(own.items())
    for kind in type(holder).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            descriptor = kind.__dict__.get(name)
            if descriptor is not None and type(descriptor).__name__ == "member_descriptor":
                try:
                    yield name, descriptor.__get__(holder)
                except AttributeError:
                    continue


def _setter(holder: Any) -> Callable[[str, Any], None]:
    return lambda name, value: object.__setattr__(holder, name, value)


def _may_hold(holder: Any, kind: type) -> bool:
    """Whether an instance refers to a lock or a lock's method, and is not the interpreter's own."""
    if issubclass(kind, threading.Thread) or kind.__module__.startswith(_OURS):
        return False
    if kind.__flags__ & (1 << 9) == 0:  # Py_TPFLAGS_HEAPTYPE: classes made in Python
        return False
    return any(_is_lock_or_method(value) for value in gc.get_referents(holder))


def _is_lock_or_method(value: Any) -> bool:
    if type(value) in _LOCKS:
        return True
    return type(value) is BuiltinFunctionType and type(value.__self__) in _LOCKS


def _adopted(value: Any, holder: Any, key: Any, wrapped: dict[int, Any]) -> Any:
    """Return the stand-in for a real lock or for a bound method of one, None for anything else."""
    if type(value) is BuiltinFunctionType:
        if type(value.__self__) not in _LOCKS:
            return None
        lock = _adopted(value.__self__, holder, key, wrapped)
        return getattr(lock, value.__name__, None)
    if type(value) not in _LOCKS:
        return None
    lock = wrapped.get(id(value))
    if lock is None:
        kind = locks.Lock if type(value) is _real.LockType else locks.RLock
        lock = wrapped[id(value)] = kind.adopt(value, f"{kind.kind} {_owner_name(holder)}{key}")
    return lock


def _owner_name(holder: Any) -> str:
    if type(holder) is dict:
        name = holder.get("__name__")
        return f"{name}." if isinstance(name, str) else ""
    return f"{type(holder).__name__}." if type(holder) not in (list, CellType) else ""


Bench.engine = Engine()
Bench.traced = lambda _frame: False
