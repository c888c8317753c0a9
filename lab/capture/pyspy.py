"""Stacks by py-spy, without stopping the process.

One process at a time: ``--subprocesses`` with ``--json`` silently reports the root process alone.
``--nonblocking`` works on stopped and traced processes too, where the other mode hangs or fails.
"""

from __future__ import annotations

import functools
import os
import subprocess
import time
from typing import Any

import msgspec

from lab import procfs
from lab.capture.command import (
    CannotReadStacksError,
    MovedOnError,
    NoInterpreterError,
    Stacks,
    ToolFailedError,
    TooYoungError,
    find_tool,
    run_tool,
)
from lab.model import Frame, Local, ThreadStack

NAME = "py-spy"
_YOUNG_S = 2.0


def dump(pid: int, *, deadline: float, with_locals: bool = True) -> Stacks:
    """Return the stacks of process ``pid``, read while it runs.

    ``deadline`` is a moment of :func:`time.monotonic`. Raises :class:`CannotReadStacksError`.
    """
    arguments = ["dump", "--json", "--nonblocking", "--pid", str(pid)]
    if with_locals:
        arguments.insert(2, "--locals")
    try:
        text = run_tool(NAME, arguments, pid=pid, deadline=deadline)
    except ToolFailedError as failed:
        raise _classify(failed, pid) from None
    return Stacks(parse(text), tool=version(), paused_s=0.0, bytes=len(text))


def _classify(failed: ToolFailedError, pid: int) -> CannotReadStacksError:
    if _age_s(pid) < _YOUNG_S:
        return TooYoungError(f"process {pid} is too young to be read: {failed.seen}")
    if "stack traces" in failed.seen.lower():
        return MovedOnError(failed.seen)
    if "python interpreter" in failed.seen.lower():
        return NoInterpreterError(f"py-spy knows no interpreter in process {pid}: {failed.seen}")
    return failed


def _age_s(pid: int) -> float:
    """Return the seconds since the process was started; 0 when it is gone."""
    state = procfs.stat(pid)
    if state is None:
        return 0.0
    return time.clock_gettime(time.CLOCK_BOOTTIME) - state.started_ticks / os.sysconf("SC_CLK_TCK")


@functools.cache
def version() -> str:
    """Return the tool's name with its version, such as ``py-spy 0.4.3``."""
    tool = find_tool(NAME)
    try:
        done = subprocess.run([str(tool), "--version"], capture_output=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return NAME
    return done.stdout.decode(errors="replace").strip() or NAME


def parse(text: str) -> tuple[ThreadStack, ...]:
    """Return the threads of a ``py-spy dump --json``.

    Raises :class:`CannotReadStacksError` when the text is not what py-spy writes.
    """
    try:
        return tuple(map(_thread, msgspec.json.decode(text)))
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        raise CannotReadStacksError(f"the output of {NAME} makes no sense: {error}") from None


def _thread(raw: dict[str, Any]) -> ThreadStack:
    return ThreadStack(
        pid=raw["pid"],
        tid=raw["os_thread_id"] or (raw["pid"] if raw["thread_name"] == "MainThread" else 0),
        ident=raw["thread_id"],
        name=raw["thread_name"] or "",
        frames=tuple(map(_frame, raw["frames"])),
        owns_gil=bool(raw["owns_gil"]),
        active=bool(raw["active"]),
    )


def _frame(raw: dict[str, Any]) -> Frame:
    return Frame(
        function=raw["name"],
        file=raw["filename"],
        line=raw["line"],
        module=raw["module"],
        locals=tuple(
            Local(
                name=local["name"],
                text=local["repr"] or "",
                address=local["addr"] or None,
                argument=bool(local["arg"]),
            )
            for local in raw["locals"] or ()
        ),
    )
