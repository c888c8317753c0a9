"""Asks Python 3.14 for the asyncio tasks of a process. Executed by path, on that same Python.

From 3.14 on the standard library reads them from outside: ``_remote_debugging``, on which
``python -m asyncio ps`` stands. It reads its own version only, so the process's own interpreter is
asked, isolated, and prints a JSON list; see :mod:`lab.capture.unwinder` for what becomes of it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any


def described(threads: Iterable[Any]) -> list[dict[str, Any]]:
    """Return what ``RemoteUnwinder.get_all_awaited_by()`` gave, a dictionary for each task.

    ``frames`` are (file, line, function), innermost first; ``awaited_by`` are the ids of the tasks
    that wait for it; ``tid`` is the thread of its loop, as the kernel numbers it.
    """
    return [
        {
            "id": task.task_id,
            "name": str(task.task_name),
            "tid": thread.thread_id,
            "frames": [
                [frame.filename, frame.lineno, frame.funcname]
                for coroutine in task.coroutine_stack or ()
                for frame in coroutine.call_stack
            ],
            "awaited_by": [waiter.task_name for waiter in task.awaited_by or ()],
        }
        for thread in threads
        for task in thread.awaited_by
    ]


def main(pid: int) -> None:
    """Print the tasks of process ``pid``."""
    from _remote_debugging import RemoteUnwinder  # type: ignore[import-not-found, unused-ignore]

    print(json.dumps(described(RemoteUnwinder(pid).get_all_awaited_by())))


if __name__ == "__main__":
    main(int(sys.argv[1]))
