"""A watched command that hangs, in words: a few lines for stderr, and what its page says first."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from lab.model import CaptureStatus, Dump
from lab.report import order
from lab.report.words import duration, shorten
from lab.supervise.passthrough import Ended
from lab.watch.looking import ASKED, HUNG, QUIET, TIMED_OUT, Trouble

MOST_TOLD = 6
TITLES = {
    HUNG: "Deadlocked, proved",
    QUIET: "Quiet, not proved",
    TIMED_OUT: "Timed out",
    ASKED: "Running",
}


def reason(trouble: Trouble) -> str:
    """Say what is wrong, and how firmly that is known."""
    match trouble.kind:
        case "hung":
            return "deadlocked, proved: nothing in it can ever run again"
        case "quiet":
            still = duration(trouble.still_s)
            return f"nothing in it has run for {still}, though something could still wake it"
        case "timed out":
            return f"its time of {duration(trouble.after_s)} is up; {_state(trouble)}"
    return f"asked after {duration(trouble.after_s)}: {_state(trouble)}"


def _state(trouble: Trouble) -> str:
    if trouble.dump and trouble.dump.proof:
        return "it is deadlocked, proved"
    if trouble.still_s >= 1:
        return f"nothing in it has run for {duration(trouble.still_s)}"
    return "it is running"


def lines(trouble: Trouble, page: Path | None) -> Iterator[str]:
    """Yield the lines for stderr, without their prefix."""
    yield f"{_typed(trouble.command, 120)}: {reason(trouble)}"
    dump = trouble.dump
    if dump is None:
        yield f"no diagnosis: {trouble.failure}"
        return
    yield f"cause: {dump.diagnosis.headline}"
    told = [text for text in order.story(dump.diagnosis) if text not in dump.diagnosis.headline]
    for text in told[:MOST_TOLD]:
        yield f"  {text}"
    if len(told) > MOST_TOLD:
        yield f"  and {len(told) - MOST_TOLD} more waits, in the report"
    yield from _without_python(dump)
    for unknown in dump.diagnosis.unknowns[:MOST_TOLD]:
        yield f"unknown: {unknown}"
    if page is not None:
        yield f"report {page}"


def _typed(command: Sequence[str], width: int) -> str:
    """Return a command as one would type it, on one line."""
    return shorten(" ".join(shlex.join(command).split()), width)


def _without_python(dump: Dump) -> Iterator[str]:
    """Yield what the kernel knows of processes that no stack could be taken of."""
    other = {each.pid: each for each in dump.processes if each.python is None}
    shown = [thread for thread in dump.threads if thread.pid in other and thread.pid == thread.tid]
    for thread in shown[:MOST_TOLD]:
        name = _typed(other[thread.pid].command, 60) or thread.label
        wait = thread.wait
        call = f" in {wait.syscall}" if wait and wait.syscall else ""
        yield f"  {name} ({thread.pid}) is{call or ' there'}: {wait.because if wait else 'gone'}"


def end_line(ended: Ended) -> str:
    """Say what ending the tree found."""
    left = f"{ended.left} could not be ended" if ended.left else "no process is left"
    removed = f"; {ended.removed} semaphores or shared files removed" if ended.removed else ""
    return f"ended: {ended.killed} killed, {left}{removed}"


def failures(dump: Dump) -> dict[int, str]:
    """Return why the stacks of a process could not be read, by its pid."""
    failed = [each for each in dump.captures if each.status is CaptureStatus.FAILED]
    return {
        process.pid: capture.reason
        for process in dump.processes
        for capture in failed
        if capture.name.endswith(f" {process.pid}")
    }
