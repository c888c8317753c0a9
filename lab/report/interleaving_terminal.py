"""A hunt's answer on the terminal: the table, one column a thread, and what was explored."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from lab.hunt import HuntResult
from lab.hunts.confirm import Confirmation
from lab.hunts.orders import Reply
from lab.report.interleaving import Row, Table, switches_words, table_of, where_words
from lab.report.interleaving_text import arrival_words
from lab.report.words import counted, visible


def print_hunt(
    reply: Reply, reason: str, command: str, page: Path | None, console: Console
) -> None:
    """Print what a hunt came to; ``reason`` says why it is no answer, empty when it is one."""
    result = reply.result
    assert result is not None
    console.print(_heading(result, reason), soft_wrap=True)
    if result.steps:
        console.print(_rich(table_of(result.steps)))
    together = f"; hunted by {reply.jobs} processes" if reply.jobs > 1 else ""
    facts = [("explored", result.closing_line() + together)]
    if result.found:
        facts = [
            ("switches", switches_words(result)),
            ("can happen", where_words(result)),
            *facts,
            ("replay", command),
        ]
    if page is not None:
        facts.append(("report", str(page)))
    for label, text in facts:
        if text:
            console.print(Text.assemble((f"{label:11}", "dim"), visible(text)), soft_wrap=True)


def print_replay(reply: Reply, console: Console) -> None:
    """Print in how many of its runs a schedule failed, and how."""
    result = reply.result
    assert result is not None
    style = "bold red" if reply.failed else "bold green"
    runs = counted(reply.times, "run")
    console.print(Text(f"failed in {reply.failed} of {runs}: {visible(result.target)}", style))
    if reply.failed:
        console.print(Text(f"{result.kind}: {visible(result.message or '')}"), soft_wrap=True)
    if reply.difference:
        text = f"the code no longer fits the schedule: {visible(reply.difference)}"
        console.print(Text(text, "yellow"), soft_wrap=True)
    if result.steps:
        console.print(_rich(table_of(result.steps)))


def print_confirmation(answer: Confirmation, console: Console) -> None:
    """Print in how many tries on free threads a failure showed, or why it cannot."""
    name = visible(answer.target)
    if answer.impossible:
        console.print(Text.assemble((f"? not confirmed: {name}", "bold yellow")))
        console.print(visible(answer.impossible), markup=False, soft_wrap=True)
        return
    verdict = Text("✗ confirmed", "bold red") if answer.failed else Text("not seen", "bold green")
    tries = counted(answer.times, "try", "tries")
    verdict.append(f": failed in the same way in {answer.failed} of {tries}: {name}", "default")
    console.print(verdict, soft_wrap=True)
    console.print(Text(f"{answer.kind}: {visible(answer.message)}"), soft_wrap=True)
    if answer.otherwise:
        console.print(f"failed in another way in {answer.otherwise}")
    how = "on real threads without the scheduler, with delays at the switches only"
    console.print(Text(f"{how}; {answer.interpreter}", "dim"), soft_wrap=True)


def _heading(result: HuntResult, reason: str) -> Text:
    text = Text(f"{visible(result.target)}: ", "bold")
    if result.found:
        text.append(f"✗ {result.kind}", "bold red")
        text.append(f": {visible(result.message or '')}")
    elif reason:
        text.append("? inconclusive", "bold yellow")
        text.append(f": {visible(reason)}")
    else:
        text.append("nothing found", "bold green")
        text.append(", which is no proof")
    return text


def _rich(table: Table) -> RichTable:
    made = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, expand=False)
    for _, name in table.threads:
        made.add_column(Text(visible(name)), overflow="fold", ratio=1)
    for row in table.rows:
        if row.arrival:
            made.add_row(*_cells(row, table, _arrival(row)))
        made.add_row(*_cells(row, table, _step(row)))
    return made


def _cells(row: Row, table: Table, text: Text) -> list[Text]:
    cells = [Text("") for _ in table.threads]
    cells[table.column(row)] = text
    return cells


def _arrival(row: Row) -> Text:
    if row.preempted:
        return Text(f"▶ switch: {arrival_words(row)}", "bold yellow")
    return Text(f"▷ {arrival_words(row)}", "dim")


def _step(row: Row) -> Text:
    text = Text.assemble((row.place, "dim"), f"  {visible(row.source)}")
    for effect in row.effects:
        text.append(f"\n  {visible(effect)}", "cyan" if row.shared else "dim")
    return text
