"""What the page's templates are given: the records, and everything that takes more than a lookup.

Every part is worked out here and not in a template, so that it can be tested as a value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from lab.model import (
    CaptureReport,
    CaptureStatus,
    Check,
    Edge,
    Evidence,
    FootprintSample,
    Hunted,
    RunRecord,
    ThreadWait,
    Trial,
)
from lab.report import order, race
from lab.report.charts import added_chart, over_time_chart
from lab.report.columns import Column, columns_of
from lab.report.figures import Figure, figures, key_figures
from lab.report.files import File, describe, run_files, trial_files
from lab.report.graph_svg import draw_graph, grades
from lab.report.memory import sweeps
from lab.report.scale import Scale
from lab.report.shown import MOST_DRAWN, MOST_ROWS, MOST_TOLD, Shown, condense, cut, cut_checks
from lab.report.sources import Excerpt, StackView, excerpts, sources_of, stacks
from lab.report.timeline import Timeline, timeline
from lab.report.timeline_svg import draw_timeline, page_scale
from lab.report.words import duration, truth_words
from lab.store import HUNT, REPORT


@dataclass(frozen=True)
class Panel:
    """One variant's part of every section."""

    column: Column
    keys: list[tuple[str, str]]
    """The figures that stand out: (value, meaning)."""
    graph: Markup | None
    grades: list[tuple[Evidence, str, str, Markup]]
    drawn_left_out: int
    """How many waits the drawing leaves out."""
    edges: Shown[Edge]
    story: Shown[str]
    tags: dict[str, str]
    """The letter of each resource, by its id."""
    labels: dict[str, str]
    """The name of each actor, by its id."""
    timeline: Timeline
    lanes_left_out: int
    timeline_drawing: Markup | None
    excerpts: list[Excerpt]
    stacks: Shown[StackView]
    checks: Shown[Check]
    captures: Shown[CaptureReport]
    waits: Shown[ThreadWait]
    """The kernel's evidence: what each thread was blocked in."""
    files: Shown[File]
    at_peak: list[FootprintSample]
    """Every process, in the sweep in which the tree's PSS was highest."""
    largest: Shown[FootprintSample]
    """Those of them that hold most."""

    @property
    def trial(self) -> Trial | None:
        """The trial that is shown whole."""
        return self.column.shown


@dataclass(frozen=True)
class Page:
    """The whole page."""

    record: RunRecord
    panels: tuple[Panel, ...]
    figures: list[Figure]
    unfinished: str
    """How far an unfinished run came; empty when it finished."""
    added: Markup | None
    over_time: Markup | None
    files: list[File]
    truths: list[tuple[str, str]]
    """(variants, in words): the ground truth, once for all the variants that share it."""
    interleaving: File
    """The page of the hunt, of a race."""

    @property
    def hunted(self) -> Hunted | None:
        """What became of the scenario's test when it was hunted."""
        return self.record.result.hunted if self.record.result else None

    @property
    def race(self) -> list[tuple[str, str]]:
        """(label, words) of the hunt."""
        return race.facts(self.hunted) if self.hunted else []

    @property
    def repeated(self) -> bool:
        """Whether a variant was run more than once."""
        return any(len(panel.column.trials) > 1 for panel in self.panels)


def page_of(record: RunRecord) -> Page:
    """Return everything that the page shows of a run."""
    columns = columns_of(record)
    most = MOST_ROWS // max(1, len(columns))
    timelines = [timeline(column) for column in columns]
    scale = page_scale(timelines)
    pairs = zip(columns, timelines, strict=True)
    return Page(
        record=record,
        panels=tuple(_panel(record, column, shown, scale, most) for column, shown in pairs),
        figures=figures(columns),
        unfinished=_how_far(record),
        added=added_chart(columns, "chart-added"),
        over_time=over_time_chart(columns, "chart-over-time"),
        files=run_files(record),
        truths=_truths(record),
        interleaving=describe(record, f"{HUNT}/{REPORT}"),
    )


def _truths(record: RunRecord) -> list[tuple[str, str]]:
    found: dict[str, list[str]] = {}
    names = {variant.slug: variant.label for variant in record.header.variants}
    for slug, truth in record.header.expectations.items():
        found.setdefault(truth_words(truth), []).append(names.get(slug, slug))
    return [(", ".join(labels), words) for words, labels in found.items()]


def _panel(record: RunRecord, column: Column, shown: Timeline, scale: Scale, most: int) -> Panel:
    trial, slug = column.shown, column.slug
    diagnosis = trial.diagnosis if trial else None
    drawn = diagnosis if diagnosis and (diagnosis.actors or diagnosis.edges) else None
    small = condense(drawn, min(most, MOST_DRAWN)) if drawn else None
    title = f"Wait-for graph, {column.label}"
    at_peak = _at_peak(column)
    lanes = cut(shown.lanes, most)
    return Panel(
        column=column,
        keys=key_figures(column),
        graph=draw_graph(small, f"drawn-graph-{slug}", title) if small else None,
        grades=grades(drawn) if drawn else [],
        drawn_left_out=len(drawn.edges) - len(small.edges) if drawn and small else 0,
        edges=cut(order.edges(drawn) if drawn else [], most),
        story=cut(order.story(diagnosis) if diagnosis else [], MOST_TOLD),
        tags=order.tags_of(drawn) if drawn else {},
        labels=order.labels_of(drawn) if drawn else {},
        timeline=shown,
        lanes_left_out=lanes.left_out,
        timeline_drawing=_drawing(replace(shown, lanes=lanes.rows), scale, column),
        excerpts=excerpts(diagnosis, sources_of(column.snapshot, record.header.scenario)),
        stacks=cut(stacks(column.snapshot, diagnosis), most),
        checks=cut_checks(trial.verdict.checks if trial and trial.verdict else (), most),
        captures=cut(_captures(column), most),
        waits=cut(_waits(trial), most),
        files=cut(trial_files(record, [trial, *column.heap_trials]), 2 * most),
        at_peak=at_peak,
        largest=cut(sorted(at_peak, key=lambda each: -(each.pss_bytes or 0)), most),
    )


def _drawing(shown: Timeline, scale: Scale, column: Column) -> Markup | None:
    if not shown.lanes and not shown.moments:
        return None
    return draw_timeline(shown, scale, f"drawn-timeline-{column.slug}", f"Timeline, {column.label}")


def _waits(trial: Trial | None) -> tuple[ThreadWait, ...]:
    if trial is None:
        return ()
    return trial.outcome.proof.threads if trial.outcome.proof else trial.outcome.last_waits


def _captures(column: Column) -> list[CaptureReport]:
    """Return what was captured of the shown trial and for the heap, what failed first."""
    trials = [*filter(None, [column.shown]), *column.heap_trials]
    found = [capture for trial in trials for capture in trial.captures]
    return sorted(found, key=lambda capture: capture.status is not CaptureStatus.FAILED)


def _at_peak(column: Column) -> list[FootprintSample]:
    groups = sweeps(column.footprint.samples) if column.footprint else []
    return max(groups, key=_total_pss, default=[])


def _total_pss(samples: Sequence[FootprintSample]) -> int:
    return sum(sample.pss_bytes or 0 for sample in samples)


def _how_far(record: RunRecord) -> str:
    """Say what the last thing was that an unfinished run wrote down."""
    if record.result is not None:
        return ""
    if not record.history:
        return "It wrote its plan, and then nothing: it was ended before the first trial began."
    last = record.history[-1]
    where = f" of trial {last.trial}" if last.trial else ""
    what = last.detail.get("state", last.kind)
    return f"Its last event is “{what}”{where}, {duration(last.at_s)} after it began."
