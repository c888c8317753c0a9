"""Every execution begins as the first one did: what the test's modules keep is put back.

A test is run thousands of times in one process. A singleton made on first use, a cache filled, a
pool of threads started in a module's variable would be there from the second execution on: the race
to make it would be over, and the threads in it dead. So what the modules in scope hold is noted
before the first execution (their variables, the attributes of their classes, closures, defaults,
and what lies in containers and in instances below; and idle pools of threads, whoever has them).
What changed is put back before each later one, and at the end. Only places that were seen to change
are looked at every time.
"""

from __future__ import annotations

import functools
import queue
import sys
import threading
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import CellType, FunctionType, MemberDescriptorType, ModuleType
from typing import TYPE_CHECKING, Any, Final

from lab.hunt.adoption import OURS
from lab.hunt.queues import SimpleQueue
from lab.hunt.reach import within_reach

if TYPE_CHECKING:
    from lab.hunt.sites import Scope

_MOST: Final = 20_000  # things noted; what lies beyond them is left as it is
_SCANNED: Final = frozenset((1, 2, 3, 16, 64, 256, 1024))  # executions after which all is looked at
_MAPPINGS: Final = (dict, OrderedDict, defaultdict, Counter)
_ROWS: Final = (list, deque, bytearray)
_KINDS: Final = frozenset((*_MAPPINGS, *_ROWS, set, CellType))
_FIXED: Final = (tuple, frozenset)
# Not the test's own classes: those made to be shared by threads.
_SHARED: Final = (
    threading.Event, threading.Condition, threading.Semaphore, threading.Barrier, queue.Queue,
    ThreadPoolExecutor, SimpleQueue,
)  # fmt: skip
_CACHE: Final = type(functools.lru_cache(lambda: None))
_UNTOUCHED: Final = (threading.Thread, threading.local, ModuleType)
_ABSENT: Final = object()

Slot = tuple[Callable[[], Any], Callable[[Any], object], Any]


class Checkpoint:
    """What the modules of a scope hold at one moment, and how to put that back.

    A thing is noted as (``read``, ``write``, ``value``): its present contents are what ``read``
    returns, and are right when they equal ``value``, item by item the same objects. Of the modules
    in ``scope``, those count that the test in ``file`` can come to.
    """

    def __init__(self, scope: Scope, file: str) -> None:
        self._scope, self._file = scope, file
        self._noted: list[Slot] = []
        self._volatile: list[Slot] = []
        self._met: set[int] = set()
        self._kept: list[Any] = []  # what was noted must not be freed: its address names it
        self._names: frozenset[str] = frozenset()
        self._restored = 0
        self._replaced: list[tuple[Slot, Any]] = []
        self.given_up = False

    def take(self, pools: list[Any]) -> None:
        """Note what is there now; ``pools`` are all that wait for their first work."""
        inside = [each for each in list(sys.modules.values()) if self._in_scope(each)]
        modules = within_reach(inside, self._file)
        self._names = frozenset(module.__name__ for module in modules)
        level: list[Any] = [*(vars(module) for module in modules), *pools]
        while level and len(self._noted) < _MOST:
            level = [inner for each in level for inner in self._note(each)]

    def restore(self) -> bool:
        """Put back what has changed; True when something is found to change for the first time."""
        if self.given_up:
            return False
        self._restored += 1
        for slot in self._volatile:
            _put_back(slot)
        return self._restored in _SCANNED and self._scan()

    def give_up(self) -> None:
        """Let things be as they were before the last of them was put back, for ever."""
        self.given_up = True
        for (_, write, _), then in self._replaced:
            write(then)

    def restore_all(self) -> None:
        """Put everything back, for the last time."""
        if not self.given_up:
            for slot in self._volatile:
                _put_back(slot)
            self._scan()

    def _scan(self) -> bool:
        changed = [(slot, now) for slot in self._noted if not _same(now := slot[0](), slot[2])]
        self._replaced = changed
        for slot, _ in changed:
            slot[1](slot[2])
        found = {id(slot) for slot, _ in changed}
        self._volatile += [slot for slot, _ in changed]
        self._noted = [slot for slot in self._noted if id(slot) not in found]
        return bool(changed)

    # -- noting

    def _in_scope(self, module: Any) -> bool:
        file = getattr(module, "__file__", None)
        if type(module) is not ModuleType or not isinstance(file, str):
            return False
        return self._scope.holds(file) and not module.__name__.startswith(OURS)

    def _note(self, thing: Any) -> Iterator[Any]:
        """Note ``thing`` if it can change, and yield what lies in it."""
        if id(thing) in self._met:
            return
        self._met.add(id(thing))
        kind = type(thing)
        if kind in _KINDS:
            self._kept.append(thing)
            self._noted.append(_contents(thing))
            yield from _inside(thing)
        elif kind in _FIXED:
            yield from thing
        elif kind is FunctionType:
            yield from _of_function(thing)
        elif kind is _CACHE:
            self._note_cache(thing)
            yield thing.__wrapped__
        elif isinstance(thing, type):
            yield from self._note_class(thing)
        elif kind in (staticmethod, classmethod):
            yield thing.__func__
        elif kind is property:
            yield from (thing.fget, thing.fset)
        elif self._ours(kind):
            yield from self._note_instance(thing)

    def _ours(self, kind: type) -> bool:
        """Whether instances of ``kind`` are the test's own, or made to be shared by threads."""
        if issubclass(kind, _UNTOUCHED):
            return False
        return issubclass(kind, _SHARED) or kind.__module__ in self._names

    def _note_cache(self, cache: Any) -> None:
        if cache.cache_info().currsize == 0:
            self._kept.append(cache)
            size = lambda: [cache.cache_info().currsize]  # noqa: E731
            self._noted.append((size, lambda _: cache.cache_clear(), [0]))

    def _note_class(self, kind: type) -> Iterator[Any]:
        if kind.__module__ not in self._names:
            return
        self._kept.append(kind)
        self._noted.append(_attributes_of(kind))
        yield from [value for name, value in vars(kind).items() if not _special(name)]

    def _note_instance(self, thing: Any) -> Iterator[Any]:
        try:
            own = object.__getattribute__(thing, "__dict__")
        except AttributeError:
            own = None
        if type(own) is dict and not own.get("_waiters"):  # of a thread outside: not to be lost
            self._kept.append(thing)
            yield own
        for slot in _slots(thing):
            self._noted.append(slot)
            yield from slot[2]


def _put_back(slot: Slot) -> None:
    read, write, value = slot
    if not _same(read(), value):
        write(value)


def _same(now: Any, then: Any) -> bool:
    """Whether two rows, or two values, are the same objects; sets, whether they are equal."""
    if type(now) is set and type(then) is set:
        return now == then
    if type(now) is not list or type(then) is not list:
        return now is then
    return len(now) == len(then) and all(map(_is, now, then))


def _is(one: Any, other: Any) -> bool:
    return one is other


def _contents(thing: Any) -> Slot:
    """Return the slot of the contents of a container or of a cell."""
    if type(thing) is CellType:
        return (lambda: [_cell(thing)]), (lambda row: _fill(thing, *row)), [_cell(thing)]
    if type(thing) in _MAPPINGS:
        return (lambda: _flat(thing)), (lambda flat: _refill(thing, flat)), _flat(thing)
    if type(thing) is set:
        return (lambda: set(thing)), (lambda values: _replace(thing, values)), set(thing)
    return (lambda: list(thing)), (lambda row: _replace(thing, row)), list(thing)


def _flat(mapping: dict[Any, Any]) -> list[Any]:
    """Return the keys and values in turn, without what a module is given by the interpreter."""
    pairs = list(mapping.items())
    return [each for pair in pairs if not _special(pair[0]) for each in pair]


def _refill(mapping: dict[Any, Any], flat: list[Any]) -> None:
    """Give ``mapping`` back what it held, and a plain one its order; imported modules stay."""
    then = dict(zip(flat[::2], flat[1::2], strict=True))
    for key, value in list(mapping.items()):
        if key not in then and not _special(key) and not isinstance(value, ModuleType):
            del mapping[key]
    if "__name__" not in mapping and list(mapping) != list(then):
        mapping.clear()
    for key, value in then.items():
        if key not in mapping or mapping[key] is not value:
            mapping[key] = value


def _replace(thing: Any, values: Iterable[Any]) -> None:
    """Make ``values`` all that is in a list, deque, byte array or set."""
    thing.clear()
    (thing.update if type(thing) is set else thing.extend)(values)


def _cell(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return _ABSENT


def _fill(cell: CellType, value: Any) -> None:
    if value is _ABSENT:
        del cell.cell_contents
    else:
        cell.cell_contents = value


def _attributes_of(kind: type) -> Slot:
    """Return the slot of a class's own attributes."""
    return (
        (lambda: _flat(dict(vars(kind)))),
        (lambda flat: _reattribute(kind, flat)),
        _flat(dict(vars(kind))),
    )


def _reattribute(kind: type, flat: list[Any]) -> None:
    then = dict(zip(flat[::2], flat[1::2], strict=True))
    for name, value in list(vars(kind).items()):
        if not _special(name) and name not in then:
            type.__delattr__(kind, name)
        elif not _special(name) and then[name] is not value:
            type.__setattr__(kind, name, then[name])
    for name in then.keys() - vars(kind).keys():
        type.__setattr__(kind, name, then[name])


def _special(name: Any) -> bool:
    return isinstance(name, str) and name.startswith("__") and name.endswith("__")


def _inside(thing: Any) -> list[Any]:
    if type(thing) is CellType:
        return [_cell(thing)]
    if type(thing) in _MAPPINGS:
        return _flat(thing)[1::2]
    return [] if type(thing) is bytearray else list(thing)


def _of_function(function: FunctionType) -> Iterator[Any]:
    yield from function.__defaults__ or ()
    yield from (function.__kwdefaults__ or {}).values()
    yield from function.__closure__ or ()
    yield function.__dict__


def _slots(thing: Any) -> Iterator[Slot]:
    """Yield a slot for each of an instance's ``__slots__``."""
    for kind in type(thing).__mro__:
        for member in vars(kind).values():
            if type(member) is MemberDescriptorType:
                yield _member(thing, member)


def _member(thing: Any, member: Any) -> Slot:
    def read() -> list[Any]:
        try:
            return [member.__get__(thing)]
        except AttributeError:
            return []

    def write(row: list[Any]) -> None:
        if row:
            member.__set__(thing, row[0])
        elif read():
            member.__delete__(thing)

    return read, write, read()
