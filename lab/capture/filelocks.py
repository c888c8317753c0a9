"""The locks on files that a process has open, or names in its variables; see proc_locks(5)."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from lab.capture.wiring import Wiring, command
from lab.model import LockedFile, ThreadStack

_MOST_FILES = 1000
_MOST_PATHS = 50


def locked_files(wiring: Wiring, pid: int, stacks: Iterable[ThreadStack]) -> tuple[LockedFile, ...]:
    """Return the locks, held or waited for by whomever, on the files that ``pid`` has to do with.

    Those are the files that it has open, and those whose paths its local variables hold: programs
    that poll for a lock open the file anew each time.
    """
    locks = [lock for lock in wiring.tree.locks if lock.pid > 0]
    if not locks:
        return ()
    inodes = {inode: path for path in _paths(wiring, pid, stacks) if (inode := _inode(pid, path))}
    return tuple(
        LockedFile(
            path=inodes[lock.inode],
            kind=lock.kind,
            mode=lock.mode,
            pid=lock.pid,
            waiting=lock.waiting,
            start=lock.start,
            end=lock.end,
            holder="" if lock.pid in wiring.tree.members else command(lock.pid),
        )
        for lock in locks
        if lock.inode in inodes
    )


def _paths(wiring: Wiring, pid: int, stacks: Iterable[ThreadStack]) -> list[str]:
    open_ = [path for path in wiring.tree.fds(pid).values() if _is_file(path)]
    named = [path for stack in stacks for path in _named(stack)]
    return list(dict.fromkeys([*open_[:_MOST_FILES], *named[:_MOST_PATHS]]))


def _is_file(path: str) -> bool:
    return path.startswith("/") and not path.startswith(("/dev/", "/proc/", "/memfd:"))


def _named(stack: ThreadStack) -> Iterator[str]:
    """Yield the absolute paths among the local variables, which are printed as in Python."""
    for frame in stack.frames:
        for local in frame.locals:
            if local.text.startswith(("'/", '"/')):
                try:
                    path = ast.literal_eval(local.text)
                except (ValueError, SyntaxError):
                    continue
                if _is_file(path):
                    yield path


def _inode(pid: int, path: str) -> int | None:
    """Return the inode of a file as the process sees it: by its own root directory."""
    try:
        return Path(f"/proc/{pid}/root{path}").stat().st_ino
    except (OSError, ValueError):
        return None
