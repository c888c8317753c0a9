"""What a descriptor leads to, and which files are locked: the kernel's part of the graph."""

from __future__ import annotations

from lab.model.base import Record


class Peer(Record, frozen=True, kw_only=True):
    """A process that has the other end of a channel, or holds the lock of a file."""

    pid: int
    fds: tuple[int, ...] = ()
    """Its descriptors of that end."""
    name: str = ""
    """Its command, for a process outside the tree."""
    inside: bool = True
    """Whether it belongs to the tree."""


class Channel(Record, frozen=True, kw_only=True):
    """What is behind a descriptor that a thread waits on, and who is at its other end."""

    fd: int
    kind: str
    """``pipe``, ``TCP connection``, ``TCP listener``, ``Unix socket``, ``file lock``, ...; in words
    for a person."""
    name: str = ""
    """An address, a path, or nothing."""
    key: str = ""
    """What it is across processes: ``pipe:<inode>``, ``socket:<inode>``."""
    peers: tuple[Peer, ...] = ()
    known: bool = False
    """Whether ``peers`` are all who could act on the other end."""
    remote: str = ""
    """The address of the other end, where that is on another machine or in another namespace."""
    state: str = ""
    """What else the kernel says: ``connecting``, ``not accepted yet``, ``closed by ...``."""


class LockedFile(Record, frozen=True, kw_only=True):
    """A lock on a file that a process of the tree has open; see proc_locks(5)."""

    path: str
    kind: str
    """``FLOCK``, ``POSIX`` or ``OFDLCK``."""
    mode: str
    """``READ`` or ``WRITE``."""
    pid: int
    """Who holds it, or waits for it."""
    waiting: bool = False
    start: int = 0
    end: int | None = None
    """The last byte; ``None`` for the end of the file."""
    holder: str = ""
    """The holder's command, when it is not in the tree."""
