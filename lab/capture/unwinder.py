"""The asyncio tasks of a process under Python 3.14 or newer, by what that Python itself offers."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from typing import Any

from lab import procfs
from lab.capture import awaited
from lab.model import Frame, Task, ThreadStack

_LIMIT_S = 5.0


def offers_tasks(version: str) -> bool:
    """Say whether a Python of this version reads the tasks of another process: 3.14 and newer."""
    major, _, rest = version.partition(".")
    minor = rest.partition(".")[0]
    return major.isdigit() and minor.isdigit() and (int(major), int(minor)) >= (3, 14)


def unwound_tasks(pid: int, threads: Iterable[ThreadStack]) -> tuple[Task, ...]:
    """Return the tasks of process ``pid``; none where its interpreter does not answer.

    ``threads`` are its stacks, which know by which number a loop's thread goes inside Python.
    """
    asked = [procfs.link(f"/proc/{pid}/exe"), "-I", awaited.__file__, str(pid)]
    try:
        done = subprocess.run(
            asked,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
            check=False,
        )
        return tasks_of(json.loads(done.stdout), {t.tid: t.ident for t in threads})
    except (OSError, ValueError, KeyError, TypeError, subprocess.TimeoutExpired):
        return ()


def tasks_of(said: list[dict[str, Any]], idents: Mapping[int, int | None]) -> tuple[Task, ...]:
    """Return the tasks that ``said`` describes, as :func:`lab.capture.awaited.described` does.

    A task waits for another where that one says that it is awaited by it.
    """
    awaits = {waiter: each["id"] for each in said for waiter in each["awaited_by"]}
    return tuple(
        Task(
            address=each["id"],
            name=each["name"],
            frames=tuple(
                Frame(function=function, file=file, line=line)
                for file, line, function in each["frames"]
            ),
            waits_for=awaits.get(each["id"]),
            loop_ident=idents.get(each["tid"]),
        )
        for each in said
    )
