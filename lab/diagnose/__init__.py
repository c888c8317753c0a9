"""From a snapshot to the wait-for graph and the root cause; a pure function.

The steps are small modules: :mod:`.source` (what a line holds and wants), :mod:`.names` (which
object an expression is), :mod:`.blocked` (what a thread waits for), :mod:`.holders` (who holds a
lock), :mod:`.edges`, :mod:`.graph`, :mod:`.cause`, :mod:`.words`.
"""

from __future__ import annotations

import traceback

from lab.diagnose.blocked import Blocked, blocked
from lab.diagnose.cause import Finding, find_cause, natural
from lab.diagnose.edges import Link, link
from lab.diagnose.gil import gil_wait
from lab.diagnose.holders import Claims
from lab.diagnose.loops import stands_still, unseen_tasks, wants_its_turn
from lab.diagnose.places import short
from lab.diagnose.polls import asks_again
from lab.diagnose.scene import Scene, Thread
from lab.diagnose.tasks import task_wait
from lab.diagnose.words import headline, sentence, thing
from lab.model import Actor, Diagnosis, Snapshot, ThreadWait
from lab.scenario import Cause

__all__ = ["diagnose"]

_MOST_RUNNING = 2


def diagnose(snapshot: Snapshot) -> Diagnosis:
    """Return the wait-for graph and the root cause of what ``snapshot`` shows.

    The same snapshot, also one that was written to a file and read again, gives the same diagnosis.
    What is not known is said to be unknown in the edge or in ``unknowns``; nothing is raised, for
    whoever asks has a hang to report and to end, whether it is understood or not.
    """
    try:
        return _diagnosed(snapshot)
    except Exception as error:  # noqa: BLE001 - programs of every kind are read
        said = traceback.extract_tb(error.__traceback__)[-1]
        why = f"{type(error).__name__} in {said.name}: {error}"
        return Diagnosis(
            cause=Cause.UNKNOWN,
            headline="The diagnosis failed, which is a bug of the lab; the stacks are recorded.",
            unknowns=(f"everything: {why}",),
        )


def _diagnosed(snapshot: Snapshot) -> Diagnosis:
    scene = Scene(snapshot)
    claims = Claims(scene)
    waits = {thread.id: _wait(scene, thread) for thread in scene.threads}
    waits |= {t.id: task_wait(scene, t) or wants_its_turn(scene, t) for t in scene.tasks}
    links = [link(scene, claims, wait) for wait in waits.values() if wait]
    everybody = (*scene.threads, *scene.tasks)
    finding = find_cause(scene, links)
    shown = _in_order([one for one in links if not one.wait.idle], finding)
    by_waiter = {one.waiter.id: one for one in links}
    return Diagnosis(
        cause=finding.cause,
        headline=_whole(scene, finding, headline(finding, shown)),
        story=tuple(sentence(one, shown) for one in shown),
        actors=tuple(_actor(scene, t, by_waiter.get(t.id)) for t in everybody),
        resources=tuple({one.resource.id: one.resource for one in shown}.values()),
        edges=tuple(one.edge for one in shown),
        cycles=finding.cycles,
        unknowns=tuple(_unknowns(scene, waits)),
    )


def _wait(scene: Scene, thread: Thread) -> Blocked | None:
    return gil_wait(thread) or blocked(scene, thread) or asks_again(scene, thread)


def _whole(scene: Scene, finding: Finding, text: str) -> str:
    """Add to the headline what stands still because of it; if nothing is stuck, who runs."""
    notes = [stands_still(scene, one.waiter) for one in finding.links]
    if finding.cause is Cause.NONE:
        notes += [f"{t.label} runs ({short(scene.line(t, t.users))})." for t in _running(scene)]
    return " ".join((text, *filter(None, dict.fromkeys(notes))))


def _running(scene: Scene) -> list[Thread]:
    """Return a few threads that the program's own code keeps busy."""
    busy = [t for t in scene.threads if t.users is not None and t.wait and t.wait.state == "R"]
    return busy[:_MOST_RUNNING]


def _in_order(links: list[Link], finding: Finding) -> list[Link]:
    """Put what makes the cause first, in its own order, and the rest behind it by name."""
    first = [id(one) for one in finding.links]
    rest = sorted(links, key=lambda one: natural(one.waiter.label))
    return [*finding.links, *(one for one in rest if id(one) not in first)]


def _actor(scene: Scene, thread: Thread, found: Link | None) -> Actor:
    return Actor(
        id=thread.id,
        label=thread.label,
        pid=thread.stack.pid,
        tid=thread.stack.tid,
        waits=thing(found) if found else "",
        at=scene.line(thread, thread.users) if thread.users is not None else None,
    )


def _unknowns(scene: Scene, waits: dict[str, Blocked | None]) -> list[str]:
    """Say what was not seen, and which sleepers were not understood."""
    found = [
        f"{capture.process.label} ({capture.process.pid}): no stacks: {capture.error}"
        for capture in scene.snapshot.processes
        if capture.error
    ]
    found += unseen_tasks(scene)
    for thread in scene.threads:
        known = waits[thread.id] is not None or thread.moved
        if not known and thread.wait and thread.wait.closed:
            found.append(_not_recognised(scene, thread, thread.wait))
    return found


def _not_recognised(scene: Scene, thread: Thread, wait: ThreadWait) -> str:
    where = wait.key or wait.channel or wait.syscall
    called = f" in C code called at {short(scene.line(thread, 0))}" if thread.users == 0 else ""
    inside = f" ({' < '.join(thread.stack.native)})" if thread.stack.native else ""
    return f"{thread.label} sleeps{called}{inside} in {where}: what that is was not recognised"
