"""The page of a watched command that hangs: the same graph, source and evidence as a run's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from lab.model import Diagnosis, Dump, Edge, Evidence, ProcessInfo, Snapshot, ThreadWait
from lab.report import order
from lab.report.graph_svg import draw_graph, grades
from lab.report.html import environment, stylesheet
from lab.report.shown import MOST_DRAWN, MOST_ROWS, MOST_TOLD, Shown, condense, cut
from lab.report.sources import Excerpt, StackView, excerpts, stacks
from lab.report.watched import TITLES, failures, reason
from lab.watch.folder import name_of
from lab.watch.looking import ASKED, Trouble


@dataclass(frozen=True)
class Column:
    """What the templates of a run's page ask of a variant: here there is one, the tree."""

    snapshot: Snapshot
    slug: str = "tree"
    label: str = "The process tree"


@dataclass(frozen=True)
class Found:
    """What they ask of a trial."""

    diagnosis: Diagnosis


@dataclass(frozen=True)
class Panel:
    """What they ask of a panel; see :class:`lab.report.view.Panel`."""

    column: Column
    trial: Found
    graph: Markup | None
    grades: list[tuple[Evidence, str, str, Markup]]
    drawn_left_out: int
    edges: Shown[Edge]
    story: Shown[str]
    tags: dict[str, str]
    labels: dict[str, str]
    excerpts: list[Excerpt]
    stacks: Shown[StackView]
    waits: Shown[ThreadWait]


@dataclass(frozen=True)
class Page:
    """The whole page."""

    name: str
    title: str
    tone: str
    reason: str
    command: tuple[str, ...]
    after_s: float
    dump: Dump
    panels: tuple[Panel, ...]
    processes: Shown[tuple[ProcessInfo, str]]
    paused_s: float
    assumptions: tuple[str, ...]


def render(trouble: Trouble) -> str:
    """Return the page of a trouble that has a dump and a snapshot."""
    template: Any = environment().get_template("watched.html.j2")
    page: str = template.render(page=page_of(trouble), style=stylesheet())
    return page.encode("utf-8", "backslashreplace").decode()


def page_of(trouble: Trouble) -> Page:
    """Return everything that the page shows."""
    dump, snapshot = trouble.dump, trouble.snapshot
    assert dump is not None
    assert snapshot is not None
    failed = failures(dump)
    return Page(
        name=name_of(trouble.command),
        title=TITLES[trouble.kind],
        tone="skipped" if trouble.kind == ASKED else "failed",
        reason=reason(trouble),
        command=trouble.command,
        after_s=trouble.after_s,
        dump=dump,
        panels=(_panel(dump, snapshot),),
        processes=cut([(each, failed.get(each.pid, "")) for each in dump.processes], MOST_ROWS),
        paused_s=max((each.paused_s or 0.0 for each in dump.captures), default=0.0),
        assumptions=dump.proof.assumptions if dump.proof else (),
    )


def _panel(dump: Dump, snapshot: Snapshot) -> Panel:
    diagnosis = dump.diagnosis
    small = condense(diagnosis, MOST_DRAWN) if diagnosis.edges else None
    title = "Wait-for graph of the process tree"
    waits = [moment.wait for moment in dump.threads if moment.wait is not None]
    return Panel(
        column=Column(snapshot),
        trial=Found(diagnosis),
        graph=draw_graph(small, "drawn-graph-tree", title) if small else None,
        grades=grades(diagnosis) if small else [],
        drawn_left_out=len(diagnosis.edges) - len(small.edges) if small else 0,
        edges=cut(order.edges(diagnosis), MOST_ROWS),
        story=cut(order.story(diagnosis), MOST_TOLD),
        tags=order.tags_of(diagnosis),
        labels=order.labels_of(diagnosis),
        excerpts=excerpts(diagnosis, snapshot.sources),
        stacks=cut(stacks(snapshot, diagnosis), MOST_ROWS),
        waits=cut(waits, MOST_ROWS),
    )
