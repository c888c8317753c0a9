"""What a tree that stands still is waiting for: nothing that can come, somebody outside, or time.

The watchdog's proof assumes that nobody outside sends a signal. A program that has set up a handler
waits for just that, so here a proof counts only when no member has one, but those that every
interpreter sets up by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from lab.model import Proof, ThreadWait
from lab.supervise import Watchdog
from lab.supervise.keeper import signal_set

_POLLS = 6
_PAUSE_S = 0.01
_OWN_SIGNALS = (2, 4, 5, 6, 7, 8, 11, 13, 17, 28, 31, 32, 33)
"""SIGINT, which Python always catches; those of faults; SIGPIPE, SIGCHLD; two of glibc; and
SIGWINCH, which readline catches as soon as it is imported, as by pytest."""
_SETS = ("poll", "select", "epoll")
_TERMINALS = ("/dev/pts/", "/dev/tty", "/dev/console")


@dataclass(frozen=True)
class Stillness:
    """A tree in which nothing ran while it was looked at."""

    waits: tuple[ThreadWait, ...]
    proof: Proof | None
    """Why nothing can ever run again."""
    excuse: str
    """Why it is no hang although nothing runs; empty when there is no such reason."""


def examine(
    tree: Callable[[], list[int]],
    *,
    root: int,
    outside: Collection[int],
    streams: Collection[str],
) -> Stillness | None:
    """Look at a tree that seems to stand still; ``None`` when it moves.

    ``outside`` are the processes of the lab, ``streams`` what the lab's standard streams refer to,
    such as ``pipe:[4711]``: who waits for one of them waits for the user, or for a peer.
    """
    watchdog = Watchdog(tree, outside=outside)
    for _ in range(_POLLS):
        progress = watchdog.poll()
        if progress.state != "running":
            proof = progress.proof if progress.proof and believed(progress.proof) else None
            excuse = _excuse(progress.waits, root, frozenset(map(_key, streams)))
            return Stillness(progress.waits, proof, excuse)
        time.sleep(_PAUSE_S)
    return None


def believed(proof: Proof) -> bool:
    """Say whether no process of the proof has a handler through which a signal could wake it."""
    return not any(awaits_signals(pid) for pid in {wait.pid for wait in proof.threads})


def awaits_signals(pid: int) -> bool:
    """Say whether a process has a handler for a signal that others send on purpose."""
    own = sum(1 << number - 1 for number in _OWN_SIGNALS)
    return bool(signal_set(pid, "SigCgt") & ~own)


def _excuse(waits: Iterable[ThreadWait], root: int, streams: Collection[str]) -> str:
    waits = tuple(waits)
    states = {wait.pid: wait.state for wait in waits if wait.pid == wait.tid}
    if states.get(root) == "T" or set(states.values()) == {"T"}:
        return "it is stopped"
    if "t" in {wait.state for wait in waits}:
        return "a debugger holds it"
    for wait in waits:
        for thing in _things(wait.key):
            if thing.startswith(_TERMINALS):
                return "it waits for the terminal"
            if thing in streams:
                return "it waits for whoever is at the other end of its standard streams"
    return ""


def _things(key: str) -> list[str]:
    """Return what a wait's key names: several for poll, select and epoll."""
    kind, _, rest = key.partition(":")
    return [_key(thing) for thing in (rest.split(",") if kind in _SETS else [key])]


def _key(target: str) -> str:
    """Return a key of the kernel room, or a descriptor's target, in a form that both have."""
    return target.replace("[", "").replace("]", "").replace("unix:", "socket:")
