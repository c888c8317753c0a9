"""``os.pipe``, ``os.read``, ``os.write`` and ``os.close`` under control, for pipes of the test."""

from __future__ import annotations

import os
import sys
from typing import Any, Final

from lab.hunt import _real
from lab.hunt.channels import PIPE, READ, WRITE, Channels, is_channel
from lab.hunt.sockets import Net, operate
from lab.hunt.tasks import Task

# What a pipe that is ready takes without making the writer sleep, in bytes; see pipe(7).
_ATOMIC: Final = 4096
# Their helper processes, and the pipes to them, are made once and outlive an execution.
_LASTING: Final = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")


def pipe() -> tuple[int, int]:
    """Stand in for ``os.pipe``."""
    ends = _real.pipe()
    _note(ends)
    return ends


def pipe2(flags: int, /) -> tuple[int, int]:
    """Stand in for ``os.pipe2``."""
    ends = _real.pipe2(flags)
    _note(ends)
    return ends


def _note(ends: tuple[int, int]) -> None:
    here = Net.here()
    if here is not None and sys._getframe(2).f_globals.get("__name__") not in _LASTING:
        here[0].add(ends, PIPE)


def read(fd: int, length: int, /) -> bytes:
    """Stand in for ``os.read``."""
    here = _owned(fd)
    if here is None:
        return _real.read(fd, length)
    channels, me = here

    def act() -> bytes:
        if os.get_blocking(fd):
            channels.wait(me, {fd: READ}, "data from the", None)
        return _real.read(fd, length)

    return operate(channels, "read", fd, act)


def write(fd: int, data: Any, /) -> int:
    """Stand in for ``os.write``."""
    here = _owned(fd)
    if here is None:
        return _real.write(fd, data)
    if not os.get_blocking(fd):
        return operate(here[0], "write", fd, lambda: _real.write(fd, data))
    return operate(here[0], "write", fd, lambda: _fill(*here, fd, memoryview(data).cast("B")))


def _fill(channels: Channels, me: Task, fd: int, view: memoryview) -> int:
    written = 0
    while True:
        channels.wait(me, {fd: WRITE}, "room in the", None)
        written += _real.write(fd, view[written : written + _ATOMIC])
        channels.moved()
        if written >= len(view):
            return written


def close(fd: int) -> None:
    """Stand in for ``os.close``."""
    here = _owned(fd)
    if here is None:
        _real.close(fd)
    else:
        operate(here[0], "close", fd, lambda: _real.close(fd))


def _owned(fd: int) -> tuple[Channels, Task] | None:
    here = Net.here()
    return here if here is not None and is_channel(fd) and here[0].owns(fd) else None


STAND_INS: Final[list[tuple[Any, Any]]] = [
    (_real.pipe, pipe),
    (_real.pipe2, pipe2),
    (_real.read, read),
    (_real.write, write),
    (_real.close, close),
]
