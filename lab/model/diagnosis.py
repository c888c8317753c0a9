"""What was concluded: the wait-for graph, the root cause, the verdict, the questions answered."""

from __future__ import annotations

import enum

from lab.model.base import Record
from lab.model.tree import SourceLine
from lab.scenario import Cause, NoHolder


class Evidence(enum.StrEnum):
    """How firmly an edge of the wait-for graph is known, strongest first."""

    CONFIRMED = "confirmed"
    """The owner is written in the target's memory, or in the kernel's tables."""
    SAME_OBJECT = "same-object"
    """Waiter and holder refer to the same object: same address, or same shared mapping."""
    SOURCE = "source"
    """Inferred from the source lines around both frames."""
    NAME_ONLY = "name-only"
    """Both sides use the same name; it may be another object."""
    UNKNOWN = "unknown"


class Actor(Record, frozen=True, kw_only=True):
    """A thread of the tree, under the name a person knows it by."""

    id: str
    """``<pid>/<tid>``."""
    label: str
    pid: int
    tid: int
    waits: str = ""
    """In words: ``threading.Lock `theirs```; empty when it does not wait."""
    at: SourceLine | None = None
    """The innermost line of the user's own code."""


class Resource(Record, frozen=True, kw_only=True):
    """Something that is waited for."""

    id: str
    kind: str
    """``threading.Lock``, ``multiprocessing.Lock``, ``Thread``, ``Process``, ``Queue``..."""
    name: str
    """What the source calls it, such as ``theirs`` or ``self._lock``."""
    identity: str
    """How it was told from others: an address, or the inode and offset of a shared mapping."""


class Edge(Record, frozen=True, kw_only=True):
    """One wait: who waits for what since which line, and who holds it since which line."""

    waiter: str
    resource: str
    at: SourceLine
    evidence: Evidence
    because: str
    holder: str | None = None
    held_at: SourceLine | None = None
    no_holder: NoHolder | None = None


class Diagnosis(Record, frozen=True, kw_only=True):
    """The wait-for graph and the root cause, inferred without reading the ground truth."""

    cause: Cause
    headline: str
    """The root cause in one sentence."""
    story: tuple[str, ...] = ()
    """The graph in words, one sentence for each wait."""
    actors: tuple[Actor, ...] = ()
    resources: tuple[Resource, ...] = ()
    edges: tuple[Edge, ...] = ()
    cycles: tuple[tuple[str, ...], ...] = ()
    """Actor ids in waiting order."""
    unknowns: tuple[str, ...] = ()
    """What could not be known, and why."""


class VerdictKind(enum.StrEnum):
    """Outcome and diagnosis held against the ground truth."""

    AS_EXPECTED = "as-expected"
    DEVIATED = "deviated"
    INCONCLUSIVE = "inconclusive"


class Check(Record, frozen=True, kw_only=True):
    """One thing that was compared with the truth; ``passed`` is ``None`` when it could not be."""

    name: str
    passed: bool | None
    seen: str
    wanted: str


class Verdict(Record, frozen=True, kw_only=True):
    """The judgement on one trial."""

    kind: VerdictKind
    checks: tuple[Check, ...] = ()


class AnswerKind(enum.StrEnum):
    """Whether a debugging question was answered, held against the ground truth."""

    RIGHT = "right"
    PARTLY = "partly"
    WRONG = "wrong"
    UNKNOWN = "unknown"


class Answer(Record, frozen=True, kw_only=True):
    """One of the seven debugging questions, and what the tools answered."""

    number: int
    question: str
    kind: AnswerKind
    answer: str


class Debuggability(Record, frozen=True, kw_only=True):
    """The seven answers, and the price that was paid for them."""

    answers: tuple[Answer, ...]
    dumps: int
    seconds: float
    paused_s: float
    evidence_bytes: int

    @property
    def score(self) -> int:
        """How many of the questions were answered rightly."""
        return sum(answer.kind is AnswerKind.RIGHT for answer in self.answers)
