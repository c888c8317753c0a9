"""What ``lab dump`` writes down: one moment, or several, of a tree that the lab did not start."""

import enum

from lab.model.base import Record
from lab.model.capture import CaptureReport
from lab.model.diagnosis import Diagnosis
from lab.model.tree import ProcessInfo, Proof, SourceLine, ThreadWait


class Motion(enum.StrEnum):
    """What a thread did between the first look and the last."""

    STUCK = "stuck"
    """It was never given a CPU, and its stack never changed."""
    SAME_LINE = "same line"
    """It ran, and every look found it at the same line of the user's code."""
    MOVING = "moving"
    UNKNOWN = ""
    """There was only one look, or its stack could not be read."""


class ThreadMoment(Record, frozen=True, kw_only=True):
    """One thread: who it is, where it is, and what the kernel says of it."""

    actor: str
    """``<pid>/<tid>``, as in the diagnosis."""
    label: str
    pid: int
    tid: int
    at: SourceLine | None
    wait: ThreadWait | None
    motion: Motion
    stack: tuple[SourceLine, ...] = ()
    """Its frames, innermost first, without the text of their lines."""


class Dump(Record, frozen=True, kw_only=True):
    """A live tree, looked at from outside."""

    schema_version: int
    pid: int
    taken_at: str
    looks: int
    interval_s: float
    state: str
    """``deadlocked`` (proved), ``quiet`` or ``running``."""
    proof: Proof | None
    processes: tuple[ProcessInfo, ...]
    threads: tuple[ThreadMoment, ...]
    diagnosis: Diagnosis
    captures: tuple[CaptureReport, ...]
