"""Threads that run an event loop: what stands still with them, and what of it cannot be seen."""

from __future__ import annotations

from collections.abc import Iterator

from lab.diagnose.blocked import Blocked, blocked
from lab.diagnose.places import is_users
from lab.diagnose.scene import Scene, Thread

_READABLE = ("3.12", "3.13")
"""The versions of Python whose suspended tasks are read; see :mod:`lab.capture.memory.tasks`."""


def runs_a_loop(thread: Thread) -> bool:
    """Whether a thread is inside ``run_forever()`` of an asyncio event loop."""
    return any(f.function.endswith("run_forever") and "asyncio" in f.file for f in thread.frames)


def calls_back(thread: Thread) -> bool:
    """Whether a thread that runs a loop is inside a coroutine or a callback of the program."""
    return (
        runs_a_loop(thread)
        and thread.users is not None
        and any(
            f.function == "Handle._run" and "asyncio" in f.file
            for f in thread.frames[thread.users :]
        )
    )


def wants_its_turn(scene: Scene, task: Thread) -> Blocked | None:
    """Return the wait of a task that could go on, but whose loop's thread is blocked."""
    loop = scene.loop_of(task)
    if loop is None or task.moved or not calls_back(loop) or not blocked(scene, loop):
        return None
    users = next((i for i, frame in enumerate(task.frames) if is_users(frame)), None)
    return Blocked(task, "turn", users)


def stands_still(scene: Scene, thread: Thread) -> str:
    """Say which tasks cannot go on because the thread of their loop is blocked; else nothing.

    That is so when the loop has called a coroutine or a callback which blocks.
    """
    tasks = [task for task in scene.tasks if scene.loop_of(task) is thread]
    if not calls_back(thread):
        return ""
    others = f", and with it {len(tasks)} other {_tasks(len(tasks))}" if tasks else ""
    return f"The event loop of {thread.label} stands still meanwhile{others}."


def _tasks(number: int) -> str:
    return "task" if number == 1 else "tasks"


def unseen_tasks(scene: Scene) -> Iterator[str]:
    """Say for which event loops the suspended tasks could not be read, and what to do."""
    for thread in scene.threads:
        process = thread.process.process
        version = ".".join((process.python or "").split(".")[:2])
        if not runs_a_loop(thread) or thread.process.tasks or version in _READABLE:
            continue
        new = version not in ("3.8", "3.9", "3.10", "3.11")
        cure = (
            "python -m asyncio pstree"
            if new
            else "run it under Python 3.14, then: python3.14 -m asyncio pstree"
        )
        yield (
            f"{thread.label} runs an event loop whose suspended tasks cannot be seen from outside"
            f" in Python {process.python}; {cure} {process.pid}"
        )
