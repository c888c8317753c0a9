"""The members of a tree, and what they hold: descriptors, memory, sockets, file locks.

Everything is read at most once for each look at the tree, and only if a rule asks for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from lab import procfs
from lab.kernel.inet import Inet

_FIRST_REAL_TIME = 34
"""glibc keeps 32 and 33 for itself; see signal(7), "Real-time signals"."""


@dataclass(frozen=True, slots=True)
class Ends:
    """What a wait is for and how it can end."""

    key: str
    """Identifies the awaited thing across processes; empty where nothing is known of it."""
    closed: bool = False
    """Only a member of the tree could end it."""
    timed: bool = False
    """It ends by itself, at some time."""
    because: str = ""
    assuming: str = ""
    """What ``closed`` takes for granted and the kernel does not show."""
    fds: Mapping[int, str] = field(default_factory=dict)
    """The descriptors that it waits on, and what for: ``r``, ``w``, ``rw`` or ``lock``."""


def OPEN(because: str, key: str = "") -> Ends:  # noqa: N802 - reads as the constant it stands for
    """Return a wait that something outside the tree could end."""
    return Ends(key, because=because)


class Tree:
    """One look at a process tree. ``outside`` are processes whose ends do not count as its own."""

    def __init__(self, pids: Iterable[int], outside: Collection[int] = ()) -> None:
        self.pids = sorted(set(pids))
        self.members = frozenset(self.pids)
        self.outside = frozenset(outside) - self.members
        self._fds: dict[int, dict[int, str]] = {}
        self._maps: dict[int, list[procfs.Mapping]] = {}
        self._alarms: dict[int, str] = {}
        self._sockets: dict[int, dict[int, procfs.UnixSocket]] = {}
        self._inet: dict[int, Inet] = {}

    def fds(self, pid: int) -> dict[int, str]:
        """Return ``{fd: target}`` of a process."""
        if pid not in self._fds:
            self._fds[pid] = procfs.file_descriptors(pid)
        return self._fds[pid]

    @cached_property
    def held_inside(self) -> frozenset[str]:
        """Everything that the members have open."""
        return frozenset(target for pid in self.pids for target in self.fds(pid).values())

    @cached_property
    def held_outside(self) -> frozenset[str]:
        """Everything that the processes of ``outside`` have open."""
        return frozenset(
            target for pid in self.outside for target in procfs.file_descriptors(pid).values()
        )

    @cached_property
    def mapped_outside(self) -> frozenset[tuple[str, int]]:
        """Device and inode of all shared mappings of the processes of ``outside``."""
        return frozenset(file for pid in self.outside for file in procfs.shared_files(pid))

    @cached_property
    def locks(self) -> tuple[procfs.FileLock, ...]:
        """The file locks of the machine."""
        return procfs.file_locks()

    @cached_property
    def shared_names(self) -> dict[int, str]:
        """``{inode: path}`` of the named semaphores and shared-memory segments of the machine."""
        return procfs.shared_memory()

    def unix_sockets(self, pid: int) -> dict[int, procfs.UnixSocket]:
        """Return ``{inode: socket}`` of the network namespace that ``pid`` is in."""
        if pid not in self._sockets:
            self._sockets[pid] = procfs.unix_sockets(pid)
        return self._sockets[pid]

    def unix_path(self, inode: int) -> str:
        """Return the path to which a Unix socket is bound, if one that was listed is."""
        found = (table[inode] for table in self._sockets.values() if inode in table)
        return next((one.path for one in found), "")

    def inet(self, pid: int) -> Inet:
        """Return the TCP and UDP sockets of the network namespace that ``pid`` is in."""
        if pid not in self._inet:
            self._inet[pid] = Inet(pid)
        return self._inet[pid]

    def futex(self, pid: int, address: int) -> Ends:
        """Say which word of memory a shared futex is, and whether somebody outside shares it.

        ``closed`` of the result speaks of the memory only, not of a time-out.
        """
        mapping = self._mapping(pid, address)
        if mapping is None or not mapping.shared:
            return Ends(f"futex:{pid}:{address:x}", closed=True)
        key = f"futex:shm:{mapping.inode}:{address - mapping.start + mapping.offset:x}"
        if (mapping.device, mapping.inode) in self.mapped_outside:
            return OPEN("a process outside the tree maps the same memory", key)
        path = self._path(mapping)
        assuming = f"nobody outside the tree opens {path}" if path else ""
        return Ends(key, closed=True, assuming=assuming)

    def _path(self, mapping: procfs.Mapping) -> str:
        """Return under which name others could open what is mapped; empty when under none.

        What glibc makes as a semaphore is shown as deleted: it has been given another name since.
        """
        if mapping.path.startswith(f"{procfs.SHARED_MEMORY}/"):
            return self.shared_names.get(mapping.inode, "")
        return "" if mapping.path.endswith(" (deleted)") else mapping.path

    def _mapping(self, pid: int, address: int) -> procfs.Mapping | None:
        if pid not in self._maps:
            self._maps[pid] = list(procfs.mappings(pid))
        return next((m for m in self._maps[pid] if m.start <= address < m.end), None)

    def alarm(self, pid: int, signals: Mapping[int, str]) -> str:
        """Say why a signal of the kernel might wake a thread of ``pid``; empty when none can.

        Interval timers do not show in ``/proc``, so it is enough that a signal of one is caught.
        """
        if pid not in self._alarms:
            self._alarms[pid] = _alarm(pid, signals)
        return self._alarms[pid]


def _alarm(pid: int, signals: Mapping[int, str]) -> str:
    timers = procfs.read(f"/proc/{pid}/timers")
    if timers:
        return "a POSIX timer of the process may go off"
    caught = int(procfs.status(pid).get("SigCgt", "0"), 16)
    for number, name in signals.items():
        if caught >> (number - 1) & 1:
            return f"the process catches {name}, which the kernel may send"
    if timers is None and caught >> _FIRST_REAL_TIME - 1:
        return "the process catches a real-time signal, which a POSIX timer may send"
    return ""
