"""Deadlock and leaked threads: who waits for whom, on which line, read while they still stand."""

from __future__ import annotations

import concurrent.futures.thread
import sys
import traceback
from pathlib import PurePath
from types import CodeType, FrameType
from typing import Any

from lab.hunt import _real
from lab.hunt.outcome import DEADLOCK, Blocked, Edge, Failure
from lab.hunt.tasks import Task

_OURS = str(PurePath(__file__).parent)
COLLECTION = "garbage collection"
_LIBRARY = str(PurePath(traceback.__file__).parent)


def waits_for_work(task: Task) -> bool:
    """Whether ``task`` is an executor's worker: idle ones are ended by the interpreter at exit."""
    return task.thread in concurrent.futures.thread._threads_queues


def describe(left: list[Task], *, after_body: bool) -> Failure:
    """Return the failure for threads that can never go on, with the graph and each stack."""
    frames = sys._current_frames()
    blocked = tuple(_blocked(task, frames) for task in left)
    edges = tuple(_edge(task, frames) for task in left)
    names = ", ".join(task.name for task in left)
    what = "left blocked for ever after the test ended" if after_body else "deadlock"
    summary = "; ".join(_arrow(edge) for edge in edges)
    message = f"{what}: {summary}" if not after_body else f"{names} {what}: {summary}"
    places = sorted({entry.stack[-1] if entry.stack else "?" for entry in blocked})
    return Failure(
        kind=DEADLOCK,
        message=message,
        thread=names,
        place="leaked" if after_body else "deadlock",
        detail="\n".join(_paragraph(entry) for entry in blocked) + "\n" + "\n".join(places),
        edges=edges,
        blocked=blocked,
    )


def stack_of(frame: FrameType | None) -> tuple[str, ...]:
    """Return a thread's frames without the lab's own, outermost first."""
    lines = []
    for frame_, line in traceback.walk_stack(frame):
        code = frame_.f_code
        if _collects(code):
            lines.append(COLLECTION)
        elif not code.co_filename.startswith(_OURS):
            lines.append(f"{code.co_filename}:{line} in {code.co_qualname}")
    return tuple(reversed(lines))


def _frame(task: Task, frames: dict[int, FrameType]) -> FrameType | None:
    # A task that never ran has a worker, whose frames say nothing of the test.
    if not task.started:
        return None
    if task.ident == _real.get_ident():
        return sys._getframe()
    return frames.get(task.ident)


def _blocked(task: Task, frames: dict[int, FrameType]) -> Blocked:
    return Blocked(
        thread=task.name, waits_for=_name(task.waiting), stack=stack_of(_frame(task, frames))
    )


def _edge(task: Task, frames: dict[int, FrameType]) -> Edge:
    on = task.waiting
    holder = on if isinstance(on, Task) else getattr(on, "owner", None)
    frame = _frame(task, frames)
    return Edge(
        waiter=task.name,
        resource=_resource(on, frame),
        holder=holder.name if isinstance(holder, Task) and not _is_signal(on) else "",
        where=_users_line(frame),
    )


def _is_signal(on: Any) -> bool:
    """Whether ``on`` is what a Condition's waiter holds itself until it is notified."""
    site = getattr(on, "site", None)
    return site is not None and site.signal


def _resource(on: Any, frame: FrameType | None) -> str:
    via = _through(frame)
    name = f"{_name(on)} in {via}" if via else _name(on)
    if any(_collects(each.f_code) for each, _ in traceback.walk_stack(frame)):
        name += f" (in a finaliser, during {COLLECTION})"
    return name


def _collects(code: CodeType) -> bool:
    """Whether ``code`` is the lab's that runs the collector: what it called are finalisers."""
    return code.co_name == "collect" and code.co_filename.startswith(_OURS)


def _name(on: Any) -> str:
    if isinstance(on, Task):
        return f"the end of {on.name}"
    describe = getattr(on, "describe", None)
    return describe() if describe else str(on)


def _through(frame: FrameType | None) -> str:
    """Return the library call that waits (``Condition.wait``), the outermost one below the user."""
    found = ""
    for frame_, _ in traceback.walk_stack(frame):
        filename = frame_.f_code.co_filename
        if filename.startswith(_OURS):
            continue
        if not filename.startswith(_LIBRARY) or "site-packages" in filename:
            return found
        if frame_.f_code.co_qualname.startswith("Thread."):
            return found
        found = frame_.f_code.co_qualname
    return found


def _users_line(frame: FrameType | None) -> str:
    for frame_, line in traceback.walk_stack(frame):
        filename = frame_.f_code.co_filename
        if filename.startswith(_OURS):
            continue
        if not filename.startswith(_LIBRARY) or "site-packages" in filename:
            return f"{filename}:{line}"
    return ""


def _arrow(edge: Edge) -> str:
    held = f", held by {edge.holder}" if edge.holder else ""
    where = f" at {PurePath(edge.where).name}" if edge.where else ""
    return f"{edge.waiter} waits for {edge.resource}{held}{where}"


def _paragraph(entry: Blocked) -> str:
    lines = [f"{entry.thread}: waits for {entry.waits_for}"]
    lines += [f"    {line}" for line in entry.stack]
    return "\n".join(lines)
