"""A failure as plain text, for an exception's message: any runner and any log shows it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from lab.hunt import HuntResult
from lab.report.interleaving import Row, Table, switches_words, table_of, where_words
from lab.report.words import shorten, visible

WIDTH = 110
_NARROWEST, _WIDEST = 22, 48
_MOST_ROWS = 60


def failure_text(result: HuntResult, replay: str, *, kept: bool = False) -> str:
    """Return what broke, the table, where it can happen, what was explored, and how to replay it.

    ``replay`` is the command line that repeats exactly this schedule.
    """
    parts = [_headline(result, kept=kept)]
    if result.steps:
        parts += ["", *table_lines(table_of(result.steps))]
    parts += ["", f"switches: {switches_words(result)}"]
    parts += [f"can happen: {where_words(result)}", f"explored: {result.closing_line()}"]
    if result.schedule:
        parts += [f"schedule: {result.schedule}", f"replay: {replay}"]
    return "\n".join(parts)


def _headline(result: HuntResult, *, kept: bool) -> str:
    found = "again, under a schedule kept from before" if kept else f"model {result.model}"
    return f"{result.target}: {result.kind}: {visible(result.message or '')} ({found})"


def table_lines(table: Table) -> list[str]:
    """Return the table as lines: a column for each thread, a ruled line for each switch."""
    width = max(_NARROWEST, min(_WIDEST, WIDTH // max(len(table.threads), 1) - 3))
    heads = [shorten(f"{name}", width).ljust(width) for _, name in table.threads]
    lines = [" │ ".join(heads).rstrip(), "─┼─".join("─" * width for _ in heads)]
    for row in table.rows[-_MOST_ROWS:]:
        lines += _row_lines(row, table, width)
    return lines


def _row_lines(row: Row, table: Table, width: int) -> Iterator[str]:
    if row.arrival:
        yield f"── {'switch: ' if row.preempted else ''}{arrival_words(row)} ──"
    cells = [f"{row.place}  {visible(row.source)}", *(f"  {visible(each)}" for each in row.effects)]
    column = table.column(row)
    for cell in cells:
        for part in textwrap.wrap(cell, width, subsequent_indent="    ") or [""]:
            boxes = [""] * len(table.threads)
            boxes[column] = part
            yield " │ ".join(box.ljust(width) for box in boxes).rstrip()


def arrival_words(row: Row) -> str:
    """Say why control came to this row's thread, and what the other one had been about to do."""
    where = f" at {row.stopped}" if row.stopped else ""
    return f"{visible(row.arrival)}{visible(where)}"
