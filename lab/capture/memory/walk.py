"""Which objects of the target are worth reading: what a wait can be for, and the way to it.

The walk starts at the local variables and goes a few steps along attributes and items. Of the
standard library's own objects only the attributes below are followed; of the user's objects those
that the source spells out, or that lead to something one can wait for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator

import msgspec

from lab.capture.memory import layout as at
from lab.capture.memory.access import CannotReadMemoryError
from lab.capture.memory.locks import LOCK_TYPES, read_lock
from lab.capture.memory.objects import Objects, TypeFacts
from lab.model import RemoteObject

_DEPTH = 4
_MOST_OBJECTS = 2000

WAITABLE: dict[str, tuple[str, ...]] = {
    "threading.Thread": (
        "_name", "_ident", "_native_id", "_daemonic", "_target", "_tstate_lock", "_is_stopped"
    ),
    "threading._RLock": ("_block", "_owner", "_count"),
    "threading.Condition": ("_lock",),
    "threading.Event": ("_cond", "_flag"),
    "threading.Semaphore": ("_cond", "_value"),
    "threading.Barrier": ("_cond", "_parties", "_count", "_state"),
    "_frozen_importlib._ModuleLock": ("name", "owner"),
    "queue.Queue": (
        "mutex", "maxsize", "unfinished_tasks", "not_full", "not_empty", "all_tasks_done"
    ),
    "_queue.SimpleQueue": (),
    "concurrent.futures._base.Future": ("_condition", "_state", "_done_callbacks"),
    "concurrent.futures.thread._WorkItem": ("future",),
    "concurrent.futures._base.Executor": ("_work_queue", "_threads", "_max_workers"),
    "multiprocessing.process.BaseProcess": ("_name", "_popen", "_pid", "_parent_pid", "_identity"),
    "multiprocessing.popen_fork.Popen": ("pid", "returncode"),
    "multiprocessing.synchronize.SemLock": ("_semlock", "name"),
    "multiprocessing.synchronize.Condition": ("_lock", "_wait_semaphore"),
    "multiprocessing.synchronize.Event": ("_cond", "_flag"),
    "multiprocessing.queues.Queue": (
        "_rlock", "_wlock", "_sem", "_maxsize", "_reader", "_writer", "_thread", "_buffer"
    ),
    "multiprocessing.queues.SimpleQueue": ("_rlock", "_wlock", "_reader", "_writer"),
    "multiprocessing.connection._ConnectionBase": ("_handle",),
    "multiprocessing.pool.ApplyResult": ("_event", "_job"),
    "subprocess.Popen": ("pid", "returncode", "stdin", "stdout", "stderr"),
    "asyncio.locks.Lock": ("_locked",),
    "asyncio.locks.Event": ("_value",),
    "asyncio.locks.Condition": ("_lock",),
    "asyncio.locks.Semaphore": ("_value",),
    "asyncio.locks.Barrier": ("_parties",),
    "asyncio.queues.Queue": ("_maxsize", "_unfinished_tasks"),
    "asyncio.tasks._GatheringFuture": ("_children",),
    "asyncio.taskgroups.TaskGroup": ("_tasks",),
    "asyncio.streams.StreamReader": ("_transport",),
    "asyncio.transports.BaseTransport": ("_sock_fd",),
    "_asyncio.Future": (),
    "_socket.socket": (),
    "_io.FileIO": (),
    "_io._BufferedIOBase": (),
    "_io.TextIOWrapper": (),
}  # fmt: skip
"""What a thread can wait for, by the name of a base class, and the attributes that tell more."""

_VALUES = ("str", "int", "bool", "NoneType")
_CONTAINERS = ("list", "tuple", "dict", "set")
_OPAQUE = ("function", "builtin_function_or_method", "method", "frame", "code", "property")


def gather(
    objects: Objects, roots: Iterable[int], words: Collection[str]
) -> dict[int, RemoteObject]:
    """Return the objects that matter among ``roots`` and what they lead to, by address.

    ``words`` are the names that the program's source uses. What cannot be read is left out.
    """
    found: dict[int, RemoteObject] = {}
    pending = deque((address, 0) for address in dict.fromkeys(roots))
    while pending and len(found) < _MOST_OBJECTS:
        address, depth = pending.popleft()
        if address in found:
            continue
        try:
            facts = objects.type_of(address)
            found[address] = thing = _read(objects, address, facts, words)
        except CannotReadMemoryError:
            continue
        if depth < _DEPTH:
            pending.extend((target, depth + 1) for target in thing.attributes.values())
    return prune(found)


def prune(found: dict[int, RemoteObject]) -> dict[int, RemoteObject]:
    """Leave out what leads to nothing that one can wait for: the program's data stay unseen.

    Values stay where a kept object refers to them, since they may index the way to a lock.
    """
    kept = {a for a, thing in found.items() if thing.lock or _can_be_waited_for(thing)}
    grown = True
    while grown:
        before = len(kept)
        kept |= {a for a, thing in found.items() if kept & set(thing.attributes.values())}
        grown = len(kept) > before
    near = {target for a in kept for target in found[a].attributes.values()}
    values = {a for a in near if a in found and found[a].type in ("str", "int", "bool")}
    return {
        a: msgspec.structs.replace(
            thing, attributes={n: t for n, t in thing.attributes.items() if t in kept | values}
        )
        for a, thing in found.items()
        if a in kept or a in values
    }


def _can_be_waited_for(thing: RemoteObject) -> bool:
    return any(name in WAITABLE for name in (thing.type, *thing.bases))


def _read(objects: Objects, address: int, facts: TypeFacts, words: Collection[str]) -> RemoteObject:
    return RemoteObject(
        address=address,
        type=facts.name,
        bases=facts.bases[1:],
        text=_text(objects, address, facts),
        attributes=dict(_attributes(objects, address, facts, words)),
        lock=read_lock(objects, address, facts.name) if facts.name in LOCK_TYPES else None,
    )


def _text(objects: Objects, address: int, facts: TypeFacts) -> str:
    """Return a value as text; of a socket or a file its descriptor."""
    if facts.name in _VALUES:
        return objects.text(address)
    if "_socket.socket" in facts.bases or "_io.FileIO" in facts.bases:
        return str(objects.memory.signed(address + at.DESCRIPTOR, 4))
    return ""


def _attributes(
    objects: Objects, address: int, facts: TypeFacts, words: Collection[str]
) -> Iterator[tuple[str, int]]:
    """Yield what is worth following from an object."""
    if facts.name == "function":
        yield from _chained(objects, address)
    if facts.name in _VALUES or facts.name in _OPAQUE or facts.name in LOCK_TYPES:
        return
    wanted = _wanted(facts)
    if wanted is not None:
        own = objects.attributes(address)
        yield from ((name, own[name]) for name in wanted if name in own)
        yield from _wrapped(objects, address, facts)
        if not _is_users(facts):
            return
    if set(_CONTAINERS) & set(facts.bases):
        yield from objects.items(address).items()
    elif facts.name == "cell":
        if content := objects.memory.word(address + at.CELL_CONTENT):
            yield "cell_contents", content
    elif "type" in facts.bases:
        namespace = objects.memory.word(address + at.TP_DICT)
        yield from _matching(objects, namespace, words)
    elif facts.name == "module":
        namespace = objects.memory.word(address + at.MODULE_DICT)
        yield from _matching(objects, namespace, words)
    else:
        yield from _users_attributes(objects, address, facts, words)


def _chained(objects: Objects, address: int) -> Iterator[tuple[str, int]]:
    """Yield the futures that a callback of asyncio connects: when one is done, so is the other."""
    name, closure = (objects.memory.word(address + at.FUNC[one]) for one in ("qualname", "closure"))
    if closure and objects.text(name).startswith("_chain_future.<locals>"):
        for item, cell in objects.items(closure).items():
            if content := objects.memory.word(cell + at.CELL_CONTENT):
                yield item, content


def _wrapped(objects: Objects, address: int, facts: TypeFacts) -> Iterator[tuple[str, int]]:
    """Yield what a file object written in C wraps: the file itself, or the buffer around it."""
    for kind, name, offset in at.WRAPPED:
        if kind in facts.bases and (inner := objects.memory.word(address + offset)):
            yield name, inner


def _matching(
    objects: Objects, namespace: int, words: Collection[str]
) -> Iterator[tuple[str, int]]:
    """Yield what the program's source names of a module or a class."""
    if namespace:
        names = objects.named(namespace)
        yield from ((n, a) for n, a in names if n in words and not n.startswith("__"))


def _wanted(facts: TypeFacts) -> tuple[str, ...] | None:
    """Return the attributes of a known kind of object, or ``None`` if it is of no known kind."""
    return next((WAITABLE[base] for base in facts.bases if base in WAITABLE), None)


def _is_users(facts: TypeFacts) -> bool:
    """Whether the class is derived from a known kind rather than one itself."""
    top = facts.name.split(".", 1)[0]
    return top not in (
        "threading",
        "multiprocessing",
        "queue",
        "_queue",
        "_frozen_importlib",
        "concurrent",
        "subprocess",
        "socket",
        "asyncio",
        "_asyncio",
        "_socket",
        "_io",
        "ssl",
    )


def _users_attributes(
    objects: Objects, address: int, facts: TypeFacts, words: Collection[str]
) -> Iterator[tuple[str, int]]:
    own = objects.attributes(address)
    for namespace in facts.namespaces:  # what the instance lacks, its class may have
        for name, value in objects.named(namespace):
            if name in words and not name.startswith("__"):
                own.setdefault(name, value)
    for name, value in own.items():
        if name in words or is_waitable(objects, value):
            yield name, value


def is_waitable(objects: Objects, address: int) -> bool:
    """Whether the object at ``address`` is a lock or something else that one can wait for."""
    try:
        facts = objects.type_of(address)
    except CannotReadMemoryError:
        return False
    return facts.name in LOCK_TYPES or _wanted(facts) is not None
