"""Who is there, and what the kernel says each thread is blocked in."""

from __future__ import annotations

import io
import signal

import msgspec

from lab.model.base import Record
from lab.scenario import OutcomeKind


class SourceLine(Record, frozen=True, kw_only=True):
    """A line of source, with its text where it could be read."""

    file: str
    line: int
    function: str = ""
    text: str = ""


def lines_of(source: str) -> list[str]:
    """Return the lines of ``source`` as Python counts them.

    ``str.splitlines`` also breaks at form feeds and other separators, which a line may hold: the
    lines after one would be shown under the wrong numbers.
    """
    return [line.removesuffix("\n") for line in io.StringIO(source, newline=None)]


class ProcessInfo(Record, frozen=True, kw_only=True):
    """One process of the target's tree."""

    pid: int
    ppid: int
    command: tuple[str, ...] = ()
    executable: str = ""
    python: str | None = None
    """The version of the interpreter, such as ``3.13``; ``None`` for another kind of program."""
    label: str = ""
    """What a person would call it: the worker's name, ``main``, ``resource tracker``..."""


class ThreadWait(Record, frozen=True, kw_only=True):
    """What the kernel says one thread is blocked in.

    ``closed`` says that only a member of the tree could end the wait; ``because`` gives the reason
    either way. ``key`` identifies what is waited on across processes, for instance
    ``futex:<pid>:<address>``, ``futex:shm:<inode>:<offset>``, ``pipe:<inode>``, ``wait:<pid>``.
    """

    pid: int
    tid: int
    comm: str
    state: str
    syscall: str = ""
    channel: str = ""
    key: str = ""
    timed: bool = False
    closed: bool = False
    because: str = ""
    assuming: str = ""
    """What ``closed`` takes for granted because the kernel does not show it."""
    fds: dict[int, str] = msgspec.field(default_factory=dict)
    """The descriptors that it waits on, and what for: ``r``, ``w``, ``rw`` or ``lock``."""
    runs: int = 0
    """How often the thread had been given a CPU (the third field of ``schedstat``)."""
    first_seen_s: float | None = None
    last_ran_s: float | None = None
    """When a watchdog first saw the thread, and last saw that it had run."""


class Proof(Record, frozen=True, kw_only=True):
    """Why nothing in the tree can ever run again: two equal sweeps over closed waits."""

    threads: tuple[ThreadWait, ...]
    last_progress_s: float
    """When a thread of the tree was last seen to have run."""
    proved_s: float
    sweeps: int = 2
    assumptions: tuple[str, ...] = ()

    @property
    def took_s(self) -> float:
        """Seconds from the last progress seen to the proof."""
        return self.proved_s - self.last_progress_s


def status_words(code: int) -> str:
    """Return ``exit status 3``, or ``signal SIGSEGV`` for minus its number."""
    if code >= 0:
        return f"exit status {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:  # a real-time signal has no name
        return f"signal {-code}"


class Outcome(Record, frozen=True, kw_only=True):
    """The raw fact of how one execution ended."""

    kind: OutcomeKind
    elapsed_s: float
    exit_code: int | None = None
    """The target's exit status; minus the signal's number when a signal ended it."""
    reason: str = ""
    proof: Proof | None = None
    last_waits: tuple[ThreadWait, ...] = ()
    """For a hang that is not proved: the kernel's view when it was called one."""
