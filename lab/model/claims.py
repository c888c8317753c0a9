"""What ``lab claims`` measures and concludes: raw series, and a verdict on each claim.

Two files, in ``<output>/claims/<id>/``. ``measurements.json`` is :class:`Measurements`: every
sample as it was taken, and nothing concluded from it. ``claims.json`` is :class:`ClaimsResult`:
what follows from the samples by the threshold that each verdict states. The second can always be
made again from the first. ``lab claims --json`` prints the second.
"""

from __future__ import annotations

import enum

import msgspec

from lab.model.base import Record
from lab.model.diagnosis import VerdictKind
from lab.model.run import Machine
from lab.scenario import Cause, OutcomeKind, ParameterValue, Variant


class Series(Record, frozen=True, kw_only=True):
    """The samples of one figure: one program, run in one way, again and again.

    Samples with the same position in two series of one program and variant come from the same
    execution, so that a ratio of two of them is a ratio within one run.
    """

    program: str
    """The name of the scenario that reported the figure from inside."""
    variant: Variant
    corrected: bool = False
    """Whether it was the scenario's corrected version, for a cost its cheaper way."""
    parameters: dict[str, ParameterValue] = msgspec.field(default_factory=dict)
    """The parameters that were set; the others had their defaults."""
    name: str
    unit: str = ""
    """``s``, ``bytes``, ``requests/s``...; empty for a ratio or a count."""
    samples: tuple[float, ...]
    """In the order in which they were taken."""


class Missing(Record, frozen=True, kw_only=True):
    """A measurement that gave no figures, or for which there was no time."""

    program: str
    variant: Variant
    reason: str
    tags: tuple[str, ...] = ()
    """Of a fault scenario: its tags."""


class Tried(Record, frozen=True, kw_only=True):
    """One trial of a fault scenario, for the claims about debugging and deadlock."""

    scenario: str
    tags: tuple[str, ...]
    variant: Variant
    corrected: bool = False
    cause: Cause
    """The root cause that the ground truth names."""
    outcome: OutcomeKind
    verdict: VerdictKind
    answered: int | None
    """How many of the debugging questions were answered rightly; ``None``: none was asked."""
    questions: int
    survivors_finished: int | None
    """Of the other workers, those that finished after one was killed; ``None``: not tried."""
    survivors: int | None
    run: str
    """The run directory, relative to the directory of the claims."""


class Measurements(Record, frozen=True, kw_only=True):
    """``measurements.json``: everything that was measured, before anything is concluded."""

    schema_version: int
    started_at: str
    quick: bool
    machine: Machine
    series: tuple[Series, ...] = ()
    tried: tuple[Tried, ...] = ()
    missing: tuple[Missing, ...] = ()


class ClaimVerdictKind(enum.StrEnum):
    """What became of a claim on this interpreter and machine."""

    HOLDS = "holds"
    LIMITED = "holds with a limit"
    FAILS = "does not hold here"
    NOT_MEASURABLE = "not measurable here"


class Figure(Record, frozen=True, kw_only=True):
    """A figure that a verdict rests on, or that explains it: the median of samples, their range.

    ``low`` and ``high`` are the least and the greatest sample. A figure of one sample has no
    spread: then all three are equal, and ``samples`` says so.
    """

    name: str
    """In words, complete without its neighbours: ``speed-up of 2 threads over 1``."""
    median: float
    low: float
    high: float
    unit: str = ""
    """As in :class:`Series`."""
    samples: int
    decides: bool = False
    """Whether the threshold is applied to this figure."""


class ClaimVerdict(Record, frozen=True, kw_only=True):
    """One claim, what was measured for it, and what follows."""

    id: str
    """``P1`` to ``P7``, ``T1`` to ``T8``, ``G1``."""
    claim: str
    """The claim in a sentence."""
    verdict: ClaimVerdictKind
    reason: str
    """In a sentence: what was seen and, where there is one, the limit within which it holds; why it
    does not hold; or why it could not be measured."""
    threshold: str
    """From which value of which figure the claim holds, holds with a limit, or does not."""
    figures: tuple[Figure, ...] = ()
    """Those that decide first."""
    evidence: str
    """The file of raw samples, relative to the directory of the claims."""


class ClaimsResult(Record, frozen=True, kw_only=True):
    """``claims.json``: the verdicts, and the interpreter and machine for which they hold."""

    schema_version: int
    id: str
    started_at: str
    finished_at: str
    elapsed_s: float
    quick: bool
    """Whether it was the short version: fewer repeats, smaller payloads, fewer workers."""
    machine: Machine
    claims: tuple[ClaimVerdict, ...]
    directory: str = ""
    """Where ``measurements.json`` and the page are; empty in the file itself."""
