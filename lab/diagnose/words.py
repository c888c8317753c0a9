"""The diagnosis in plain sentences, each with file and line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePath
from textwrap import shorten

from lab.diagnose.blocked import LOCK
from lab.diagnose.cause import Finding
from lab.diagnose.edges import ASKING, ON_DESCRIPTORS, Link
from lab.diagnose.futures import state_of
from lab.diagnose.places import short
from lab.model import NoHolder
from lab.scenario import Cause

_NOBODY = {
    NoHolder.LEAKED: "which nobody will release: {because}",
    NoHolder.DEAD_PROCESS: "which a process took that is dead: {because}",
    NoHolder.INHERITED_BY_FORK: "which was copied, taken, by a fork: {because}",
}
_MOST_TOLD = 3
_VERBS = {
    "accept": "waits for a connection to",
    "connect": "waits to connect by",
    "poll": "waits for",
    "file-lock": "waits for",
    "child": "waits for the end of",
    "exit": "has nothing left to do and waits for the end of",
    "task": "awaits",
    "loop": "waits for the end of",
    "stream": "waits for",
    "sqlite": "asks again and again for",
    "asks-for-file": "asks again and again for",
    "thread": "waits for the end of",
    "process": "waits for the end of",
    "subprocess": "waits for the end of",
    "queue-get": "waits for an item from",
    "queue-put": "waits for room in",
    "queue-join": "waits until all is done in",
    "receive": "waits to receive from",
    "send": "waits to send into",
    "idle": "waits for",
}

_TOLD = (*ON_DESCRIPTORS, *ASKING, "child", "gil", "stream", "semaphore", "queue-join", "barrier")
"""Waits of which the sentence says how it is known who would end them."""
HELD = (LOCK, "import", "task-lock", "semaphore")
"""What one thread holds while others wait for it."""


def thing(link: Link) -> str:
    """Return what is waited for: ``threading.Lock `theirs```."""
    name = f" `{link.resource.name}`" if link.resource.name else ""
    if link.wait.kind in ("task", "loop") and link.holder.thread:
        return link.holder.thread.label
    if (
        link.wait.kind in ("thread", "process", "subprocess", "child", "exit")
        and link.holder.thread
    ):
        return f"{link.resource.kind} {link.holder.thread.label}{_command(link)}"
    return f"{link.resource.kind}{name}"


def _command(link: Link) -> str:
    """Return the command line of the program that is waited for, in brackets."""
    if link.wait.kind not in ("subprocess", "child") or link.holder.thread is None:
        return ""
    words = link.holder.thread.process.process.command
    text = " ".join((PurePath(words[0]).name, *words[1:])) if words else ""
    return f" (`{shorten(text, 60, placeholder='...')}`)" if text else ""


def sentence(link: Link, links: Sequence[Link] = ()) -> str:
    """Return one wait as a sentence; ``links`` tell what the waiter itself holds."""
    waiter = link.waiter.label
    held = _holds(link, links)
    verb = _VERBS.get(link.wait.kind, "waits for")
    what = (
        f"`{link.resource.name}`" if link.wait.kind == LOCK and link.resource.name else thing(link)
    )
    at = f" ({short(link.edge.at)})" if link.edge.at.file else ""
    head = f"{waiter} {held}{verb} {what}{at}"
    return head + _tail(link) + "."


def _holds(link: Link, links: Sequence[Link]) -> str:
    """Say what the waiter holds that others wait for."""
    held = [
        f"`{_name_there(other)}` ({short(other.edge.held_at)})"
        for other in links
        if other.holder.thread
        and other.holder.thread.id == link.waiter.id
        and other.edge.held_at
        and other.wait.kind in HELD
    ]
    return f"holds {' and '.join(dict.fromkeys(held))} and " if held else ""


def _name_there(link: Link) -> str:
    """Return what the holder calls the lock, else what the waiter calls it."""
    return link.holder.name or link.resource.name or link.resource.kind


def _tail(link: Link) -> str:
    if link.holder.nobody:
        return ", " + _NOBODY[link.holder.nobody].format(because=link.holder.because)
    if link.wait.kind not in HELD or (link.wait.kind == "semaphore" and not link.holder.thread):
        if link.wait.kind == "child" and link.holder.thread:
            return ""
        told = link.wait.kind in _TOLD or state_of(link.wait) or link.holder.outside
        return f": {link.holder.because}" if told else ""
    if link.holder.thread and link.holder.thread.id == link.waiter.id:
        who = "it holds itself"
    elif link.holder.thread:
        who = (
            f"{link.holder.thread.label} has held"
            if link.edge.held_at
            else (f"{link.holder.thread.label} holds")
        )
    else:
        return f"; who holds it is not known: {link.holder.because}"
    since = f" since {short(link.edge.held_at)}" if link.edge.held_at else ""
    return f", which {who}{since}"


def headline(finding: Finding, links: Sequence[Link]) -> str:
    """Return the root cause in one sentence."""
    chosen = finding.links
    if finding.cause in (Cause.LOCK_CYCLE, Cause.WAIT_CYCLE):
        first = sentence(chosen[0], chosen)
        others = len(chosen) - 1
        more = f" {_others(chosen[1:])}" if others else ""
        return first + more
    if finding.cause is Cause.NONE:
        return _nothing_stuck(links)
    if finding.cause is Cause.OUTSIDE_WAIT:
        return f"Only what is outside the tree can end this: {sentence(chosen[0], links)}"
    if finding.cause is Cause.STOPPED:
        names, verb = ", ".join(finding.stopped), "is" if len(finding.stopped) == 1 else "are"
        held = f" Meanwhile {sentence(chosen[0], links)}" if chosen else ""
        return f"{names} {verb} stopped by a signal: only a SIGCONT lets that go on.{held}"
    if not chosen:
        return "Everything waits, and what would end the waiting is not known."
    if finding.cause is Cause.UNSATISFIED_WAIT:
        first = sentence(chosen[0], links).removesuffix(".")
        return f"{first}, and nobody is left to end that: everything else waits, too."
    return sentence(chosen[0], links)


def _nothing_stuck(links: Sequence[Link]) -> str:
    """Say that nothing is known to be stuck for good, and who makes others wait meanwhile."""
    told = [o for o in links if o.holder.thread or o.wait.kind in (*ON_DESCRIPTORS, *ASKING)]
    slow = next((o for o in told if o.wait.kind == LOCK and o.holder.thread), None)
    slow = slow or next(iter(told), None) or next((o for o in links if not o.waiter.timed), None)
    if slow is None:
        return "No thread is known to wait for something that cannot come any more."
    return f"Nothing is known to be stuck for good: {sentence(_last(slow, links), links)}"


def _last(link: Link, links: Sequence[Link]) -> Link:
    """Follow a wait to the one that all the others on its way come from."""
    by_waiter = {one.waiter.id: one for one in links if not one.waiter.timed}
    seen = {link.waiter.id}
    while link.holder.thread and (beyond := by_waiter.get(link.holder.thread.id)):
        if beyond.waiter.id in seen:
            break
        seen.add(beyond.waiter.id)
        link = beyond
    return link


def _others(links: Iterable[Link]) -> str:
    """Close the circle in words: of a large one, what comes next, and what closes it."""
    told = [_other(link) for link in links]
    if len(told) > _MOST_TOLD:
        left_out = len(told) - _MOST_TOLD
        told[_MOST_TOLD - 1 : -1] = [f"So it goes on over {left_out} more."]
    return " ".join(told)


def _other(link: Link) -> str:
    if link.wait.kind not in HELD or not link.holder.thread:
        because = f": {link.holder.because}" if link.wait.kind in ON_DESCRIPTORS else ""
        verb = _VERBS.get(link.wait.kind, "waits for")
        return f"{link.waiter.label} in turn {verb} {thing(link)}{because}."
    plain = link.wait.kind == LOCK and link.resource.name
    what = f"`{link.resource.name}`" if plain else thing(link)
    return f"{link.waiter.label} in turn waits for {what}, which {link.holder.thread.label} holds."
