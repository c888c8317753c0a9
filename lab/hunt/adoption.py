"""Taking over the locks that exist when a hunt begins: each is wrapped wherever it is held.

Who holds one is asked of the garbage collector. A lock inside something that cannot be changed (a
tuple, a frozen set, a bound method) is wrapped by making a new one of those, for whoever holds it.
"""

from __future__ import annotations

import gc
import threading
from collections import deque
from collections.abc import Callable, Iterable
from types import BuiltinFunctionType, CellType, FunctionType
from typing import Any, Final

from lab.hunt import _real, locks
from lab.hunt.census import LOCKS, Census
from lab.hunt.operand import attributes

OURS: Final = "lab.hunt"
# Their locks guard the interpreter's own bookkeeping; no switch happens while one is held.
_KEPT: Final = ("threading", "_thread", "importlib", "_frozen_importlib", "_weakrefset", "_io")
_DEEPEST: Final = 4  # tuples within tuples

Change = Callable[[Any, str, Any], None]


class Adoption:
    """Wraps every lock; ``undo`` collects how to take that back, ``change`` sets an attribute."""

    def __init__(self, undo: list[Callable[[], object]], change: Change) -> None:
        self._undo = undo
        self._change = change
        self._wrapped: dict[int, Any] = {}
        self._targets: dict[int, Any] = {}

    def adopt(self, census: Census, holders: list[Any]) -> None:
        """Wrap the locks of ``census`` wherever ``holders``, among others', have them."""
        found = census.locks
        for _ in range(_DEEPEST):
            self._targets = {id(each): each for each in found}
            frozen = []
            for holder in holders:
                if not isinstance(holder, (tuple, frozenset, BuiltinFunctionType)):
                    self._adopt_in(holder)
                elif not self._targets.keys().isdisjoint(map(id, gc.get_referents(holder))):
                    frozen.append(holder)
            if not frozen:
                return
            holders = census.referrers(frozen, holders, found)
            found = frozen

    def _adopt_in(self, holder: Any) -> None:
        kind = type(holder)
        if kind is dict:
            self._adopt_in_dictionary(holder)
        elif kind in (list, deque):
            self._replace(holder, enumerate(list(holder)), holder.__setitem__)
        elif kind is set and holder is not getattr(threading, "_shutdown_locks", None):
            self._replace(holder, ((each, each) for each in list(holder)), _exchange(holder))
        elif kind is CellType:
            new = self._new(holder.cell_contents, holder, "cell")
            if new is not None:
                self._change(holder, "cell_contents", new)
        elif kind is FunctionType:
            new = self._new(holder.__defaults__, holder, "default")
            if new is not None:
                self._change(holder, "__defaults__", new)
        elif _may_hold(kind):
            self._replace(holder, attributes(holder), _setter(holder))

    def _adopt_in_dictionary(self, holder: dict[Any, Any]) -> None:
        if is_module_of(holder, *_KEPT, OURS):
            return
        owner = class_of(holder)
        if owner is None:
            self._replace(holder, list(holder.items()), holder.__setitem__)
            return
        for name, value in list(holder.items()):
            new = self._new(value, holder, name)
            if new is not None:
                self._change(owner, name, new)

    def _replace(
        self, holder: Any, items: Iterable[tuple[Any, Any]], put: Callable[[Any, Any], object]
    ) -> None:
        for key, value in list(items):
            new = self._new(value, holder, key)
            if new is not None:
                put(key, new)
                row = holder if type(holder) in (list, deque) else None
                self._undo.append(_inverse(put, key, new, value, row))

    def _new(self, value: Any, holder: Any, key: Any) -> Any:
        """Return what stands for ``value``, None if it is not among those looked for."""
        return self._made(value, holder, key) if id(value) in self._targets else None

    def _made(self, value: Any, holder: Any, key: Any) -> Any:
        if type(value) in LOCKS:
            return self._wrapped_lock(value, holder, key)
        if isinstance(value, BuiltinFunctionType) and type(value.__self__) in LOCKS:
            return getattr(self._wrapped_lock(value.__self__, holder, key), value.__name__, None)
        if isinstance(value, (tuple, frozenset)):
            items = [self._made(each, holder, f"{key}[{at}]") for at, each in enumerate(value)]
            pairs = zip(value, items, strict=True)
            base: Any = tuple if isinstance(value, tuple) else frozenset
            return base.__new__(type(value), [old if new is None else new for old, new in pairs])
        return None

    def _wrapped_lock(self, real: Any, holder: Any, key: Any) -> Any:
        lock = self._wrapped.get(id(real))
        if lock is None:
            kind = locks.Lock if type(real) is _real.LockType else locks.RLock
            lock = kind.adopt(real, f"{kind.kind} {_owner_name(holder)}{key}")
            self._wrapped[id(real)] = lock
        return lock


def _inverse(
    put: Callable[[Any, Any], object], key: Any, new: Any, old: Any, row: Any
) -> Callable[[], object]:
    if row is not None:
        return lambda: _put_back(row, new, old)
    if getattr(put, "exchanges", False):
        return lambda: put(new, old)
    return lambda: put(key, old)


def _put_back(row: list[Any] | deque[Any], new: Any, old: Any) -> None:
    """Give ``row`` the real lock back, if the stand-in is there still, wherever it is by now.

    A condition's row of waiters moves on; to overwrite another waiter is to lose its wake-up.
    """
    for at, each in enumerate(row):
        if each is new:
            row[at] = old


def _exchange(holder: set[Any]) -> Callable[[Any, Any], object]:
    def put(old: Any, new: Any) -> None:
        holder.discard(old)
        holder.add(new)

    put.exchanges = True  # type: ignore[attr-defined]
    return put


def is_module_of(namespace: dict[Any, Any], *prefixes: str) -> bool:
    """Whether ``namespace`` is the dictionary of a module whose name starts with a prefix."""
    name = namespace.get("__name__")
    if not isinstance(name, str) or "__spec__" not in namespace:
        return False
    return name.startswith(prefixes)


def class_of(namespace: dict[Any, Any]) -> type | None:
    """Return the class whose dictionary ``namespace`` is, None if it is no class's."""
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


def _setter(holder: Any) -> Callable[[str, Any], None]:
    return lambda name, value: object.__setattr__(holder, name, value)


def _may_hold(kind: type) -> bool:
    """Whether it is an instance of a class made in Python, and not the interpreter's own."""
    if issubclass(kind, threading.Thread) or kind.__module__.startswith(OURS):
        return False
    return kind.__flags__ & (1 << 9) != 0  # Py_TPFLAGS_HEAPTYPE


def _owner_name(holder: Any) -> str:
    if type(holder) is dict:
        name = holder.get("__name__")
        return f"{name}." if isinstance(name, str) else ""
    plain = (list, tuple, deque, set, frozenset, CellType, FunctionType)
    return "" if isinstance(holder, plain) else f"{type(holder).__name__}."
