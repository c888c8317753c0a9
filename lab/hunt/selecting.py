"""``select``, ``poll`` and ``epoll`` under control, and with them ``selectors`` and ``asyncio``.

Each looks without waiting; when nothing is ready, its thread waits in virtual time for any of the
descriptors that it watches, if one of them belongs to the test.
"""

from __future__ import annotations

import select as _select
from collections.abc import Callable, Mapping
from typing import Any, Final, Self

from lab.hunt import _real
from lab.hunt.channels import READ, WRITE, Channels
from lab.hunt.sockets import Net, operate
from lab.hunt.tasks import Task

_MILLISECOND: Final = 1e-3


def _descriptor(file: Any) -> int:
    return file if isinstance(file, int) else int(file.fileno())


def select(rlist: Any, wlist: Any, xlist: Any, timeout: float | None = None, /) -> Any:
    """Stand in for ``select.select``."""
    here = Net.here()
    if here is None:
        return _real.select(rlist, wlist, xlist, timeout)
    rlist, wlist, xlist = list(rlist), list(wlist), list(xlist)
    wants: dict[int, int] = {}
    for files, events in ((rlist, READ), (wlist, WRITE), (xlist, _select.POLLPRI)):
        for file in files:
            descriptor = _descriptor(file)
            wants[descriptor] = wants.get(descriptor, 0) | events
    if not _ours(here[0], wants):
        return _real.select(rlist, wlist, xlist, timeout)
    return _wait(
        *here, "select", wants, timeout, lambda: _real.select(rlist, wlist, xlist, 0),
        none=([], [], []),
    )  # fmt: skip


def _ours(channels: Channels, wants: Mapping[int, int]) -> bool:
    """Whether one of them is the test's; a wait for nothing is a sleep, and can be virtual."""
    return not wants or any(channels.owns(descriptor) for descriptor in wants)


def _wait[T](
    channels: Channels,
    me: Task,
    name: str,
    wants: Mapping[int, int],
    timeout: float | None,
    look: Callable[[], T],
    none: T,
    watched: Mapping[int, int] | None = None,
) -> T:
    """Return what ``look`` sees at last; ``none`` after ``timeout`` virtual seconds."""
    engine = channels.engine
    end = None if timeout is None or timeout < 0 else engine.now + timeout

    def act() -> T:
        while True:
            seen = look()
            if seen != none or end == engine.now:
                return seen
            left = None if end is None else max(end - engine.now, 0)
            if not channels.wait(me, watched or wants, "an event of the", left, of=wants):
                return look()

    return operate(channels, name, next(iter(wants), -1), act)


class Poll:
    """Stands in for ``select.poll``'s object."""

    def __init__(self) -> None:
        self._real = _real.poll()
        self._wants: dict[int, int] = {}

    def register(self, fd: Any, eventmask: int = READ | WRITE, /) -> None:
        """Watch a descriptor."""
        self._real.register(fd, eventmask)
        self._wants[_descriptor(fd)] = eventmask

    def modify(self, fd: Any, eventmask: int, /) -> None:
        """Change what is watched for."""
        self._real.modify(fd, eventmask)
        self._wants[_descriptor(fd)] = eventmask

    def unregister(self, fd: Any, /) -> None:
        """Watch a descriptor no more."""
        self._real.unregister(fd)
        self._wants.pop(_descriptor(fd), None)

    def poll(self, timeout: float | None = None, /) -> list[tuple[int, int]]:
        """Return what is ready; ``timeout`` is in milliseconds."""
        here = Net.here()
        if here is None or not _ours(here[0], self._wants):
            return self._real.poll(timeout)
        seconds = None if timeout is None else timeout * _MILLISECOND
        return _wait(*here, "poll", self._wants, seconds, lambda: self._real.poll(0), none=[])


class Epoll:
    """Stands in for ``select.epoll``'s object. Edges stay edges: the real one is asked once."""

    def __init__(self, sizehint: int = -1, flags: int = 0) -> None:
        self._real = _real.epoll(sizehint, flags)
        self._wants: dict[int, int] = {}

    @classmethod
    def fromfd(cls, fd: int, /) -> Self:
        """Wrap an open descriptor."""
        made = cls.__new__(cls)
        made._real, made._wants = _real.epoll.fromfd(fd), {}
        return made

    def register(self, fd: Any, eventmask: int = READ | WRITE) -> None:
        """Watch a descriptor."""
        self._real.register(fd, eventmask)
        self._wants[_descriptor(fd)] = eventmask

    def modify(self, fd: Any, eventmask: int) -> None:
        """Change what is watched for."""
        self._real.modify(fd, eventmask)
        self._wants[_descriptor(fd)] = eventmask

    def unregister(self, fd: Any) -> None:
        """Watch a descriptor no more."""
        self._wants.pop(_descriptor(fd), None)
        self._real.unregister(fd)

    def poll(self, timeout: float | None = None, maxevents: int = -1) -> list[tuple[int, int]]:
        """Return what is ready; ``timeout`` is in seconds."""
        here = Net.here()
        if here is None or not _ours(here[0], self._wants):
            return self._real.poll(timeout, maxevents)
        # The descriptor of an epoll is itself ready to be read when one of those in it is ready.
        itself = {self._real.fileno(): _select.POLLIN}
        return _wait(
            *here, "epoll", self._wants, timeout, lambda: self._real.poll(0, maxevents),
            none=[], watched=itself,
        )  # fmt: skip

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._real.fileno()

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._real.closed

    def close(self) -> None:
        """Close the descriptor."""
        self._wants.clear()
        self._real.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


STAND_INS: Final[list[tuple[Any, Any]]] = [
    (_real.select, select),
    (_real.poll, Poll),
    (_real.epoll, Epoll),
]
