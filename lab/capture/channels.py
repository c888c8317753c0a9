"""What the descriptors are that a thread waits on, and who is at the other end of each.

Pipes and sockets by their inodes, child processes by their pidfd, file locks by ``/proc/locks``.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable
from pathlib import Path

import msgspec

from lab import procfs
from lab.capture.wiring import Wiring
from lab.kernel.inet import InetSocket
from lab.kernel.sockdiag import unix_peer
from lab.model import Channel, Peer, ThreadWait

_ANONYMOUS = {
    "[eventfd]": "event descriptor",
    "[timerfd]": "timer",
    "[signalfd]": "signal descriptor",
    "[eventpoll]": "epoll descriptor",
    "inotify": "watch on files",
}
_MASTERS = ("/dev/ptmx", "/dev/pts/ptmx")
_TERMINALS = ("/dev/pts/", "/dev/tty", "/dev/console")


def channels(wiring: Wiring, waits: Iterable[ThreadWait]) -> dict[int, Channel]:
    """Return what is behind every descriptor that the threads of one process wait on, by number."""
    found: dict[int, Channel] = {}
    for wait in waits:
        for fd, mode in wait.fds.items():
            if mode == "lock":
                found[fd] = _file_lock(wiring, wait, fd)
            elif fd not in found:
                found[fd] = _channel(wiring, wait.pid, fd, mode)
    return found


def _channel(wiring: Wiring, pid: int, fd: int, mode: str) -> Channel:
    target = wiring.tree.fds(pid).get(fd, "")
    kind, _, rest = target.partition(":")
    if kind == "pipe":
        return _pipe(wiring, fd, target, mode)
    if kind == "socket":
        return _socket(wiring, pid, fd, int(rest.strip("[]")))
    if rest == "[pidfd]":
        return _pidfd(wiring, pid, fd)
    if kind == "anon_inode":
        return Channel(fd=fd, kind=_ANONYMOUS.get(rest, rest.strip("[]")), key=target)
    if target.startswith(_TERMINALS) or target in _MASTERS:
        return _terminal(wiring, pid, fd, target)
    if _is_fifo(pid, fd):
        return _pipe(wiring, fd, target, mode, name=target)
    return Channel(fd=fd, kind="file" if target else "descriptor", name=target or str(fd))


def _terminal(wiring: Wiring, pid: int, fd: int, target: str) -> Channel:
    """The two sides of a pseudo-terminal know each other by a number; see pts(4)."""
    if target in _MASTERS:
        number = _tty_index(pid, fd)
        peers = wiring.holders(f"/dev/pts/{number}") if number else ()
        return Channel(fd=fd, kind="pseudo-terminal", name=number, peers=peers, known=bool(peers))
    number = target.rpartition("/")[2]
    masters = (peer for master in _MASTERS for peer in wiring.holders(master))
    peers = tuple(
        msgspec.structs.replace(peer, fds=own)
        for peer in masters
        if (own := tuple(f for f in peer.fds if _tty_index(peer.pid, f) == number))
    )
    remote = "" if peers else "whoever types there"
    return Channel(
        fd=fd, kind="terminal", name=target, peers=peers, known=bool(peers), remote=remote
    )


def _tty_index(pid: int, fd: int) -> str:
    return procfs.fd_info(pid, fd).get("tty-index", ("",))[0]


def _is_fifo(pid: int, fd: int) -> bool:
    try:
        return stat.S_ISFIFO(Path(f"/proc/{pid}/fd/{fd}").stat().st_mode)
    except OSError:
        return False


def _pipe(wiring: Wiring, fd: int, target: str, mode: str, name: str = "") -> Channel:
    """A pipe's other end is with whoever has it open the other way round."""
    others = wiring.holders(target, "r" if "w" in mode else "w")
    return Channel(
        fd=fd,
        kind="named pipe" if name else "pipe",
        name=name,
        key=target.replace("[", "").replace("]", ""),
        peers=others,
        known=True,
    )


def _pidfd(wiring: Wiring, pid: int, fd: int) -> Channel:
    child = procfs.fd_info(pid, fd).get("Pid", ("",))[0]
    peers = (wiring.peer(int(child)),) if child.isdigit() else ()
    return Channel(fd=fd, kind="process", name=child, peers=peers, known=bool(peers))


def _socket(wiring: Wiring, pid: int, fd: int, inode: int) -> Channel:
    unix = wiring.tree.unix_sockets(pid).get(inode)
    if unix is not None:
        return _unix(wiring, fd, unix)
    found = wiring.tree.inet(pid).get(inode)
    if found is None:
        return Channel(fd=fd, kind="socket", key=f"socket:{inode}")
    if found.state == "listening":
        name = str(found.local)
        return Channel(fd=fd, kind="TCP listener", name=name, key=f"socket:{inode}")
    if found.protocol == "udp":
        name = str(found.local)
        return Channel(fd=fd, kind="UDP socket", name=name, key=f"socket:{inode}")
    return _tcp(wiring, pid, fd, found)


def _unix(wiring: Wiring, fd: int, socket: procfs.UnixSocket) -> Channel:
    key = f"unix:{socket.inode}"
    if socket.listening:
        return Channel(fd=fd, kind="Unix listener", name=socket.path, key=key)
    peer = unix_peer(socket.inode)
    peers = wiring.holders(f"socket:[{peer}]") if peer else ()
    path = socket.path or (wiring.tree.unix_path(peer) if peer else "")
    state = "" if peers or not peer else "not accepted yet"
    return Channel(
        fd=fd, kind="Unix socket", name=path, key=key, peers=peers, known=bool(peers), state=state
    )


def _tcp(wiring: Wiring, pid: int, fd: int, socket: InetSocket) -> Channel:
    """The other end is in this namespace, still with the listener, or somewhere else."""
    inet = wiring.tree.inet(pid)
    other = inet.other(socket.inode)
    peers = wiring.holders(f"socket:[{other.inode}]") if other and other.inode else ()
    state = socket.state if socket.state != "established" else ""
    if not peers and (listener := inet.listener(socket.remote)) and (other or state):
        peers = wiring.holders(f"socket:[{listener.inode}]")
        state = "not accepted yet"
    return Channel(
        fd=fd,
        kind="TCP connection",
        name=f"{socket.local} to {socket.remote}",
        key=f"socket:{socket.inode}",
        peers=peers,
        known=bool(peers),
        remote="" if peers else str(socket.remote),
        state=state,
    )


def _file_lock(wiring: Wiring, wait: ThreadWait, fd: int) -> Channel:
    """The holders are the processes behind the locks that this one waits for."""
    path = wiring.tree.fds(wait.pid).get(fd, "")
    inode = procfs.fd_inode(wait.pid, fd)
    mine = {
        lock.number
        for lock in wiring.tree.locks
        if lock.waiting and lock.pid == wait.pid and lock.inode == inode
    }
    pids = {one.pid for one in wiring.tree.locks if not one.waiting and one.number in mine}
    living = sorted(pid for pid in pids if pid > 0 and procfs.stat(pid))
    peers: tuple[Peer, ...] = tuple(map(wiring.peer, living))
    state = ""
    if pids and not peers:  # a flock lives on in whoever has inherited the open file
        state = f"taken by process {min(pids)}, which has ended"
        peers = tuple(peer for peer in wiring.holders(path) if peer.pid != wait.pid)
    return Channel(
        fd=fd,
        kind="file lock",
        name=path,
        key=f"flock:{inode}",
        peers=peers,
        known=bool(peers),
        state=state,
    )
