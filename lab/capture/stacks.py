"""The stacks of one Python process, by whichever tool can read them.

py-spy first, without stopping the process. Where it finds no interpreter, as on free-threaded
builds, pystack, which does stop it for a moment.
"""

from __future__ import annotations

import time
from dataclasses import replace

from lab import procfs
from lab.capture import pyspy, pystack
from lab.capture.command import (
    CannotReadStacksError,
    MovedOnError,
    NoInterpreterError,
    Stacks,
    TooYoungError,
    find_tool,
)
from lab.errors import LabError

__all__ = ["CannotReadStacksError", "Stacks", "find_tool", "read_stacks"]

_TRIES = 4
_PAUSE_S = 0.03


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


def _patiently(pid: int, deadline: float, with_locals: bool) -> Stacks:
    """Dump, and try again a little later when the interpreter was not ready, or moved on."""
    for _ in range(_TRIES - 1):
        try:
            return pyspy.dump(pid, deadline=deadline, with_locals=with_locals)
        except (MovedOnError, TooYoungError):
            time.sleep(_PAUSE_S)
    return pyspy.dump(pid, deadline=deadline, with_locals=with_locals)
