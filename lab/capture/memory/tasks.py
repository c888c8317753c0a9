"""The asyncio tasks of a process, on no thread's stack while they wait.

``asyncio.tasks`` keeps all of them: ``_scheduled_tasks``, a WeakSet, and ``_eager_tasks``. That
holds for 3.12 and 3.13; from 3.14 on they are in linked lists, which are not read here.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from lab.capture.memory import layout as at
from lab.capture.memory.access import CannotReadMemoryError
from lab.capture.memory.coroutines import (
    is_coroutine,
    is_over,
    is_running,
    suspended_frames,
)
from lab.capture.memory.names import Modules
from lab.capture.memory.objects import Objects
from lab.model import Task

_LOOP, _CALLBACK = 16, 24
_MOST_TASKS = 2000


def read_tasks(objects: Objects, modules: Modules) -> tuple[Task, ...]:
    """Return the tasks that have not ended, as far as they could be read, by name."""
    if objects.layout.frames is None:
        return ()
    found = {}
    for address in _addresses(objects, modules):
        try:
            task = _task(objects, address)
        except CannotReadMemoryError:
            continue
        if task:
            found[address] = task
    return tuple(sorted(found.values(), key=lambda task: (len(task.name), task.name)))


def _addresses(objects: Objects, modules: Modules) -> Iterator[int]:
    try:
        scheduled = modules.find("asyncio.tasks", "_scheduled_tasks")
        eager = modules.find("asyncio.tasks", "_eager_tasks")
        if scheduled:
            references = objects.members(objects.attributes(scheduled)["data"])
            for reference in itertools.islice(references, _MOST_TASKS):
                yield objects.memory.word(reference + at.REFERENT)
        if eager:
            yield from objects.members(eager)
    except (CannotReadMemoryError, KeyError):
        return


def _task(objects: Objects, address: int) -> Task | None:
    """Read one ``TaskObj``: what it waits for, its coroutine and its name follow one another."""
    kind = objects.type_of(address)
    if "_asyncio.Task" not in kind.bases:
        return None
    word = objects.memory.word
    places = range(address + _LOOP, address + min(kind.size, 512), 8)
    place = next((p for p in places if is_coroutine(objects, word(p))), None)
    if place is None:
        return None
    coroutine = word(place)
    running = is_running(objects, coroutine)
    if is_over(objects, coroutine) and not running:
        return None
    frames = suspended_frames(objects, coroutine)
    return Task(
        address=address,
        name=_name(objects, word(place + 8)),
        frames=frames,
        waits_for=word(place - 8) or None,
        loop_ident=_loop_ident(objects, word(address + _LOOP)),
        running=running,
        callback=word(address + _CALLBACK) or None,
    )


def _name(objects: Objects, address: int) -> str:
    """Return the name of a task; one that was given none is a number until it is asked for."""
    text = objects.text(address) if address else ""
    return f"Task-{text}" if text.isdigit() and objects.type_of(address).name == "int" else text


def _loop_ident(objects: Objects, loop: int) -> int | None:
    """Return ``threading.get_ident()`` of the thread that runs the task's loop."""
    try:
        ident = objects.attributes(loop).get("_thread_id")
        text = objects.text(ident) if ident else ""
    except CannotReadMemoryError:
        return None
    return int(text) if text.isdigit() else None
