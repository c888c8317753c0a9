"""Finding the lock objects that a thread sleeps on when no variable in sight leads to them.

A lock object holds a pointer to its semaphore. The address of the semaphore is known from the
kernel, so the object is found by looking for that word in all writable private memory.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator

from lab import procfs
from lab.capture.memory.access import CannotReadMemoryError, Memory
from lab.capture.memory.locks import LOCK_TYPES, read_lock
from lab.capture.memory.objects import Objects
from lab.errors import LabError
from lab.model import RemoteObject

_BODY = 16
_BLOCK = 1 << 22
MOST_BYTES = 1 << 29
"""A process with more writable memory than this is not searched."""
_IMMORTAL = 0xFFFF_FFFF
"""The highest reference count: that of objects which live for ever (PEP 683)."""


def searchable(memory: Memory) -> list[procfs.Mapping] | None:
    """Return the mappings in which objects can lie, or ``None`` when there is too much of them."""
    chosen = [
        mapping
        for mapping in memory.mappings
        if mapping.permissions.startswith("rw") and not mapping.shared
    ]
    total = sum(mapping.end - mapping.start for mapping in chosen)
    return chosen if total <= MOST_BYTES else None


class SearchTookTooLongError(LabError):
    """The search was given up: what was not found may still be there."""


def find_locks(
    objects: Objects, semaphores: dict[int, str], deadline: float
) -> Iterator[RemoteObject]:
    """Yield the lock objects that point at one of ``semaphores`` (address to key).

    Raises :class:`SearchTookTooLongError` after ``deadline``, a moment of :func:`time.monotonic`.
    """
    for mapping in searchable(objects.memory) or ():
        for start in range(mapping.start, mapping.end, _BLOCK):
            if time.monotonic() > deadline:
                raise SearchTookTooLongError(f"memory of process {objects.memory.pid}")
            block = objects.memory.read_block(start, min(_BLOCK, mapping.end - start))
            for semaphore, key in semaphores.items():
                for word in _aligned(block, struct.pack("<Q", semaphore)):
                    if found := _lock_at(objects, start + word - _BODY, key):
                        yield found


def _aligned(block: bytes, pattern: bytes) -> Iterator[int]:
    """Yield where a word is. Most of memory is zeros: without those, the search is 10 x as fast."""
    needle = pattern.rstrip(b"\0")
    position = block.find(needle)
    while position >= 0:
        if position % 8 == 0 and block.startswith(pattern, position):
            yield position
        position = block.find(needle, position + 1)


def _lock_at(objects: Objects, address: int, key: str) -> RemoteObject | None:
    try:
        name = objects.type_of(address).name
        if name not in LOCK_TYPES or not _is_alive(objects, address):
            return None
        state = read_lock(objects, address, name)
    except CannotReadMemoryError:
        return None
    return RemoteObject(address=address, type=name, lock=state) if state.key == key else None


def _is_alive(objects: Objects, address: int) -> bool:
    """Whether an object was not given back: the allocator keeps a pointer, or 0, in its place.

    Its other words stay as they were, and what they point at may belong to another object by now.
    """
    return 0 < objects.memory.word(address) <= _IMMORTAL


def local_addresses(memory: Memory, keys: set[str]) -> dict[int, str]:
    """Return where in this process the words lie that the futex ``keys`` name."""
    found = {}
    for key in keys:
        kind, _, place = key.removeprefix("futex:").partition(":")
        if kind == str(memory.pid):
            found[int(place, 16)] = key
        elif kind == "shm":
            inode, _, offset = place.partition(":")
            for mapping in memory.mappings:
                within = int(offset, 16) - mapping.offset
                if mapping.inode == int(inode) and 0 <= within < mapping.end - mapping.start:
                    found[mapping.start + within] = key
    return found
