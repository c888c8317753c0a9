"""Gathers samples: what was observed in one execution after the other, as series."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from lab import registry
from lab.claims.measure.contained import Step
from lab.model import Missing, Observation, Series
from lab.scenario import ParameterValue

type Key = tuple[str, str, bool, tuple[tuple[str, str], ...]]


@dataclass
class Kept:
    """The samples of one step: names and units in the order of their first appearance."""

    step: Step
    program: str
    parameters: Mapping[str, ParameterValue]
    units: dict[str, str] = field(default_factory=dict)
    values: dict[str, list[float]] = field(default_factory=dict)


class Samples:
    """Collects observations into series, and what could not be measured."""

    def __init__(self) -> None:
        self._kept: dict[Key, Kept] = {}
        self.missing: list[Missing] = []

    def add(self, step: Step, observed: Iterable[Observation]) -> None:
        """Take the figures of one execution of ``step``."""
        kept = self._of(step)
        for figure in observed:
            kept.units.setdefault(figure.name, figure.unit)
            kept.values.setdefault(figure.name, []).append(figure.value)

    def miss(self, step: Step, reason: str) -> None:
        """Record that ``step`` gave no figures."""
        program = self._of(step).program
        self.missing.append(Missing(program=program, variant=step.variant, reason=reason))

    def series(self) -> tuple[Series, ...]:
        """Return everything gathered so far."""
        return tuple(
            Series(
                program=kept.program,
                variant=kept.step.variant,
                corrected=kept.step.corrected,
                parameters=dict(kept.parameters),
                name=name,
                unit=kept.units[name],
                samples=tuple(values),
            )
            for kept in self._kept.values()
            for name, values in kept.values.items()
        )

    def _of(self, step: Step) -> Kept:
        key = (
            step.reference,
            step.variant.slug,
            step.corrected,
            tuple(sorted(step.settings.items())),
        )
        if key not in self._kept:
            scenario = registry.find(step.reference).scenario
            arguments = scenario.arguments(step.settings)
            chosen = {name: arguments[name] for name in step.settings}
            self._kept[key] = Kept(step, scenario.name, chosen)
        return self._kept[key]
