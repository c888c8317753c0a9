"""Who could end a wait on a file descriptor: the other ends of pipes, sockets, and file locks."""

from __future__ import annotations

import stat
from pathlib import Path

from lab import procfs
from lab.kernel.sets import Awaited
from lab.kernel.sockdiag import unix_peer
from lab.kernel.tree import OPEN, Ends, Tree


def end_of(tree: Tree, pid: int, fd: int) -> Ends:
    """Say what a wait for ``fd`` of ``pid`` to become readable or writable depends on."""
    target = tree.fds(pid).get(fd, "")
    kind, _, rest = target.partition(":")
    if kind == "pipe":
        return _pipe(tree, target)
    if kind == "socket":
        return _socket(tree, pid, int(rest.strip("[]")))
    if rest == "[pidfd]":
        return _pidfd(tree, pid, fd)
    key = target if target.startswith("/dev/") else ""
    because = f"it waits on {target or f'descriptor {fd}'}, which the world outside may feed"
    return OPEN(because, key)


def any_of(tree: Tree, pid: int, fds: Awaited | None, call: str, *, timed: bool) -> Ends:
    """Say how a wait for any one of several descriptors can end; ``None``: they are not known."""
    if fds is None:
        return Ends(call, timed=timed, because="the set of its descriptors cannot be read")
    ends = [end_of(tree, pid, fd) for fd in sorted(fds)]
    key = f"{call}:" + ",".join(sorted({end.key for end in ends if end.key}))
    if timed:
        return Ends(key, timed=True, because="its time-out will wake it", fds=fds)
    for end in ends:
        if not end.closed:
            return Ends(key, because=end.because, fds=fds)
    if not ends:
        return Ends(key, because="it waits for nothing but a signal, which anybody may send")
    assuming = "; ".join(sorted({end.assuming for end in ends if end.assuming}))
    because = "; ".join(sorted({end.because for end in ends}))
    return Ends(key, closed=True, because=because, assuming=assuming, fds=fds)


def _pipe(tree: Tree, target: str) -> Ends:
    key = target.replace("[", "").replace("]", "")
    if target in tree.held_outside:
        return OPEN("a process outside the tree holds an end of the pipe", key)
    return Ends(key, closed=True, because="all ends of the pipe are in the tree")


def _pidfd(tree: Tree, pid: int, fd: int) -> Ends:
    child = procfs.fd_info(pid, fd).get("Pid", ("",))[0]
    if not child.isdigit() or int(child) not in tree.members:
        return OPEN("it waits for a process that is not known to be in the tree")
    return Ends(
        f"wait:{child}", closed=True, because=f"only process {child} of the tree can end it"
    )


def _socket(tree: Tree, pid: int, inode: int) -> Ends:
    socket = tree.unix_sockets(pid).get(inode)
    if socket is None:
        return _tcp(tree, pid, inode)
    return _listener(socket, inode) if socket.listening else _connected(tree, inode)


def _tcp(tree: Tree, pid: int, inode: int) -> Ends:
    """A connection of this machine with itself is closed when the tree has both of its ends."""
    key = f"socket:{inode}"
    peer = tree.inet(pid).peer(inode)
    if peer is None or f"socket:[{peer}]" not in tree.held_inside:
        return OPEN("it waits on a socket, which the world outside may feed", key)
    if {f"socket:[{inode}]", f"socket:[{peer}]"} & tree.held_outside:
        return OPEN("a process outside the tree holds an end of the TCP connection", key)
    return Ends(
        key,
        closed=True,
        because="both ends of the TCP connection are in the tree",
        assuming="nobody outside the tree resets its TCP connections",
    )


def _connected(tree: Tree, inode: int) -> Ends:
    """A pair is closed when the tree has both ends, and nobody else has either."""
    peer = unix_peer(inode)
    key = f"unix:{inode}"
    if peer is None or f"socket:[{peer}]" not in tree.held_inside:
        return OPEN("the other end of its Unix socket is not known to be in the tree", key)
    if {f"socket:[{inode}]", f"socket:[{peer}]"} & tree.held_outside:
        return OPEN("a process outside the tree holds an end of the Unix socket", key)
    return Ends(key, closed=True, because="both ends of the Unix socket are in the tree")


def _listener(socket: procfs.UnixSocket, inode: int) -> Ends:
    """A listening socket can be reached by whoever may enter its directory.

    ``multiprocessing`` puts the one of its forkserver into a directory of mode 0700 with a random
    name. That its owner has no other program which goes and connects to it is an assumption, and
    is named as such.
    """
    key = f"unix:{inode}"
    if not _is_private(socket.path):
        return OPEN("it listens on a Unix socket that others may connect to", key)
    return Ends(
        key,
        closed=True,
        because="it listens on a Unix socket in a private directory",
        assuming=f"nobody outside the tree connects to {socket.path}",
    )


def _is_private(path: str) -> bool:
    directory = Path(path).parent
    try:
        mode = directory.stat().st_mode
    except OSError:
        return False
    return (
        path.startswith("/")
        and directory.name.startswith("pymp-")
        and not stat.S_IMODE(mode) & 0o077
    )


def file_lock(tree: Tree, pid: int, fd: int) -> Ends:
    """Say who holds the lock that ``pid`` waits for on ``fd``; see proc_locks(5).

    A flock belongs to an open file, which several processes may share; a POSIX lock to a process.
    """
    target = tree.fds(pid).get(fd, "")
    try:
        inode = Path(f"/proc/{pid}/fd/{fd}").stat().st_ino
    except OSError:
        return OPEN(f"descriptor {fd} is gone")
    holders = _holders(tree, pid, inode)
    key = f"flock:{inode}"
    if not holders:
        return OPEN("the holder of the file lock is not shown", key)
    if target in tree.held_outside:
        return OPEN("a process outside the tree has the locked file open", key)
    if not holders <= tree.members:
        return OPEN("the holder of the file lock is not known to be in the tree", key)
    names = ", ".join(map(str, sorted(holders)))
    return Ends(key, closed=True, because=f"the file lock is held by {names} of the tree")


def _holders(tree: Tree, pid: int, inode: int) -> set[int]:
    """The processes behind every lock of ``inode`` that blocks ``pid``."""
    blocked_on = {
        lock.number
        for lock in tree.locks
        if lock.waiting and lock.pid == pid and lock.inode == inode
    }
    return {lock.pid for lock in tree.locks if not lock.waiting and lock.number in blocked_on}
