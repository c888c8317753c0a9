"""Which descriptors a thread in poll, select or epoll_wait looks at, and what for, from outside.

The sets of poll(2) and select(2) lie in the caller's memory, and are read through
``/proc/<pid>/mem``; that of epoll(7) is shown in ``/proc/<pid>/fdinfo/<epfd>``.
"""

from __future__ import annotations

import struct

from lab import procfs

_POLLFD = struct.Struct("=ihh")
_WORD_BITS = 8
_MOST = 1 << 16
"""More descriptors than this in one call are not looked at."""
_OUT = 4
"""``POLLOUT`` and ``EPOLLOUT``: to become writable."""
_IN = 1 | 2 | 0x2000
"""``POLLIN``, ``POLLPRI`` and ``POLLRDHUP``, and the same of epoll."""

type Awaited = dict[int, str]
"""Descriptor to what it is awaited for: ``r``, ``w`` or ``rw``."""


def poll_set(pid: int, address: int, count: int) -> Awaited | None:
    """Return the descriptors of an array of ``struct pollfd``; ``None`` when it is unreadable."""
    if count > _MOST:
        return None
    raw = procfs.memory(pid, address, count * _POLLFD.size)
    if raw is None:
        return None
    # A negative descriptor is ignored, see poll(2).
    return {fd: _mode(events) for fd, events, _ in _POLLFD.iter_unpack(raw) if fd >= 0}


def _mode(events: int) -> str:
    """Spell what an event mask asks for; an error or a hang-up is of interest to a reader."""
    mode = ("r" if events & _IN else "") + ("w" if events & _OUT else "")
    return mode or "r"


def select_set(pid: int, count: int, addresses: tuple[int, ...]) -> Awaited | None:
    """Return the descriptors in up to three bit sets; ``None`` when one is unreadable.

    The kernel writes to the sets only when the call returns, so during it they are the question.
    """
    found: dict[int, str] = {}
    for address, mode in zip(addresses, ("r", "w", "r"), strict=False):
        if not address:
            continue
        # A set is an array of longs; on a little-endian machine that is one long row of bits.
        raw = procfs.memory(pid, address, -(-min(count, _MOST) // 64) * 8)
        if raw is None:
            return None
        bits = int.from_bytes(raw, "little")
        for fd in (fd for fd in range(count) if bits >> fd & 1):
            found[fd] = "".join(sorted({*found.get(fd, ""), mode}))
    return dict(sorted(found.items()))


def epoll_set(pid: int, epoll: int) -> Awaited | None:
    """Return the descriptors registered with ``epoll``; ``None`` when they cannot be told.

    An entry may outlive its descriptor when a duplicate of it stays open, and its number may then
    stand for something else. The inode shown beside it tells: if it is another one, the set is
    not known.
    """
    found = {}
    for line in procfs.fd_info(pid, epoll).get("tfd", ()):
        fields = line.replace(":", " ").split()
        fd = int(fields[0])
        if "ino" not in fields:
            return None
        inode = int(fields[fields.index("ino") + 1], 16)
        if procfs.fd_inode(pid, fd) != inode:
            return None
        found[fd] = _mode(int(fields[fields.index("events") + 1], 16))
    return found or None
