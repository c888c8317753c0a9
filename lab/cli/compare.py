"""``lab compare``: results beside each other, as a page and in a few lines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lab import store
from lab.cli import consoles
from lab.cli.pages import open_page
from lab.comparison import ResultSet, gather
from lab.errors import ExitCode, UsageError
from lab.report.contrast import Contrast, contrast
from lab.report.pairing import Pairing, pair
from lab.report.words import visible


def compare(places: Sequence[Path], *, output: Path, as_json: bool, open_report: bool) -> int:
    """Compare the results in ``output``, in one place, or in two; write the page."""
    if len(places) > 2:
        raise UsageError(f"{len(places)} sets of results", wanted="at most two to compare")
    sets = [gather(place) for place in places or [output]]
    page = write_page(sets, output)
    if as_json:
        consoles.print_json(_document(sets, page))
    elif len(sets) == 2:
        print_pairing(pair(sets[0], sets[1], page.parent), consoles.results(), page)
    else:
        print_contrast(contrast(sets[0], page.parent), consoles.results(), page)
    if open_report:
        open_page(page)
    return int(ExitCode.EXPECTED)


def write_page(sets: Sequence[ResultSet], output: Path) -> Path:
    """Write the page on one set of results or on two, and return where it is."""
    from lab.report.comparison_page import render_contrast, render_pair

    folder = store.comparison_directory(output)
    if len(sets) == 2:
        return store.write_page(folder, render_pair(sets[0], sets[1], folder))
    return store.write_page(folder, render_contrast(sets[0], folder))


def _document(sets: Sequence[ResultSet], page: Path) -> dict[str, object]:
    made = [contrast(each, page.parent) for each in sets]
    return {
        "report": str(page),
        "sets": [
            {"name": results.name, "headlines": each.headlines, "faults": each.faults}
            for results, each in zip(sets, made, strict=True)
        ],
        "claims": [results.claims for results in sets],
    }


def print_contrast(made: Contrast, console: Console, page: Path) -> None:
    """Print the answer in sentences, and where the page is."""
    for line in made.headlines:
        console.print(Text(line))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("question", *(str(total.kind) for total in made.totals)):
        table.add_column(heading)
    from lab.questions import QUESTIONS

    for number, question in enumerate(QUESTIONS, 1):
        cells = [total.answered(number) for total in made.totals]
        if any(asked for _, asked in cells):
            table.add_row(question, *(f"{right} of {asked}" for right, asked in cells))
    if table.rows:
        console.print()
        console.print(table)
    console.print(Text.assemble("\n", ("report  ", "dim"), visible(str(page))), soft_wrap=True)


def print_pairing(made: Pairing, console: Console, page: Path) -> None:
    """Print what differs between two sets of results."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("fault", "variant", "measure", "A", "B"):
        table.add_column(heading)
    for each in made.changed:
        for cell in each.differences:
            table.add_row(*map(visible, (*each.key, cell.name, cell.before, cell.after)))
    for claim in made.claims:
        if claim.differs and claim.before and claim.after:
            table.add_row("claim", claim.id, "verdict", claim.before.verdict, claim.after.verdict)
    console.print(Text(f"A: {visible(made.names[0])}\nB: {visible(made.names[1])}\n"))
    alike = "No difference beyond noise." if made.shared else "They have no fault in common."
    console.print(table if table.rows else alike)
    for letter, only in zip("AB", made.only_words, strict=True):
        if only:
            console.print(Text(visible(f"only in {letter}: {only}")))
    console.print(Text.assemble("\n", ("report  ", "dim"), visible(str(page))), soft_wrap=True)
