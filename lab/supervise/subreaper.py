"""The second level of containment: the lab itself takes over when a shim was killed.

While a supervisor is open the lab is a subreaper as well (prctl(2), PR_SET_CHILD_SUBREAPER), so
the orphans of a killed shim become its children. Unlike the shim the lab has children of its own,
so it cannot wait for ECHILD, and must tell the two apart.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import threading
import time
from collections.abc import Collection

from lab import procfs
from lab.supervise import shim

TOKEN = "LAB_TREE"
"""The environment variable that marks the processes of one tree."""

_PAUSE_S = 0.0003
_lock = threading.Lock()
_users = 0
_flag_before = 0
_shims: set[int] = set()


def acquire() -> None:
    """Make this process a subreaper, if no other supervisor has done so."""
    global _users, _flag_before
    with _lock:
        if _users == 0:
            _flag_before = _flag()
            shim.prctl(shim.PR_SET_CHILD_SUBREAPER, 1)
        _users += 1


def release() -> None:
    """Restore the flag as it was before the first :func:`acquire`, when this was the last user."""
    global _users
    with _lock:
        _users -= 1
        if _users == 0:
            shim.prctl(shim.PR_SET_CHILD_SUBREAPER, _flag_before)


def _flag() -> int:
    value = ctypes.c_int()
    ctypes.CDLL(None).prctl(shim.PR_GET_CHILD_SUBREAPER, ctypes.byref(value), 0, 0, 0)
    return value.value


def register(pid: int) -> None:
    """Note a shim: no sweep for another tree may touch it."""
    _shims.add(pid)


def unregister(pid: int) -> None:
    """Forget a shim that was reaped."""
    _shims.discard(pid)


def own_children() -> frozenset[tuple[int, int]]:
    """Return (pid, start time) of the children that this process has now."""
    return frozenset((pid, _started(pid)) for pid in procfs.children(os.getpid()))


def _started(pid: int) -> int:
    stat = procfs.stat(pid)
    return stat.started_ticks if stat else 0


def orphans(token: str, before: Collection[tuple[int, int]]) -> list[int]:
    """Return the processes of the tree marked ``token`` whose shim is dead, zombies included.

    A target starts in a session of its own, and no process can join a session that exists: so a
    child in the lab's session is the lab's, and one in another session that was not there before
    is an orphan. A mark in the environment finds those that hide deeper.
    """
    mine = os.getsid(0)
    roots = [
        pid
        for pid in procfs.children(os.getpid())
        if pid not in _shims
        and (pid, _started(pid)) not in before
        and _session(pid) != mine
        and not _is_marked_otherwise(pid, token)
    ]
    found = dict.fromkeys(roots)
    for pid in [*roots, *_marked(token)]:
        found[pid] = None
        found.update(dict.fromkeys(procfs.descendants(pid)))
    return list(found)


def _session(pid: int) -> int:
    stat = procfs.stat(pid)
    return stat.session if stat else 0


def _marks(pid: int) -> list[bytes]:
    prefix = f"{TOKEN}=".encode()
    environment = procfs.read(f"/proc/{pid}/environ") or b""
    return [entry for entry in environment.split(b"\0") if entry.startswith(prefix)]


def _is_marked_otherwise(pid: int, token: str) -> bool:
    marks = _marks(pid)
    return bool(marks) and f"{TOKEN}={token}".encode() not in marks


def _marked(token: str) -> list[int]:
    mark = f"{TOKEN}={token}".encode()
    return [pid for pid in procfs.all_pids() if mark in _marks(pid)]


def sweep(token: str, before: Collection[tuple[int, int]], budget_s: float) -> set[int]:
    """Kill and reap the orphans of a tree; return who was still alive.

    An orphan is in our list of children before its dead parent can be reaped, so once all that
    were found are reaped the next listing holds the rest. Two empty ones in a row are asked for,
    because a listing may skip an entry while another child of the lab is being reaped.
    """
    until = time.monotonic() + budget_s
    killed: set[int] = set()
    empty = 0
    while empty < 2 and time.monotonic() < until:
        found = orphans(token, before)
        empty = 0 if found else empty + 1
        for pid in found:
            if shim.is_alive(pid):
                killed.add(pid)
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(OSError):  # only what is our child by now can be reaped
                os.waitpid(pid, os.WNOHANG)
        time.sleep(_PAUSE_S)
    return killed
