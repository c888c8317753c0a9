"""Threads that sleep only to ask again: for a lock of a file, or for a busy SQLite database.

The kernel shows a sleep. That it is one between two attempts is inferred: from the function around
the line, which asks without blocking, or from a line that calls SQLite, which sleeps in its busy
handler. Whose lock is in the way is in ``/proc/locks``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from lab.diagnose.blocked import SLEEPS, Blocked
from lab.diagnose.ends import serving
from lab.diagnose.holders import Holder
from lab.diagnose.scene import Scene, Thread
from lab.diagnose.source import function_around
from lab.model import Evidence, LockedFile, Peer

_LIBRARIES = re.compile(r"/(filelock|portalocker|fasteners|lockfile|zc/lockfile)/")
_ASKS = ("LOCK_NB", "LOCK_EX_NB")
_SQLITE_CALLS = {
    "execute", "executemany", "executescript", "commit", "rollback", "fetchone", "fetchall",
    "fetchmany", "backup", "close",
}  # fmt: skip
_PENDING, _LAST_SHARED = 0x40000000, 0x400001FF
"""The bytes that SQLite locks in a database: pending, reserved, and 510 of readers (os.h)."""
_WAL_WRITE = 120
"""The byte of the ``-shm`` file that a writer locks in WAL mode (wal.c)."""


def asks_again(scene: Scene, thread: Thread) -> Blocked | None:
    """Return what a sleeping thread asks for again and again; ``None`` when it only sleeps."""
    wait = thread.wait
    if wait is None or wait.syscall not in SLEEPS or thread.users is None:
        return None
    if thread.users == 0 and _calls_sqlite(scene, thread):
        files = [one for one in thread.process.locked_files if _is_database(one)]
        return _described(thread, "sqlite", {_database(one) for one in files})
    if _asks_for_a_lock(scene, thread):
        return _described(thread, "asks-for-file", _locked_paths(thread))
    return None


def _locked_paths(thread: Thread) -> set[str]:
    """Return the locked files that the asking function names, else those that others have locked.

    The process may hold other locks of its own, so its own count only where they are named.
    """
    held = [one for one in thread.process.locked_files if not one.waiting]
    texts = [local.text.strip("'\"") for local in thread.frames[thread.users or 0].locals]
    named = {one.path for one in held if one.path in texts}
    return named or {one.path for one in held if one.pid != thread.stack.pid}


def _described(thread: Thread, kind: str, paths: set[str]) -> Blocked | None:
    """Only what is the one candidate is named."""
    if len(paths) != 1:
        return None
    return Blocked(thread, kind, thread.users, name=paths.pop())


def _calls_sqlite(scene: Scene, thread: Thread) -> bool:
    frame = thread.frames[0]
    source = scene.snapshot.sources.get(frame.file, "")
    body = function_around(source, frame.function, frame.line)
    if body is None:
        return False
    calls = [
        node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
        for node in ast.walk(body)
        if isinstance(node, ast.Call) and node.lineno <= frame.line <= (node.end_lineno or 0)
    ]
    within = any(
        isinstance(node, ast.With) and node.lineno == frame.line for node in ast.walk(body)
    )
    return bool(_SQLITE_CALLS & set(calls) or (within and not calls)) and "sleep" not in calls


def _is_database(one: LockedFile) -> bool:
    if one.kind != "POSIX":
        return False
    if one.path.endswith("-shm"):
        return one.start <= _WAL_WRITE <= (one.end or one.start) and one.mode == "WRITE"
    return _PENDING <= one.start <= _LAST_SHARED


def _database(one: LockedFile) -> str:
    return one.path.removesuffix("-shm")


def _asks_for_a_lock(scene: Scene, thread: Thread) -> bool:
    """Whether the function that sleeps also asks for a lock without blocking."""
    frame = thread.frames[thread.users or 0]
    if _LIBRARIES.search(frame.file) and "lock" in frame.function.lower() + frame.file.lower():
        return True
    text = scene.snapshot.sources.get(frame.file, "")
    body = function_around(text, frame.function, frame.line)
    if body is None or isinstance(body, ast.Module):
        return False
    return any(
        isinstance(node, ast.Attribute | ast.Name)
        and (node.attr if isinstance(node, ast.Attribute) else node.id) in _ASKS
        for node in ast.walk(body)
    )


def in_the_way(scene: Scene, wait: Blocked) -> Holder:
    """Return who has the lock that a thread asks for again and again."""
    me = wait.thread.stack.pid
    held = [one for one in wait.thread.process.locked_files if not one.waiting]
    if wait.kind == "sqlite":
        held = [one for one in held if _is_database(one) and _database(one) == wait.name]
        writers = [one for one in held if one.mode == "WRITE" and one.pid != me]
        others = writers or [one for one in held if one.pid != me]
        what = "has locked it for writing" if writers else "is reading it"
        if not others:
            because = "the kernel shows only locks of this very process: another of its connections"
            return Holder(Evidence.CONFIRMED, because)
    else:
        others = [one for one in held if one.path == wait.name]
        what = "holds it"
        if all(one.pid == me for one in others):
            own = [t for t in scene.threads if t.process is wait.thread.process]
            because = "the kernel says that this very process holds it"
            return Holder(Evidence.CONFIRMED, because, own[0] if len(own) == 1 else None)
    return _holder(scene, others, what)


def _holder(scene: Scene, others: Sequence[LockedFile], what: str) -> Holder:
    pids = sorted({one.pid for one in others})
    if len(pids) != 1:
        return Holder(Evidence.UNKNOWN, f"{len(pids)} processes have locks on it")
    if pids[0] not in scene.processes:
        because = f"{others[0].holder} ({pids[0]}) {what}, outside the tree"
        return Holder(Evidence.CONFIRMED, because, outside=True)
    thread, how = serving(scene, Peer(pid=pids[0]))
    label = scene.processes[pids[0]].process.label
    grade = Evidence.UNKNOWN if thread is None else Evidence.SOURCE
    return Holder(grade, f"the kernel says that {label} {what}{how}", thread)
