"""How one execution ended: a plain record, so that shrinking and reports need no live threads."""

from __future__ import annotations

import re
import traceback
from types import TracebackType
from typing import Final

import msgspec

ASSERTION, EXCEPTION, DEADLOCK, LIVELOCK, NONDETERMINISM = (
    "assertion", "exception", "deadlock", "livelock", "nondeterminism",
)  # fmt: skip

# Where an object lies differs from run to run; a message should not.
_ADDRESS: Final = re.compile(r" at 0x[0-9a-f]+")


class Edge(msgspec.Struct, frozen=True):
    """One arrow of a wait-for graph: ``waiter`` waits for ``resource``, held by ``holder``."""

    waiter: str
    resource: str
    holder: str
    where: str


class Blocked(msgspec.Struct, frozen=True):
    """A thread that cannot go on, and its stack, innermost frame last (``file:line in name``)."""

    thread: str
    waits_for: str
    stack: tuple[str, ...]


class Failure(msgspec.Struct, frozen=True):
    """What broke: its kind, a message, the thread, and where it was raised.

    ``place`` (function, line within it) is what makes two failures the same bug while a schedule
    is shrunk; ``detail`` is the traceback or the wait-for graph in words.
    """

    kind: str
    message: str
    thread: str
    place: str
    detail: str
    edges: tuple[Edge, ...] = ()
    blocked: tuple[Blocked, ...] = ()

    @classmethod
    def of(cls, error: BaseException, thread: str, index: int) -> Failure:
        """Describe ``error``, which escaped from ``thread``."""
        kind = ASSERTION if isinstance(error, AssertionError) else EXCEPTION
        name = type(error).__name__
        text = _ADDRESS.sub("", str(error))
        message = f"{name}: {text}" if text else f"{name} at {_source_of(error)}"
        return cls(
            kind=kind,
            message=message,
            thread=f"{thread} ({index})" if index else thread,
            place=f"{name} {_place(error.__traceback__)}",
            detail="".join(traceback.format_exception(error)),
        )

    def same_bug(self, other: Failure | None) -> bool:
        """Whether ``other`` is the same kind of failure at the same place."""
        return other is not None and (self.kind, self.place) == (other.kind, other.place)


def _place(trace: TracebackType | None) -> str:
    if trace is None:
        return "?"
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    return f"{code.co_qualname}+{trace.tb_lineno - code.co_firstlineno}"


def _source_of(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return frames[-1].line or _place(error.__traceback__) if frames else "?"


class Outcome(msgspec.Struct, frozen=True):
    """One execution: its failure if any, or why it says nothing.

    ``cut_off`` means that the step limit was reached; ``stuck`` names a block that the scheduler
    does not control.
    """

    failure: Failure | None
    cut_off: bool
    stuck: str | None
    steps: int
    threads: int

    @property
    def conclusive(self) -> bool:
        """Whether the execution ran to an end of its own."""
        return not self.cut_off and self.stuck is None
