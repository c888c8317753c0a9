"""The ground truth with its markers resolved: what a right outcome and diagnosis must say.

Only the judge reads it. The diagnosis is made from the captures and never sees it.
"""

from __future__ import annotations

import inspect
import linecache
from collections.abc import Mapping
from pathlib import Path

from lab.errors import UsageError, suggest
from lab.markers import find_markers
from lab.model import Expectation, ExpectedWait, SourceLine
from lab.scenario import (
    OutcomeKind,
    ParameterValue,
    Scenario,
    Truth,
    TruthOf,
    Variant,
    Wait,
)


def expect(
    scenario: Scenario,
    source_file: Path,
    parameters: Mapping[str, ParameterValue],
    variant: Variant,
    *,
    corrected: bool = False,
) -> Expectation:
    """Return what a version of ``scenario`` must show with these ``parameters`` in ``variant``.

    Raises :class:`UsageError` when the truth names a marker that the source does not have.
    """
    truth = (
        _truth(scenario.healthy or _ends, parameters, variant)
        if corrected
        else _truth(scenario.truth, parameters, variant)
    )
    markers = find_markers(source_file.read_text(encoding="utf-8"), source_file.name)

    def line(marker: str) -> SourceLine:
        if marker not in markers:
            raise UsageError(
                f"the truth of {scenario.name} names the marker {marker!r}",
                wanted=f"a marker of {source_file.name}: {suggest(marker, markers)}",
            )
        number = markers[marker]
        text = linecache.getline(str(source_file), number).strip()
        return SourceLine(file=str(source_file), line=number, text=text)

    def resolve(wait: Wait) -> ExpectedWait:
        return ExpectedWait(
            waiter=wait.waiter,
            at=line(wait.at) if wait.at else None,
            holder=wait.holder,
            held_at=line(wait.held_at) if wait.held_at else None,
            no_holder=wait.no_holder,
            hidden=wait.hidden,
        )

    return Expectation(
        outcome=truth.outcome,
        cause=truth.cause,
        waits=tuple(resolve(wait) for wait in truth.waits),
        apparent=truth.apparent,
        exit_code=truth.exit_code,
        observed=truth.observed,
    )


def _truth(function: TruthOf, parameters: Mapping[str, ParameterValue], variant: Variant) -> Truth:
    if "variant" in inspect.signature(function).parameters:
        return function(variant=variant, **parameters)
    return function(**parameters)


def _ends(**_: ParameterValue) -> Truth:
    return Truth(OutcomeKind.EXITED)
