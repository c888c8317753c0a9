"""The stacks of one Python process, by whichever tool can read them.

py-spy first, without stopping the process. Where it finds no interpreter, as on free-threaded
builds, pystack, which does stop it for a moment.
"""

from __future__ import annotations

import shutil
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from lab import procfs
from lab.errors import LabError
from lab.model import ThreadStack


class CannotReadStacksError(LabError):
    """A tool is missing, may not look into the process, or makes no sense of it."""


class NoInterpreterError(CannotReadStacksError):
    """The tool does not recognise the interpreter; another tool might."""


class TooYoungError(CannotReadStacksError):
    """The interpreter was not ready to be read; a moment later it may be."""


@dataclass(frozen=True, slots=True)
class Stacks:
    """The threads of one process, and how they were read."""

    threads: tuple[ThreadStack, ...] = ()
    tool: str = ""
    paused_s: float | None = None
    seconds: float = 0.0
    bytes: int = 0
    error: str = ""


def find_tool(name: str) -> str | None:
    """Return the path of a tool: beside this interpreter first, as in a venv, then on PATH."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else shutil.which(name)


def read_stacks(pid: int, *, deadline: float, with_locals: bool = True) -> Stacks:
    """Return the stacks of ``pid``; never raises, a failure is in ``error``.

    ``deadline`` is a moment of :func:`time.monotonic`.
    """
    started = time.monotonic()
    try:
        stacks = _read(pid, deadline, with_locals)
    except LabError as error:
        stacks = Stacks(error=error.line())
    return replace(stacks, seconds=time.monotonic() - started)


def _read(pid: int, deadline: float, with_locals: bool) -> Stacks:
    from lab.capture import pyspy, pystack

    state = procfs.stat(pid)
    if state is None or state.state in "ZX":
        raise CannotReadStacksError(f"process {pid} has ended")
    try:
        return _patiently(pid, deadline, with_locals)
    except (NoInterpreterError, TooYoungError) as unread:
        if not find_tool(pystack.NAME):
            raise CannotReadStacksError(
                unread.seen, next_step=f"pip install pystack (reads what {pyspy.NAME} cannot)"
            ) from None
        return pystack.dump(pid, deadline=deadline)


_TRIES = 4
_PAUSE_S = 0.03


def _patiently(pid: int, deadline: float, with_locals: bool) -> Stacks:
    """Dump, and try again a little later when the interpreter was not ready."""
    from lab.capture import pyspy

    for _ in range(_TRIES - 1):
        try:
            return pyspy.dump(pid, deadline=deadline, with_locals=with_locals)
        except TooYoungError:
            time.sleep(_PAUSE_S)
    return pyspy.dump(pid, deadline=deadline, with_locals=with_locals)
