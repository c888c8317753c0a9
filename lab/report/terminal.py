"""The compact result on the terminal: the variants side by side, the waits in words, the way on.

Nothing that comes from a run is read as markup: file names and messages may hold brackets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lab.model import (
    CaptureReport,
    CaptureStatus,
    Diagnosis,
    Edge,
    Hunted,
    RunHeader,
    RunRecord,
    VerdictKind,
)
from lab.report.columns import Column, columns_of
from lab.report.figures import (
    added,
    cause_words,
    fault_words,
    heap_words,
    observed_rows,
    outcome_words,
    proof_spread,
    score_words,
    stop_words,
    survivors_words,
)
from lab.report.order import edges
from lab.report.race import facts
from lab.report.words import (
    CAPTURES,
    EVIDENCE,
    NO_HOLDERS,
    UNMEASURED,
    VERDICTS,
    counted,
    depends,
    duration,
    place,
    proof_words,
    sentence,
    shorten,
    visible,
)

MOST_WAITS = 12
LAST_WORDS = 160
"""Characters of what a program that ended badly said last."""

type _Line = tuple[int, Text]
"""(indent, text)."""

_STYLES = {
    VerdictKind.AS_EXPECTED: "bold green",
    VerdictKind.DEVIATED: "bold red",
    VerdictKind.INCONCLUSIVE: "bold yellow",
}
_SIGNS = {
    VerdictKind.AS_EXPECTED: "✓",
    VerdictKind.DEVIATED: "✗",
    VerdictKind.INCONCLUSIVE: "?",
}


def print_summary(record: RunRecord, console: Console, report: Path | None) -> None:
    """Print the result of a run, finished or not; ``report`` is where the page is, if anywhere."""
    columns = columns_of(record)
    console.print(_heading(record))
    console.print(_side_by_side(columns))
    for label, lines in _grouped(columns):
        console.print(Text(f"\n{label}", style="bold"))
        _print_lines(lines, console)
    if record.result is not None and record.result.hunted is not None:
        console.print(Text("\nThe same fault as a test of threads, hunted", style="bold"))
        _print_lines(list(_hunted(record.result.hunted)), console)
    console.print(_way_on(record, report), soft_wrap=True)


def _print_lines(lines: Sequence[_Line], console: Console) -> None:
    for indent, line in lines:
        for part in line.wrap(console, console.width - indent):
            part.rstrip()
            console.print(Text.assemble(" " * indent, part))


def _hunted(hunted: Hunted) -> Iterator[_Line]:
    """Yield what hunting the test of a race came to, and the interleaving."""
    for label, words in facts(hunted):
        yield 2, Text.assemble((f"{label.lower():11}", "dim"), visible(words))
    for line in hunted.story:
        yield 4, Text(visible(line), "yellow" if line.startswith("switch") else "")


def _heading(record: RunRecord) -> Text:
    scenario, result = record.header.scenario, record.result
    what = "corrected" if record.header.corrected else "faulty"
    where = _elsewhere(record.header)
    text = Text(f"{visible(scenario.name)} ({what}){visible(where)}: ", style="bold")
    if result is None:
        text.append("unfinished, no verdict", style="bold yellow")
    else:
        text.append_text(_verdict(result.verdict))
        text.append(f"  in {duration(result.elapsed_s)}", style="dim")
    return text


def _elsewhere(header: RunHeader) -> str:
    """Name the one interpreter of the run where it is not the lab's own."""
    used = [each for each in header.interpreters if each.executable != header.machine.executable]
    return f" on {used[0].label}" if len(used) == len(header.interpreters) == 1 else ""


def _verdict(kind: VerdictKind | None) -> Text:
    if kind is None:
        return Text("not finished", style="yellow")
    return Text(f"{_SIGNS[kind]} {VERDICTS[kind].lower()}", style=_STYLES[kind])


def _side_by_side(columns: tuple[Column, ...]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, expand=False)
    table.add_column("", style="dim", no_wrap=True)
    for column in columns:
        table.add_column(Text(column.label), overflow="fold", ratio=1)
    for label, cells in _rows(columns):
        table.add_row(Text(label), *cells)
    return table


def _rows(columns: tuple[Column, ...]) -> Iterator[tuple[str, list[Text]]]:
    """Yield the rows that at least one variant has something to say to."""
    yield "verdict", [_verdicts(column) for column in columns]
    plain = (
        ("outcome", outcome_words),
        ("planted", fault_words),
        ("proved after", proof_spread),
        ("cause", cause_words),
        ("left behind", survivors_words),
        ("memory/worker", _memory_words),
        ("heap peak", heap_words),
        ("captures", _capture_words),
        ("one stopped", stop_words),
        ("questions", score_words),
    )
    for label, words in plain:
        cells = [words(column) for column in columns]
        if set(cells) - {UNMEASURED, ""}:
            yield label, [Text(visible(cell)) for cell in cells]
        if label == "outcome":
            for row in observed_rows(columns):
                yield visible(row.label), [Text(visible(cell)) for cell in row.cells]


def _verdicts(column: Column) -> Text:
    """Return the verdict; of repeats, each verdict with how often it was given."""
    if len(column.trials) < 2:
        return _verdict(column.verdict)
    parts = [
        Text.assemble(_verdict(kind), f": {count} of {len(column.trials)}")
        for kind, count in column.verdicts
    ]
    return Text("\n").join(parts) if parts else _verdict(None)


def _memory_words(column: Column) -> str:
    pss = added(column, lambda footprint: footprint.added_pss_bytes)
    uss = added(column, lambda footprint: footprint.added_uss_bytes)
    return UNMEASURED if {pss, uss} == {UNMEASURED} else f"{pss} PSS, {uss} USS"


def _capture_words(column: Column) -> str:
    captures = _captures(column)
    if not captures:
        return UNMEASURED
    failed = sum(capture.status is CaptureStatus.FAILED for capture in captures)
    took = duration(sum(capture.seconds for capture in captures))
    paused = duration(sum(capture.paused_s or 0.0 for capture in captures))
    words = f"{len(captures)} in {took}, pause {paused}"
    return f"{words}; {failed} failed" if failed else words


def _captures(column: Column) -> tuple[CaptureReport, ...]:
    return column.shown.captures if column.shown else ()


def _grouped(columns: Sequence[Column]) -> Iterator[tuple[str, list[_Line]]]:
    """Yield the lines under the names of all the variants that have the same to say."""
    groups: dict[str, tuple[list[str], list[_Line]]] = {}
    for column in columns:
        lines = list(_waits(column))
        key = "\n".join(line.plain for _, line in lines)
        groups.setdefault(key, ([], lines))[0].append(column.label)
    for labels, lines in groups.values():
        yield "; ".join(labels), lines


def _waits(column: Column) -> Iterator[_Line]:
    """Yield the waits of the shown trial, those of the cycle first, and captures that failed."""
    trial = column.shown
    if trial is None:
        yield 2, Text("no trial of it was finished", style="dim")
        return
    diagnosis = trial.diagnosis
    if diagnosis is None:
        yield 2, Text(visible(sentence(proof_words(trial.outcome))))
        if column.last_words:
            yield 2, Text(f"its last words: {visible(shorten(column.last_words, LAST_WORDS))}")
    else:
        yield from told(diagnosis)
    for capture in _captures(column):
        if capture.status is not CaptureStatus.OK:
            yield 2, _failed(capture)


def told(diagnosis: Diagnosis) -> Iterator[_Line]:
    """Yield who waits for what, held by whom since when, and what is not known; (indent, text)."""
    waits = edges(diagnosis)
    if not waits:
        yield 2, Text(visible(diagnosis.headline))
    for edge in waits[:MOST_WAITS]:
        yield 2, wanted(edge, diagnosis)
        yield 4, held(edge, diagnosis)
    if len(waits) > MOST_WAITS:
        yield 2, Text(f"and {len(waits) - MOST_WAITS} more waits, all of them in the report")
    for unknown in diagnosis.unknowns[:MOST_WAITS]:
        yield 2, Text(f"not known: {visible(unknown)}", style="yellow")


def wanted(edge: Edge, diagnosis: Diagnosis) -> Text:
    """Say who waits where for what."""
    names = {each.id: f"{each.kind} {each.name}" for each in diagnosis.resources}
    text = Text(f"{_label(edge.waiter, diagnosis)} waits at ")
    text.append(visible(place(edge.at)), style="yellow")
    text.append(f" for {visible(names.get(edge.resource, edge.resource))}")
    return text


def held(edge: Edge, diagnosis: Diagnosis) -> Text:
    """Say who holds it since when, or that nobody is known to, with the grade of evidence."""
    if edge.holder is None:
        reason = NO_HOLDERS[edge.no_holder] if edge.no_holder else ""
        text = Text(f"no live holder: {reason}" if reason else "holder unknown")
    else:
        kinds = {each.id: each.kind for each in diagnosis.resources}
        verb = depends(edge, kinds.get(edge.resource, ""))
        text = Text(f"{verb} {_label(edge.holder, diagnosis)}")
    if edge.held_at is not None:
        text.append(" since ")
        text.append(visible(place(edge.held_at)), style="cyan")
    text.append(f" [{EVIDENCE[edge.evidence][0]}]", style="dim")
    return text


def _label(actor: str, diagnosis: Diagnosis) -> str:
    labels = {each.id: each.label for each in diagnosis.actors}
    return visible(labels.get(actor, actor))


def _failed(capture: CaptureReport) -> Text:
    how = CAPTURES[capture.status].lower()
    return Text(f"capture {visible(capture.name)} {how}: {visible(capture.reason)}", "yellow")


def _way_on(record: RunRecord, report: Path | None) -> Text:
    """Return the paths and the command; each on one line of its own, so that it can be copied."""
    text = Text("\n")
    if record.result is None:
        done = counted(len(record.history), "event")
        text.append(f"unfinished  {done} recorded in {visible(record.directory)}\n")
    if report is not None:
        text.append("report  ", style="dim")
        text.append(f"{visible(str(report))}\n")
    text.append("again   ", style="dim")
    text.append(visible(record.header.rerun))
    return text
