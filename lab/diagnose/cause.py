"""The root cause: what in the wait-for graph keeps everything else from going on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lab.diagnose.blocked import LOCK
from lab.diagnose.edges import Link
from lab.diagnose.futures import RESULTS, state_of
from lab.diagnose.graph import cycles
from lab.diagnose.scene import Scene, Thread
from lab.scenario import Cause

_STOPPED = "T"
"""The kernel's state of a thread that was stopped by a signal; see proc_pid_stat(5)."""
_ENDS_OF_OTHERS = ("thread", "process", "subprocess")
"""Waits that somebody will end for sure: if it is not known who, then that is not seen."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The cause, the edges that make it, and the cycles as actor ids in waiting order."""

    cause: Cause
    links: tuple[Link, ...] = ()
    cycles: tuple[tuple[str, ...], ...] = ()
    stopped: tuple[str, ...] = ()
    """Who was stopped by a signal, where that is the cause."""


def find_cause(scene: Scene, links: Sequence[Link]) -> Finding:
    """Return the root cause of what ``links`` show.

    A cycle comes before a lock that nobody holds, and that before a wait that nobody can satisfy.
    Waits that will time out, and threads that moved while they were looked at, are in no cycle.
    """
    lasting = [link for link in links if _lasts(link)]
    found = _cycles(lasting)
    if found:
        around = [_along(lasting, cycle) for cycle in found]
        kinds = {link.wait.kind for cycle in around for link in cycle}
        cause = Cause.LOCK_CYCLE if kinds <= {LOCK, "file-lock", "task-lock"} else Cause.WAIT_CYCLE
        if cause is Cause.LOCK_CYCLE and all(len(cycle) == 1 for cycle in found):
            cause = Cause.SELF_DEADLOCK
        return Finding(cause, tuple(link for cycle in around for link in cycle), tuple(found))
    abandoned = [link for link in lasting if link.holder.nobody]
    if abandoned:
        return Finding(Cause.ABANDONED_LOCK, tuple(abandoned))
    return _without_cycle(scene, lasting)


def _lasts(link: Link) -> bool:
    """Whether no clock ends the wait; who waits for the GIL only wakes to ask for it again."""
    return link.wait.kind == "gil" or not (link.waiter.timed or link.waiter.moved)


def _cycles(links: Sequence[Link]) -> list[tuple[str, ...]]:
    graph: dict[str, list[str]] = {}
    for link in sorted(links, key=_first_to_tell):
        if link.holder.thread:
            graph.setdefault(link.waiter.id, []).append(link.holder.thread.id)
    return cycles(graph)


def _first_to_tell(link: Link) -> tuple[bool, list[tuple[int, str]]]:
    """Begin with a thread of Python: the line that it is at can be shown."""
    return not link.waiter.frames, natural(link.waiter.label)


def natural(label: str) -> list[tuple[int, str]]:
    """Sort ``worker-10`` after ``worker-2``."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", label)]


def _along(links: Sequence[Link], cycle: tuple[str, ...]) -> list[Link]:
    pairs = list(zip(cycle, (*cycle[1:], cycle[0]), strict=True))
    by_pair = {
        (link.waiter.id, link.holder.thread.id): link for link in links if link.holder.thread
    }
    return [by_pair[pair] for pair in pairs]


def _without_cycle(scene: Scene, links: Sequence[Link]) -> Finding:
    """Tell an endless wait from one that somebody who still runs may end."""
    stuck = {link.waiter.id for link in links}
    idle = {link.waiter.id for link in links if link.wait.idle}
    dark = [t for t in scene.threads if t.id not in stuck and _asleep_for_good(t)]
    ends = sorted(
        (link for link in links if not link.holder.thread and not link.wait.idle),
        key=lambda link: _nearness(link, links),
    )
    halted = [t for t in scene.threads if t.wait and t.wait.state == _STOPPED]
    free = [t for t in scene.threads if t.id not in stuck and t not in dark]
    others = [link for link in links if link.waiter not in halted]
    if halted and not [t for t in free if t not in halted] and _all_closed(scene, others):
        return Finding(Cause.STOPPED, _before(links, halted), stopped=_names(halted))
    if free or dark or not links or _native_threads_run(scene):
        return Finding(Cause.NONE if free else Cause.UNKNOWN, tuple(ends))
    outside = [o for o in ends if not _closed(scene, o) or o.wait.kind in _ENDS_OF_OTHERS]
    if ends and not outside and all(link.wait.kind != LOCK for link in ends):
        return Finding(Cause.UNSATISFIED_WAIT, tuple(ends))
    if outside and all(link.holder.outside for link in outside):
        near = sorted(ends, key=lambda link: (not link.holder.outside, link.wait.kind == "accept"))
        return Finding(Cause.OUTSIDE_WAIT, tuple(near))
    return Finding(Cause.NONE if stuck == idle else Cause.UNKNOWN, tuple(ends))


def _all_closed(scene: Scene, links: Sequence[Link]) -> bool:
    return all(_closed(scene, link) for link in links)


def _before(links: Sequence[Link], halted: Sequence[Thread]) -> tuple[Link, ...]:
    """Return the waits for somebody who is stopped, those for a lock first."""
    ids = {thread.id for thread in halted}
    found = [link for link in links if link.holder.thread and link.holder.thread.id in ids]
    return tuple(sorted(found, key=lambda link: link.wait.kind != LOCK))


def _names(threads: Sequence[Thread]) -> tuple[str, ...]:
    """Return the names of stopped threads; a whole process goes by that of its main thread."""
    mains = [thread for thread in threads if thread.stack.tid == thread.stack.pid]
    return tuple(sorted((thread.label for thread in mains or threads), key=natural))


def _native_threads_run(scene: Scene) -> bool:
    """Whether a thread without Python frames may still do something."""
    python = {thread.id for thread in scene.threads}
    return any(
        f"{wait.pid}/{wait.tid}" not in python and (wait.timed or not wait.closed)
        for capture in scene.snapshot.processes
        for wait in capture.waits
    )


def _nearness(link: Link, links: Sequence[Link]) -> tuple[bool, bool, bool, list[tuple[int, str]]]:
    """Sort what is nearer to the root before who only waits for a task's result.

    And before those that wait for more of what is in a queue, of which not all is done.
    """
    begun = state_of(link.wait) == "RUNNING"
    joined = {one.wait.address for one in links if one.wait.kind == "queue-join"}
    more = link.wait.kind == "queue-get" and link.wait.address in joined
    return link.wait.kind in RESULTS, more, begun, natural(link.waiter.label)


def _asleep_for_good(thread: Thread) -> bool:
    """Whether the kernel shows an endless wait, though what it is for was not recognised.

    Also true where the kernel shows nothing of the thread, as py-spy gives no thread id on 3.10.
    """
    if thread.wait is None:
        return not thread.moved
    return thread.wait.closed and not thread.timed and not thread.moved


def _closed(scene: Scene, link: Link) -> bool:
    """Whether only a member of the tree could end the wait; for a task, that of its loop."""
    waiter = scene.loop_of(link.waiter) if link.waiter.task else link.waiter
    return not link.holder.outside and bool(waiter and waiter.wait and waiter.wait.closed)
