"""A dump on the terminal: the root cause, then all threads, grouped by what they wait for.

Nothing that comes from the target is read as markup.
"""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lab.model import CaptureStatus, Dump, Edge, Evidence, ThreadMoment
from lab.report.words import duration, place

STATES = {
    "deadlocked": "deadlocked, proved: nothing in it can ever run again",
    "quiet": "nothing ran while it was watched, but something could wake it",
    "running": "running",
}


def print_dump(dump: Dump, console: Console) -> None:
    """Print ``dump``: what is wrong, who waits for what held by whom, and what looking cost."""
    console.print(Text(f"process {dump.pid}: {STATES[dump.state]}", style="bold"))
    console.print(Text(dump.diagnosis.headline))
    console.print()
    console.print(_table(dump))
    for unknown in dump.diagnosis.unknowns:
        console.print(Text(f"unknown: {unknown}"))
    for capture in dump.captures:
        if capture.status is CaptureStatus.FAILED:
            console.print(Text(f"{capture.name} failed: {capture.reason}"))
    console.print(Text(_price(dump), style="dim"))


def _price(dump: Dump) -> str:
    paused = max((capture.paused_s or 0.0 for capture in dump.captures), default=0.0)
    looks = f"{dump.looks} looks, {dump.interval_s:g} s apart" if dump.looks > 1 else "1 look"
    stopped = f"each process paused for at most {duration(paused)}" if paused else "nothing paused"
    processes = _count(len(dump.processes), "process", "processes")
    tasks = sum(1 for moment in dump.threads if moment.tid == 0)
    threads = _count(len(dump.threads) - tasks, "thread", "threads")
    suspended = f", {_count(tasks, 'suspended task', 'suspended tasks')}" if tasks else ""
    return f"{processes}, {threads}{suspended}; {looks}; {stopped}"


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _table(dump: Dump) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("thread", no_wrap=True)
    table.add_column("at", no_wrap=True)
    table.add_column("waits for", overflow="fold")
    table.add_column("held by", overflow="fold")
    if dump.looks > 1:
        table.add_column("motion", no_wrap=True)
    versions = _versions(dump)
    edges: dict[str, Edge] = {edge.waiter: edge for edge in dump.diagnosis.edges}
    for moment in _grouped(dump.threads, edges):
        cells = [
            _who(moment, versions.get(moment.pid, "")),
            _where(moment),
            *_waiting(dump, moment, edges.get(moment.actor)),
        ]
        if dump.looks > 1:
            cells.append(Text(str(moment.motion) or "unknown"))
        table.add_row(*cells)
    return table


def _grouped(threads: Iterable[ThreadMoment], edges: dict[str, Edge]) -> list[ThreadMoment]:
    """Put those who wait for the same thing together, and those who wait for nothing last."""

    def order(moment: ThreadMoment) -> tuple[bool, str, int, int]:
        edge = edges.get(moment.actor)
        return (edge is None, edge.resource if edge else "", moment.pid, moment.tid)

    return sorted(threads, key=order)


def _who(moment: ThreadMoment, version: str) -> Text:
    return Text.assemble(moment.label, "\n", (f"{moment.actor} {version}".strip(), "dim"))


def _versions(dump: Dump) -> dict[int, str]:
    """Return the Python of each process, by pid, where there are several in the tree."""
    found = {process.pid: process.python for process in dump.processes if process.python}
    return {p: f"Python {v}" for p, v in found.items()} if len(set(found.values())) > 1 else {}


def _where(moment: ThreadMoment) -> Text:
    if moment.at is None:
        return Text("")
    return Text.assemble(place(moment.at), "\n", (moment.at.function, "dim"))


def _waiting(dump: Dump, moment: ThreadMoment, edge: Edge | None) -> list[Text]:
    if edge is None:
        wait = moment.wait
        absent = "suspended" if moment.tid == 0 else "gone"
        kernel = f"{wait.syscall or wait.state}: {wait.because}" if wait else absent
        return [Text(kernel, style="dim"), Text("")]
    thing = next(r for r in dump.diagnosis.resources if r.id == edge.resource)
    labels = {actor.id: actor.label for actor in dump.diagnosis.actors}
    if edge.holder is None and edge.no_holder is None:
        known = "" if edge.evidence is Evidence.CONFIRMED else "unknown\n"
        style = "" if edge.evidence is Evidence.CONFIRMED else "dim"
        held = Text.assemble(known, (edge.because, style))
        return [Text(f"{thing.kind}\n{thing.name}".strip()), held]
    holder = labels.get(edge.holder or "", "") or str(edge.no_holder)
    since = f"since {place(edge.held_at)}\n" if edge.held_at is not None else ""
    evidence = str(edge.evidence).replace("-", " ")
    held = Text.assemble(holder, "\n", since, (f"({evidence})", "dim"))
    return [Text(f"{thing.kind}\n{thing.name}".strip()), held]
