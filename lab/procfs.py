"""Reading ``/proc``: the few files the lab needs, each as a small value. See proc(5).

Everything here is read-only and tolerates processes that vanish between two reads: what is gone
reads as ``None`` or as empty. Linux only; the callers decide what to say elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

AVAILABLE = sys.platform == "linux" and Path("/proc/self/stat").exists()
"""Whether this machine has the ``/proc`` that the lab reads."""


def read(path: str, limit: int = 1 << 20) -> bytes | None:
    """Return up to ``limit`` bytes of ``path``, or ``None`` when it cannot be read (any more)."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        chunks, left = [], limit
        while left > 0 and (chunk := os.read(fd, left)):
            chunks.append(chunk)
            left -= len(chunk)
        return b"".join(chunks)
    except OSError:
        return None
    finally:
        os.close(fd)


def link(path: str) -> str:
    """Return where the symbolic link ``path`` points, or an empty string."""
    try:
        return str(Path(path).readlink())
    except OSError:
        return ""


def thread_ids(pid: int) -> list[int]:
    """Return the thread ids of ``pid``, lowest first; empty when it is gone."""
    try:
        return sorted(map(int, os.listdir(f"/proc/{pid}/task")))
    except OSError:
        return []


def children(pid: int) -> list[int]:
    """Return the direct children of every thread of ``pid``."""
    found: list[int] = []
    for tid in thread_ids(pid):
        found += map(int, (read(f"/proc/{pid}/task/{tid}/children") or b"").split())
    return found


def descendants(pid: int) -> list[int]:
    """Return all descendants of ``pid``, parents before their children, without ``pid``.

    One listing is a snapshot: a process that forks meanwhile may be missing from it.
    """
    found: list[int] = []
    pending = children(pid)
    while pending:
        child = pending.pop(0)
        found.append(child)
        pending += children(child)
    return found


@dataclass(frozen=True, slots=True)
class Stat:
    """The fields of ``stat`` that the lab uses."""

    comm: str
    state: str
    """One letter: R, S, D, T, t, Z, X, I."""
    ppid: int
    session: int
    cpu_s: float
    threads: int
    started_ticks: int
    """Start time in clock ticks after boot: with the pid it identifies a process for ever."""


def stat(pid: int, tid: int | None = None) -> Stat | None:
    """Return the ``stat`` of a process or of one of its threads; ``None`` when it is gone."""
    path = f"/proc/{pid}/stat" if tid is None else f"/proc/{pid}/task/{tid}/stat"
    raw = read(path)
    if not raw:
        return None
    # The command may itself hold spaces and parentheses: the last one closes it.
    opening, closing = raw.index(b"("), raw.rindex(b")")
    fields = raw[closing + 2 :].split()
    return Stat(
        comm=raw[opening + 1 : closing].decode(errors="replace"),
        state=fields[0].decode(),
        ppid=int(fields[1]),
        session=int(fields[3]),
        cpu_s=(int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"),
        threads=int(fields[17]),
        started_ticks=int(fields[19]),
    )


def status(pid: int) -> dict[str, str]:
    """Return the ``status`` file as ``{field: text}``; empty when the process is gone."""
    text = (read(f"/proc/{pid}/status") or b"").decode(errors="replace")
    return {
        name: value.strip()
        for name, _, value in (line.partition(":") for line in text.splitlines())
        if value
    }


def command_line(pid: int) -> tuple[str, ...]:
    """Return the arguments of ``pid``; empty for a zombie or a kernel thread."""
    raw = read(f"/proc/{pid}/cmdline") or b""
    return tuple(part.decode(errors="replace") for part in raw.split(b"\0")[:-1])


def runs(pid: int, tid: int) -> int | None:
    """Return how often a thread has been given a CPU: the third field of ``schedstat``."""
    raw = read(f"/proc/{pid}/task/{tid}/schedstat")
    return int(raw.split()[2]) if raw else None


def file_descriptors(pid: int) -> dict[int, str]:
    """Return ``{fd: what it refers to}``, such as ``pipe:[4711]``; empty without permission."""
    try:
        numbers = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return {}
    found = {}
    for number in numbers:
        with contextlib.suppress(OSError):
            # os.readlink, because this is done for every descriptor of the machine.
            found[int(number)] = os.readlink(f"/proc/{pid}/fd/{number}")  # noqa: PTH115
    return found


@dataclass(frozen=True, slots=True)
class Mapping:
    """One line of ``maps``: a range of addresses and what lies behind it."""

    start: int
    end: int
    permissions: str
    offset: int
    inode: int
    path: str
    device: str = ""
    """Major and minor number: an inode alone does not tell a file from all others."""

    @property
    def shared(self) -> bool:
        """Whether writes to it are seen by other processes that map it."""
        return self.permissions.endswith("s")


def mappings(pid: int) -> Iterator[Mapping]:
    """Yield the memory mappings of ``pid``, lowest address first."""
    for line in (read(f"/proc/{pid}/maps", 1 << 24) or b"").decode(errors="replace").splitlines():
        fields = line.split(maxsplit=5)
        low, _, high = fields[0].partition("-")
        yield Mapping(
            start=int(low, 16),
            end=int(high, 16),
            permissions=fields[1],
            offset=int(fields[2], 16),
            inode=int(fields[4]),
            path=fields[5] if len(fields) > 5 else "",
            device=fields[3],
        )


def memory(pid: int, address: int, size: int) -> bytes | None:
    """Return ``size`` bytes of another process's memory; ``None`` unless all could be read.

    Reads only, and does not stop the process. Needs the right to trace it.
    """
    try:
        fd = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        found = os.pread(fd, size, address)
    except (OSError, OverflowError):
        return None
    finally:
        os.close(fd)
    return found if len(found) == size else None


def fd_info(pid: int, fd: int) -> dict[str, tuple[str, ...]]:
    """Return ``fdinfo`` as ``{field: (text, ...)}``: some fields, such as ``tfd``, repeat."""
    text = (read(f"/proc/{pid}/fdinfo/{fd}") or b"").decode(errors="replace")
    found: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        found[name.strip()] = (*found.get(name.strip(), ()), value.strip())
    return found


def fd_inode(pid: int, fd: int) -> int | None:
    """Return the inode behind a descriptor of another process, or ``None``."""
    try:
        return os.stat(f"/proc/{pid}/fd/{fd}").st_ino  # noqa: PTH116 - a magic link, not a path
    except OSError:
        return None


@dataclass(frozen=True, slots=True)
class UnixSocket:
    """One line of ``net/unix``. See proc_net(5)."""

    inode: int
    listening: bool
    path: str
    """Where it is bound, with a leading ``@`` when that is not in the file system, or empty."""


def unix_sockets(pid: int) -> dict[int, UnixSocket]:
    """Return ``{inode: socket}`` for the network namespace of ``pid``."""
    text = (read(f"/proc/{pid}/net/unix", 1 << 24) or b"").decode(errors="replace")
    found = {}
    for line in text.splitlines()[1:]:
        fields = line.split(maxsplit=7)
        found[int(fields[6])] = UnixSocket(
            inode=int(fields[6]),
            listening=bool(int(fields[3], 16) & 0x10000),  # __SO_ACCEPTCON of linux/net.h
            path=fields[7] if len(fields) > 7 else "",
        )
    return found


@dataclass(frozen=True, slots=True)
class FileLock:
    """One line of ``/proc/locks``. Those that wait bear the number of the lock they wait for."""

    number: int
    waiting: bool
    kind: str
    """``FLOCK``, ``POSIX``, ``OFDLCK`` or ``LEASE``."""
    pid: int
    inode: int
    mode: str = ""
    """``READ`` or ``WRITE``."""
    start: int = 0
    end: int | None = None
    """The last byte that is locked; ``None`` for the end of the file."""


def file_locks() -> tuple[FileLock, ...]:
    """Return all file locks that are held or waited for. See proc_locks(5)."""
    found = []
    for line in (read("/proc/locks", 1 << 24) or b"").decode().splitlines():
        number, _, rest = line.partition(":")
        fields = rest.replace("->", "").split()
        if len(fields) < 5:
            continue
        # FLOCK ADVISORY WRITE 4711 08:01:1234 0 EOF
        found.append(
            FileLock(
                number=int(number),
                waiting="->" in rest,
                kind=fields[0],
                pid=int(fields[3]),
                inode=int(fields[4].rpartition(":")[2]),
                mode=fields[2],
                start=int(fields[5]) if len(fields) > 6 else 0,
                end=int(fields[6]) if len(fields) > 6 and fields[6].isdigit() else None,
            )
        )
    return tuple(found)


def all_pids() -> list[int]:
    """Return the processes of the machine, as far as ``/proc`` shows them."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def schedstat(pid: int, tid: int) -> bytes | None:
    """Return a thread's time on a CPU, time in a queue and number of turns, as one text."""
    return read(f"/proc/{pid}/task/{tid}/schedstat")


_SHARED_MAPPING = re.compile(r"^\S+ ...s \S+ (\S+) (\d+)", re.MULTILINE)


def shared_files(pid: int) -> set[tuple[str, int]]:
    """Return (device, inode) of all that ``pid`` has mapped so that others see its writes."""
    text = (read(f"/proc/{pid}/maps", 1 << 24) or b"").decode(errors="replace")
    return {(device, int(inode)) for device, inode in _SHARED_MAPPING.findall(text)}


SHARED_MEMORY = "/dev/shm"
"""Where named semaphores and shared-memory segments live; see sem_overview(7), shm_overview(7)."""


def shared_memory() -> dict[int, str]:
    """Return ``{inode: path}`` of everything in :data:`SHARED_MEMORY`."""
    try:
        with os.scandir(SHARED_MEMORY) as entries:
            return {entry.inode(): entry.path for entry in entries}
    except OSError:
        return {}


def thread_name(pid: int, tid: int) -> str:
    """Return the kernel's name of a thread, 15 bytes at most; empty when it is gone."""
    return (read(f"/proc/{pid}/task/{tid}/comm") or b"").decode(errors="replace").rstrip("\n")


def is_hidden(pid: int) -> bool:
    """Say whether a process is there but does not show us what it has open."""
    try:
        os.listdir(f"/proc/{pid}/fd")
    except PermissionError:
        return True
    except OSError:
        return False
    return False
