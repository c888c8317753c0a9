"""Which processes have what open: those of the tree, and the others of the machine if asked for."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from pathlib import PurePath

from lab import procfs
from lab.kernel.tree import Tree
from lab.model import Peer

_MODES = {os.O_RDONLY: "r", os.O_WRONLY: "w", os.O_RDWR: "rw"}
_SHARED = ("pipe:", "socket:", "/")
_LONGEST_NAME = 60

type _Owners = dict[str, list[tuple[int, int]]]
"""What descriptors refer to, to the (pid, fd) that refer to it."""


class Wiring:
    """The descriptors of the processes of one tree, and of whoever shares them."""

    def __init__(self, pids: Iterable[int]) -> None:
        self.tree = Tree(pids)

    @cached_property
    def _inside(self) -> _Owners:
        found: _Owners = defaultdict(list)
        for pid in self.tree.pids:
            for fd, target in self.tree.fds(pid).items():
                found[target].append((pid, fd))
        return found

    @cached_property
    def _outside(self) -> _Owners:
        """Everybody else's, which is looked through at most once."""
        found: _Owners = defaultdict(list)
        for pid in procfs.all_pids():
            if pid not in self.tree.members:
                for fd, target in procfs.file_descriptors(pid).items():
                    if target.startswith(_SHARED):
                        found[target].append((pid, fd))
        return found

    def holders(self, target: str, mode: str = "") -> tuple[Peer, ...]:
        """Return who has ``target`` open, for reading (``r``) or writing (``w``) if that is said.

        Those of the tree come first. All of the machine are looked at, as far as it shows them.
        """
        by_pid: dict[int, list[int]] = {}
        for owners in (self._inside, self._outside):
            for pid, fd in sorted(owners.get(target, ())):
                if mode in mode_of(pid, fd):
                    by_pid.setdefault(pid, []).append(fd)
        return tuple(self.peer(pid, fds) for pid, fds in by_pid.items())

    def peer(self, pid: int, fds: Iterable[int] = ()) -> Peer:
        """Return a process as the other end of something."""
        inside = pid in self.tree.members
        return Peer(
            pid=pid, fds=tuple(sorted(fds)), name="" if inside else command(pid), inside=inside
        )


def mode_of(pid: int, fd: int) -> str:
    """Return how a descriptor was opened: ``r``, ``w`` or ``rw``; see proc(5), ``fdinfo``."""
    flags = procfs.fd_info(pid, fd).get("flags", ("",))[0]
    return _MODES.get(int(flags, 8) & os.O_ACCMODE, "") if flags else ""


def command(pid: int) -> str:
    """Return the command line of a process as a person would write it, without its directory."""
    words = procfs.command_line(pid)
    if not words:
        state = procfs.stat(pid)
        return state.comm if state else ""
    text = " ".join((PurePath(words[0]).name, *words[1:]))
    return text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 3] + "..."
