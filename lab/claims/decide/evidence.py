"""What a decision rests on: samples looked up in a record, graded against thresholds, or refused.

A grade is refused, and the claim with it, when the samples say different things and spread too far,
or when other programs took the CPUs that were to be measured.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from lab.claims.terms import BUSY, OTHERS, team
from lab.model import ClaimVerdictKind, Figure, Measurements, Series
from lab.scenario import ParameterValue, Variant

HOLDS, LIMITED, FAILS = (
    ClaimVerdictKind.HOLDS,
    ClaimVerdictKind.LIMITED,
    ClaimVerdictKind.FAILS,
)
RANK = {FAILS: 0, LIMITED: 1, HOLDS: 2}

NOISE = 0.5
"""Of samples on both sides of a threshold: the greatest range, as a share of their median, from
which the median may still decide."""

type Samples = tuple[float, ...]


class Unmeasured(Exception):  # noqa: N818 - an answer, and no error
    """The record does not allow a verdict; the message says why, ``figures`` show it."""

    def __init__(self, reason: str, *figures: Figure) -> None:
        self.figures = figures
        super().__init__(reason)


@dataclass(frozen=True)
class Conclusion:
    """What follows for one claim."""

    kind: ClaimVerdictKind
    reason: str
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """The record, by what a decision asks of it."""

    record: Measurements

    @property
    def cpus(self) -> int:
        """How many CPUs the programs could use."""
        return self.record.machine.cpus

    @property
    def team(self) -> int:
        """How many workers computed at once."""
        return team(self.cpus)

    def samples(
        self,
        program: str,
        name: str,
        variant: Variant,
        *,
        corrected: bool = False,
        quiet: bool = False,
        **parameters: ParameterValue,
    ) -> Samples:
        """Return the samples of a figure; with ``quiet`` those taken while the CPUs were free.

        Raises :class:`Unmeasured` when there are none.
        """
        found = self._find(program, name, variant, corrected, parameters)
        if found is None or not found.samples:
            raise Unmeasured(self._why_missing(program, name, variant))
        if not quiet:
            return found.samples
        others = self._find(program, OTHERS, variant, corrected, parameters)
        used = others.samples if others else (0.0,) * len(found.samples)
        limit = BUSY * self.cpus
        kept = tuple(v for v, busy in zip(found.samples, used, strict=False) if busy <= limit)
        if len(kept) < min(2, len(found.samples)):
            raise Unmeasured(
                f"other programs used {statistics.median(used):.1f} of {self.cpus} CPUs while "
                f"{program} ran ({variant.label}); the limit is {limit:g}",
                figure(f"{name}, {variant.label}, meanwhile", found.samples, found.unit),
                figure("CPUs that other programs used", used, decides=True),
            )
        return kept

    def some(
        self,
        program: str,
        name: str,
        variant: Variant,
        *,
        corrected: bool = False,
        **parameters: ParameterValue,
    ) -> Samples:
        """Return the samples of a figure that explains and does not decide; none if it has none."""
        found = self._find(program, name, variant, corrected, parameters)
        return found.samples if found else ()

    def largest(self, program: str, parameter: str) -> ParameterValue:
        """Return the greatest value of ``parameter`` with which ``program`` was measured."""
        values = [s.parameters[parameter] for s in self.record.series if s.program == program]
        if not values:
            raise Unmeasured(f"{program} was not measured")
        return max(values)

    def _find(
        self,
        program: str,
        name: str,
        variant: Variant,
        corrected: bool,
        parameters: dict[str, ParameterValue],
    ) -> Series | None:
        for series in self.record.series:
            if (series.program, series.name, series.variant, series.corrected) == (
                program,
                name,
                variant,
                corrected,
            ) and parameters.items() <= series.parameters.items():
                return series
        return None

    def _why_missing(self, program: str, name: str, variant: Variant) -> str:
        reasons = [
            each.reason
            for each in self.record.missing
            if (each.program, each.variant) == (program, variant)
        ]
        return reasons[0] if reasons else f"{program} ({variant.label}) reported no {name}"


def figure(name: str, samples: Sequence[float], unit: str = "", *, decides: bool = False) -> Figure:
    """Return the median and the range of ``samples``, of which there is at least one."""
    return Figure(
        name=name,
        median=statistics.median(samples),
        low=min(samples),
        high=max(samples),
        unit=unit,
        samples=len(samples),
        decides=decides,
    )


def ratios(above: Samples, below: Samples, least: float = 1e-12) -> Samples:
    """Return the ratios of samples of the same rounds; ``below`` counts as ``least`` at least."""
    return tuple(a / max(b, least) for a, b in zip(above, below, strict=False))


def grade(samples: Samples, *, holds: float, limited: float) -> ClaimVerdictKind:
    """Return what the median says: it holds from ``holds`` up, with a limit from ``limited`` up.

    Raises :class:`Unmeasured` when the samples do not agree and spread over more than
    :data:`NOISE` of their median.
    """

    def of(value: float) -> ClaimVerdictKind:
        return HOLDS if value >= holds else LIMITED if value >= limited else FAILS

    median = statistics.median(samples)
    spread = (max(samples) - min(samples)) / abs(median) if median else 0.0
    if len({of(value) for value in samples}) > 1 and spread > NOISE:
        raise Unmeasured(
            f"too noisy: samples from {min(samples):.3g} to {max(samples):.3g} lie on both sides "
            f"of a threshold, and spread by {spread:.0%} of their median; the limit is {NOISE:.0%}",
            figure("what is too noisy", samples, decides=True),
        )
    return of(median)


def at_most(kind: ClaimVerdictKind, limit: ClaimVerdictKind) -> ClaimVerdictKind:
    """Return the weaker of two verdicts."""
    return min(kind, limit, key=lambda each: RANK[each])


def median(samples: Samples) -> float:
    """Return the median."""
    return statistics.median(samples)


def ms(seconds: float) -> str:
    """Return a time in words."""
    return f"{seconds * 1e3:.3g} ms"


def size_of(size: float) -> str:
    """Return a number of bytes in words."""
    return f"{size / (1 << 20):.3g} MiB" if size >= 1 << 19 else f"{size / 1024:.3g} KiB"
