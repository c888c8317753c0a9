"""Sockets and pipes of a test: which were made in it, who waits for them, and when one can go on.

A thread that would sleep in the kernel until another thread of the test writes is taken out of the
runnable set instead, and comes back when a poll without waiting says that its descriptor is ready.
Only channels with both ends made in the same execution are treated so: nobody else can know them,
and a thread that waits for one while nothing else can run waits for ever. All others keep their
real calls, which the watchdog looks after.
"""

from __future__ import annotations

import _socket
import os
import select
import stat
import sys
import weakref
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from lab.hunt import _real
from lab.hunt.sites import IO, Site
from lab.hunt.tasks import INFINITY, Task

if TYPE_CHECKING:
    from lab.hunt.engine import Engine

READ: Final = select.POLLIN | select.POLLPRI | select.POLLRDHUP
WRITE: Final = select.POLLOUT
_OVER: Final = select.POLLHUP | select.POLLERR
_OURS: Final = str(PurePath(__file__).parent)
_LIBRARY: Final = str(PurePath(os.__file__).parent)
PIPE: Final = "pipe"
_MILLISECONDS: Final = 1_000


class Wait:
    """What a thread waits for: any of some descriptors to be ready (events by descriptor)."""

    __slots__ = ("label", "of", "wants")

    def __init__(self, wants: Mapping[int, int], of: Iterable[int], label: str) -> None:
        self.wants = wants
        self.of = tuple(of)  # the channels behind them, by descriptor
        self.label = label

    def describe(self) -> str:
        """Name the wait for people."""
        return self.label


class Channels:
    """The descriptors of the current execution of ``engine``.

    ``patience`` is for how long (real seconds) a wait that something outside the test could end is
    given a chance when nothing in the test can run.
    """

    def __init__(self, engine: Engine, patience: float) -> None:
        self.engine = engine
        self.opened = 0  # descriptors made since somebody last looked, for the sweep
        self._patience = patience
        self._epoch = -1
        self._made: dict[int, str] = {}  # where a channel was made, by inode
        self._listening: set[Any] = set()
        self._pipes: list[int] = []
        self._sockets: weakref.WeakSet[Any] = weakref.WeakSet()
        self._waiting: dict[Task, Wait] = {}
        self._children: frozenset[str] = frozenset()
        self._sites: dict[tuple[str, str], Site] = {}

    # -- what belongs to the test

    def here(self) -> Task | None:
        """Return the calling thread, if it is under control."""
        return self.engine.by_ident.get(_real.get_ident())

    def add(self, descriptors: Iterable[int], kind: str) -> None:
        """Note that an end of a channel was made by the calling thread, in this execution."""
        if self._epoch != self.engine.epoch:
            self._begin()
        where = f"{kind} made in {_maker(sys._getframe(1))}"
        for descriptor in descriptors:
            self.opened += 1
            self._made[_inode(descriptor)] = where
            if kind == PIPE:
                self._pipes.append(descriptor)

    def keep(self, sock: Any) -> None:
        """Note a socket object of this execution, for :meth:`close_left`."""
        if self._epoch != self.engine.epoch:
            self._begin()
        self._sockets.add(sock)

    def close_left(self) -> None:
        """Close what an execution that was broken off could not close itself."""
        if self._epoch != self.engine.epoch:
            return
        for sock in list(self._sockets):
            _socket.socket.close(sock)
        for descriptor in self._pipes:
            if _inode(descriptor) in self._made:
                _real.close(descriptor)

    def listen(self, descriptor: int, address: Any) -> None:
        """Note a socket of the test that others can connect to."""
        self.add((descriptor,), "socket")
        self._listening.add(_door(address))

    def connected(self, descriptor: int, address: Any) -> None:
        """Note a socket of the test that was connected, if it was to a socket of the test."""
        if self._epoch == self.engine.epoch and _door(address) in self._listening:
            self.add((descriptor,), "connection")

    def owns(self, descriptor: int) -> bool:
        """Whether both ends of the channel belong to this execution."""
        return self._epoch == self.engine.epoch and _inode(descriptor) in self._made

    def site(self, operation: str, descriptor: int) -> Site:
        """Return the place that stands for ``operation`` on channels made at one line."""
        where = self._made.get(_inode(descriptor), "descriptor")
        key = (operation, where)
        found = self._sites.get(key)
        if found is None:
            found = self._sites[key] = Site(IO, operation, where)
        return found

    def take_opened(self) -> int:
        """Return how many descriptors were made since the last call: what a test did not close
        stays open until the collector finds it.
        """
        opened, self.opened = self.opened, 0
        return opened

    # -- waiting

    def wait(
        self,
        me: Task,
        wants: Mapping[int, int],
        what: str,
        timeout: float | None,
        of: Iterable[int] | None = None,
    ) -> bool:
        """Wait until one of the descriptors is ready; False after ``timeout`` virtual seconds.

        ``of`` are the channels that decide about it, where they are not the descriptors themselves.
        """
        if _ready(wants):
            return True
        deadline = INFINITY if timeout is None else self.engine.now + timeout
        channels = wants if of is None else of
        wait = Wait(wants, channels, self._label(channels, what))
        while True:
            self._waiting[me] = wait
            try:
                in_time = self.engine.block(me, wait, deadline)
            finally:
                del self._waiting[me]
            if _ready(wants):
                return True
            if not in_time:
                return False

    def moved(self) -> bool:
        """After something was read, written or closed: wake whoever can go on now."""
        woken = False
        for task, wait in self._waiting.items():
            if task not in self.engine.runnable and _ready(wait.wants):
                self.engine.ready(task)
                woken = True
        return woken

    def wake(self) -> bool:
        """When nothing can run: look again, and give the world outside a moment if it may help."""
        if not self._waiting:
            return False
        if self.moved():
            return True
        doubtful = self._doubtful()
        if not doubtful:
            return False
        poller = _real.poll()
        for wait in doubtful:
            for descriptor, events in wait.wants.items():
                poller.register(descriptor, events)
        poller.poll(self._patience * _MILLISECONDS)
        return self.moved()

    def doubt(self) -> str | None:
        """Say why threads that cannot go on may yet be woken from outside; None if they cannot."""
        doubtful = self._doubtful()
        for task, wait in self._waiting.items():
            if wait in doubtful:
                return f"{task.name} waits for {wait.label}, which something outside may end"
        return None

    # -- inside

    def _begin(self) -> None:
        self._epoch = self.engine.epoch
        self._made.clear()
        self._listening.clear()
        self._pipes.clear()
        self._sockets.clear()
        self._waiting.clear()
        self._children = _children()

    def _doubtful(self) -> list[Wait]:
        if _children() - self._children:  # they may have inherited an end
            return list(self._waiting.values())
        return [
            wait
            for wait in self._waiting.values()
            if not all(self.owns(descriptor) for descriptor in wait.of)
        ]

    def _label(self, channels: Iterable[int], what: str) -> str:
        places = sorted({self._made.get(_inode(each), f"fd {each}") for each in channels})
        return f"{what} {' or '.join(places)}" if places else what


def _ready(wants: Mapping[int, int]) -> bool:
    """Look without waiting. One that was closed meanwhile never is: the kernel sleeps on there."""
    if not wants:
        return False
    poller = _real.poll()
    for descriptor, events in wants.items():
        poller.register(descriptor, events)
    return any(events & (wants[each] | _OVER) for each, events in poller.poll(0))


def is_channel(descriptor: int) -> bool:
    """Whether ``descriptor`` is a pipe or a socket."""
    try:
        mode = os.fstat(descriptor).st_mode
    except (OSError, OverflowError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _inode(descriptor: int) -> int:
    try:
        return os.fstat(descriptor).st_ino
    except (OSError, OverflowError):
        return -1


def _door(address: Any) -> Any:
    """Return by what an address is told apart on one machine: its port, or its path."""
    return address[1] if isinstance(address, tuple) else address


def _children() -> frozenset[str]:
    """Return the child processes of this one."""
    found: set[str] = set()
    for file in Path("/proc/self/task").glob("*/children"):
        try:
            found.update(file.read_text().split())
        except OSError:
            continue
    return frozenset(found)


def _maker(frame: FrameType | None) -> str:
    """Return the first place outside the lab and the standard library."""
    while frame is not None and frame.f_back is not None:
        file = frame.f_code.co_filename
        library = file.startswith(_LIBRARY) and "site-packages" not in file
        if not library and not file.startswith((_OURS, "<")):
            break
        frame = frame.f_back
    return f"{frame.f_code.co_qualname}:{frame.f_lineno}" if frame is not None else "?"
