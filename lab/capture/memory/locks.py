"""What the memory of a lock says: which lock it is, whether it is taken, and by whom.

Layouts (64-bit): ``lockobject`` and ``rlockobject`` of CPython's ``Modules/_threadmodule.c``,
``SemLockObject`` of ``Modules/_multiprocessing/semaphore.c``. Up to 3.13 a lock is a pointer to a
POSIX semaphore, on whose first word a waiter sleeps (futex(2)); so that address is the kernel's
name of the lock, too.
"""

from __future__ import annotations

from lab.capture.memory.objects import Objects
from lab.model import LockState

LOCK_TYPES = ("_thread.lock", "_thread.RLock", "_multiprocessing.SemLock")

_BODY = 16
_RLOCK_OWNER = 24
_RLOCK_COUNT = 32
_SEM_LAST_OWNER = 24
_SEM_COUNT = 32
_SEM_LIMIT = 36
_MOST_RECURSION = 1 << 20


def read_lock(objects: Objects, address: int, kind: str) -> LockState:
    """Return the state of the lock at ``address``, whose type is one of :data:`LOCK_TYPES`."""
    if kind == "_multiprocessing.SemLock":
        return _semlock(objects, address)
    state = _mutex if objects.layout.lock_is_mutex else _semaphore
    return state(objects, address, reentrant=kind == "_thread.RLock")


def _semaphore(objects: Objects, address: int, *, reentrant: bool) -> LockState:
    memory = objects.memory
    word = memory.word(address + _BODY)
    locked = memory.signed(word, 4) == 0
    key = f"futex:{memory.pid}:{word:x}"
    if not reentrant:
        return LockState(kind="lock", key=key, locked=locked)
    return _owned(objects, address, key)


def _mutex(objects: Objects, address: int, *, reentrant: bool) -> LockState:
    """Read a PyMutex: one byte, whose lowest bit says locked (3.14: ``pycore_lock.h``)."""
    memory = objects.memory
    key = f"mutex:{memory.pid}:{address + _BODY:x}"
    if not reentrant:
        return LockState(kind="lock", key=key, locked=bool(memory.byte(address + _BODY) & 1))
    return _owned(objects, address, key)


def _owned(objects: Objects, address: int, key: str) -> LockState:
    owner = objects.memory.word(address + _RLOCK_OWNER)
    count = objects.memory.word(address + _RLOCK_COUNT)
    if count > _MOST_RECURSION:
        return LockState(kind="rlock", key=key)
    return LockState(
        kind="rlock", key=key, locked=bool(owner), owner_ident=owner or None, count=count
    )


def _semlock(objects: Objects, address: int) -> LockState:
    """Read a SemLock: ``handle``, ``last_tid``, ``count``. The count is this process's own."""
    memory = objects.memory
    handle = memory.word(address + _BODY)
    value = memory.signed(handle, 4)
    count = memory.signed(address + _SEM_COUNT, 4)
    if abs(count) > _MOST_RECURSION:
        return LockState(kind="semlock", key=shared_key(objects, handle))
    return LockState(
        kind="semlock",
        key=shared_key(objects, handle),
        locked=value == 0,
        owner_ident=memory.word(address + _SEM_LAST_OWNER) if count > 0 else None,
        count=count,
        limit=memory.signed(address + _SEM_LIMIT, 4),
    )


def shared_key(objects: Objects, address: int) -> str:
    """Return the identity of a word, across processes where the memory is shared."""
    mapping = objects.memory.mapping_of(address)
    if mapping and mapping.shared:
        return f"futex:shm:{mapping.inode}:{address - mapping.start + mapping.offset:x}"
    return f"futex:{objects.memory.pid}:{address:x}"
