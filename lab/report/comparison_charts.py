"""The drawings of the comparison page: questions answered, memory over the number of workers."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from markupsafe import Markup

from lab.model import Measurements
from lab.questions import QUESTIONS
from lab.report.charts import DASHES, PYGAL, chart_options, clean
from lab.report.contrast import Total
from lab.report.words import mebibytes, size

MEMORY_PROGRAM = "memory-per-worker"
CURVES = (
    (
        "PSS of all",
        "PSS of the whole tree, MiB, over the number of workers: what it really occupies",
    ),
    (
        "RSS of all",
        "RSS added up, MiB, over the number of workers: misleads, it counts shared pages again",
    ),
    (
        "USS a worker",
        "USS added by each worker, MiB, over their number: what would be freed without it",
    ),
)

type Curve = list[tuple[int, float]]
"""(workers, bytes), sorted."""


def questions_chart(totals: Sequence[Total], name: str) -> Markup | None:
    """Return bars of how many of the faults each question was answered for, in per cent."""
    if not any(total.score[1] for total in totals):
        return None
    chart = PYGAL.HorizontalBar(
        **chart_options(height=430),
        range=(0, 118),  # room for the numbers
        y_labels=(0, 25, 50, 75, 100),
        print_values=True,
        print_values_position="top",
        formatter=lambda value: f"{value:.0f} %",
        value_formatter=lambda value: f"{value:.0f}",
    )
    # pygal draws horizontal bars from the bottom up: reversed, the first is at the top.
    numbers = range(len(QUESTIONS), 0, -1)
    chart.x_labels = [_short(QUESTIONS[number - 1]) for number in numbers]
    for total in totals:
        chart.add(str(total.kind), [_share(*total.answered(number)) for number in numbers])
    said = "How often each debugging question was answered rightly, in per cent of the faults."
    return clean(chart, name, said)


def _short(question: str) -> str:
    return question if len(question) < 30 else question.partition(",")[0] + "?"


def _share(right: int, asked: int) -> float | None:
    return 100 * right / asked if asked else None


def memory_curves(measured: Measurements | None, figure: str) -> dict[str, Curve]:
    """Return, by variant, the median of ``figure`` for each number of workers it was taken for."""
    found: dict[str, dict[int, list[float]]] = {}
    for series in measured.series if measured else ():
        workers = series.parameters.get("workers")
        mine = series.program == MEMORY_PROGRAM and series.name == figure and not series.corrected
        if mine and isinstance(workers, int) and series.samples:
            label = series.variant.label
            found.setdefault(label, {}).setdefault(workers, []).extend(series.samples)
    return {
        label: sorted((n, statistics.median(samples)) for n, samples in by_workers.items())
        for label, by_workers in found.items()
    }


def memory_chart(curves: dict[str, Curve], name: str, said: str) -> Markup | None:
    """Return a line for each variant over the number of workers; ``None`` without two points."""
    if not any(len(curve) > 1 for curve in curves.values()):
        return None
    chart = PYGAL.XY(
        **chart_options(height=370),
        include_x_axis=True,
        show_dots=True,
        dots_size=3,
        x_value_formatter=lambda value: f"{value:.0f}",
        value_formatter=lambda value: f"{value:.0f}",
        legend_at_bottom_columns=2,
        margin_bottom=8 + 18 * (len(curves) // 2),  # pygal leaves room for one row of the legend
    )
    for index, (label, curve) in enumerate(curves.items()):
        points = [(n, mebibytes(count)) for n, count in curve]
        chart.add(f"{label} ({DASHES[index % len(DASHES)]})", points)
    return clean(chart, name, said)


def memory_table(
    measured: Measurements | None,
) -> tuple[list[int], list[tuple[str, str, list[str]]]]:
    """Return (numbers of workers, rows of (figure, variant, sizes in words)) behind the curves."""
    rows = []
    numbers: set[int] = set()
    for figure, _ in CURVES:
        for label, curve in memory_curves(measured, figure).items():
            numbers |= {n for n, _ in curve}
            rows.append((figure, label, dict(curve)))
    columns = sorted(numbers)
    return columns, [(f, label, [size(curve.get(n)) for n in columns]) for f, label, curve in rows]
