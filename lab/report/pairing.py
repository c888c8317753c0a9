"""Two sets of results beside each other: two machines, two interpreters, before and after."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from lab.comparison import ResultSet
from lab.model import ClaimVerdict, Figure
from lab.report.contrast import Contrast, Row, contrast, within
from lab.report.words import duration, quantity, size

UNEQUAL = 1.2
"""From which ratio on a difference is pointed out; less is noise on a shared machine."""
NOISE_S, NOISE_BYTES = 0.05, 1 << 18
"""Differences that scheduling and the granularity of pages make by themselves."""

type Key = tuple[str, str]
"""(scenario, label of the variant): what two rows must share to be compared."""


@dataclass(frozen=True)
class Cell:
    """One figure on both sides."""

    name: str
    before: str
    after: str
    differs: bool
    """Whether a reader should look: other words, or a figure beyond what is noise."""
    ratio: float | None = None


@dataclass(frozen=True)
class Pair:
    """One fault in one variant on both sides; a side that lacks it is ``None``."""

    key: Key
    before: Row | None
    after: Row | None

    @property
    def cells(self) -> list[Cell]:
        """The figures in which the two can differ; none when a side is missing."""
        one, two = self.before, self.after
        if one is None or two is None:
            return []
        return [
            _said("outcome", one.outcome, two.outcome),
            _said("cause named", one.cause or "none", two.cause or "none"),
            _said("questions", "{} of {}".format(*one.score), "{} of {}".format(*two.score)),
            _measured("to the proof", one.proof_s, two.proof_s, duration, NOISE_S),
            _measured("PSS a worker", one.pss_bytes, two.pss_bytes, size, NOISE_BYTES),
        ]

    @property
    def differences(self) -> list[Cell]:
        """The cells that a reader should look at."""
        return [cell for cell in self.cells if cell.differs]


@dataclass(frozen=True)
class ClaimPair:
    """One claim on both sides."""

    id: str
    claim: str
    before: ClaimVerdict | None
    after: ClaimVerdict | None

    @property
    def differs(self) -> bool:
        """Whether the verdicts differ, where both sides have one."""
        if self.before is None or self.after is None:
            return False
        return self.before.verdict is not self.after.verdict


@dataclass(frozen=True)
class Pairing:
    """Everything that two sets of results have to say to each other."""

    names: tuple[str, str]
    sides: tuple[Contrast, Contrast]
    """Each side's answer, from the faults that both have."""
    pairs: tuple[Pair, ...]
    claims: tuple[ClaimPair, ...]

    @property
    def shared(self) -> list[Pair]:
        """The faults that both sides have."""
        return [pair for pair in self.pairs if pair.before and pair.after]

    @property
    def changed(self) -> list[Pair]:
        """The faults with a difference."""
        return [pair for pair in self.pairs if pair.differences]

    @property
    def alike(self) -> list[Pair]:
        """The faults that both sides have, without a difference."""
        return [pair for pair in self.shared if not pair.differences]

    @property
    def only(self) -> tuple[list[Pair], list[Pair]]:
        """The faults that only one side has: (before, after)."""
        return (
            [pair for pair in self.pairs if pair.after is None],
            [pair for pair in self.pairs if pair.before is None],
        )

    @property
    def only_words(self) -> tuple[str, str]:
        """The same in words, each scenario once: ``deadlock processes (fork), threads; ...``."""
        before, after = (_in_words(pair.key for pair in pairs) for pairs in self.only)
        return before, after


def pair(before: ResultSet, after: ResultSet, page: Path) -> Pairing:
    """Return the two sets beside each other; ``page`` is the directory of the page, for links.

    A variant is compared with the same variant: which interpreter it ran on may be the difference.
    """
    sides = contrast(before, page), contrast(after, page)
    one, two = (_rows(side) for side in sides)
    keys = sorted(one.keys() | two.keys())
    shared = [row for rows in (one, two) for key, row in rows.items() if key in one and key in two]
    return Pairing(
        names=(before.name, after.name),
        sides=(within(sides[0], shared.__contains__), within(sides[1], shared.__contains__)),
        pairs=tuple(Pair(key, one.get(key), two.get(key)) for key in keys),
        claims=tuple(_claims(before, after)),
    )


def _rows(side: Contrast) -> dict[Key, Row]:
    """Return the rows by key, the first interpreter's where a run has several."""
    found: dict[Key, Row] = {}
    for fault in side.faults:
        for row in fault.rows:
            found.setdefault((row.scenario, row.side.variant.label), row)
    return found


def _in_words(keys: Iterable[Key]) -> str:
    variants: dict[str, list[str]] = {}
    for scenario, variant in keys:
        variants.setdefault(scenario, []).append(variant)
    return "; ".join(f"{scenario} {', '.join(each)}" for scenario, each in variants.items())


def _claims(before: ResultSet, after: ResultSet) -> Iterable[ClaimPair]:
    one, two = (
        {claim.id: claim for claim in (results.claims.claims if results.claims else ())}
        for results in (before, after)
    )
    for id_ in dict.fromkeys([*one, *two]):
        first, second = one.get(id_), two.get(id_)
        known = first or second
        assert known is not None
        yield ClaimPair(id_, known.claim, first, second)


def _said(name: str, one: str, two: str) -> Cell:
    return Cell(name, one, two, differs=one != two)


def _measured(
    name: str,
    one: float | None,
    two: float | None,
    words: Callable[[float | None], str],
    noise: float,
) -> Cell:
    if one is None or two is None:
        return Cell(name, words(one), words(two), differs=one is not two)
    ratio = two / one if one > 0 and two > 0 else None
    apart = abs(two - one) > noise and not (ratio and 1 / UNEQUAL <= ratio <= UNEQUAL)
    return Cell(name, words(one), words(two), apart, ratio)


def figure_words(figure: Figure) -> str:
    """Return a figure with its spread: ``speed-up 1.9 (1.8 to 2.0, 5 samples)``."""
    value = quantity(figure.median, figure.unit)
    if figure.samples < 2:
        return f"{figure.name}: {value}"
    low, high = quantity(figure.low, figure.unit), quantity(figure.high, figure.unit)
    return f"{figure.name}: {value} ({low} to {high}, {figure.samples} samples)"
