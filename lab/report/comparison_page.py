"""The page of a comparison: threads beside processes, or one set of results beside another.

As self-contained, quiet and script-free as the page of a run; see :mod:`lab.report.html`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

from markupsafe import Markup

from lab.comparison import ResultSet
from lab.model import ClaimVerdictKind, Machine
from lab.questions import QUESTIONS
from lab.report.comparison_charts import (
    CURVES,
    memory_chart,
    memory_curves,
    memory_table,
    questions_chart,
)
from lab.report.contrast import contrast
from lab.report.html import environment, stylesheet
from lab.report.pairing import figure_words, pair

LIMIT_BYTES = 600_000
"""What a page may weigh; see ``tests/unit/report/test_comparison_page.py``."""

TONES = {
    ClaimVerdictKind.HOLDS: "right",
    ClaimVerdictKind.LIMITED: "partly",
    ClaimVerdictKind.FAILS: "wrong",
    ClaimVerdictKind.NOT_MEASURABLE: "unknown",
}
"""The badge of each verdict on a claim."""


def render_contrast(results: ResultSet, page: Path) -> str:
    """Return the page on one set of results; ``page`` is the directory that it will be in."""
    made = contrast(results, page)
    columns, sizes = memory_table(results.measurements)
    curves = [
        (said, memory_chart(memory_curves(results.measurements, figure), f"curve-{number}", said))
        for number, (figure, said) in enumerate(CURVES)
    ]
    return _render(
        "comparison.html.j2",
        results=results,
        contrast=made,
        questions=QUESTIONS,
        asked=questions_chart(made.totals, "chart-questions"),
        curves=[(said, chart) for said, chart in curves if chart],
        memory_columns=columns,
        memory_rows=sizes,
        machines=_machines(results),
        evidence=_evidence(results, page),
    )


def render_pair(before: ResultSet, after: ResultSet, page: Path) -> str:
    """Return the page on two sets of results beside each other."""
    return _render(
        "pair.html.j2",
        pairing=pair(before, after, page),
        machines=(_machines(before), _machines(after)),
    )


def _render(name: str, **values: Any) -> str:
    text = (
        environment()
        .get_template(name)
        .render(
            **values,
            tones=TONES,
            figure_words=figure_words,
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            style=stylesheet() + Markup("\n") + _style(),
        )
    )
    return text.encode("utf-8", "backslashreplace").decode()


def _machines(results: ResultSet) -> list[tuple[str, Machine]]:
    """Return (interpreters that programs were run on, machine), each once."""
    found: dict[str, tuple[Machine, dict[str, None]]] = {}

    def note(machine: Machine, labels: Iterable[str]) -> None:
        found.setdefault(repr(machine), (machine, {}))[1].update(dict.fromkeys(labels))

    for record in results.runs:
        labels = [f"{each.implementation} {each.label}" for each in record.header.interpreters]
        note(record.header.machine, labels)
    if results.claims:
        machine = results.claims.machine
        note(machine, [f"{machine.implementation} {machine.python}"])
    return [(", ".join(labels), machine) for machine, labels in found.values()]


def _evidence(results: ResultSet, page: Path) -> dict[str, str]:
    """Return the way to each claim's file of samples, where it is there."""
    if results.claims is None:
        return {}
    home = Path(results.claims.directory)
    files = {claim.id: home / claim.evidence for claim in results.claims.claims}
    return {
        id_: Path(file.resolve()).relative_to(page.resolve(), walk_up=True).as_posix()
        for id_, file in files.items()
        if file.is_file()
    }


@functools.cache
def _style() -> Markup:
    folder = resources.files("lab.report") / "static"
    return Markup((folder / "comparison.css").read_text(encoding="utf-8"))
