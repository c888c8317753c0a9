"""``lab claims``: measures the claims, and prints what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from lab import interpreters, store
from lab.claims.trial import choose, put_on_trial
from lab.cli import consoles
from lab.cli.pages import open_page, write_report
from lab.comparison import ResultSet, newest
from lab.errors import ExitCode
from lab.model import ClaimsResult, ClaimVerdict, ClaimVerdictKind

SIGNS = {
    ClaimVerdictKind.HOLDS: ("✓", "green"),
    ClaimVerdictKind.LIMITED: ("◐", "yellow"),
    ClaimVerdictKind.FAILS: ("✗", "red"),
    ClaimVerdictKind.NOT_MEASURABLE: ("?", "yellow"),
}
SHOWN = 4
"""Figures of a claim that are printed; the page has all of them."""


@dataclass(frozen=True)
class ClaimsOptions:
    """The command line of ``lab claims``, as it was typed."""

    ids: Sequence[str]
    quick: bool
    python: str
    output: Path
    as_json: bool
    open_report: bool


def try_claims(options: ClaimsOptions) -> int:
    """Measure, decide, write the page, print; 4 when a claim could not be measured."""
    ids = choose(options.ids)
    (interpreter,) = interpreters.choose([options.python] if options.python else [])
    with Narrator(consoles.progress()) as narrator:
        result = put_on_trial(
            ids,
            quick=options.quick,
            output=options.output,
            tell=narrator.tell,
            interpreter=interpreter,
        )
        narrator.say("writing the report")
        page = write_pages(result)
    if options.as_json:
        consoles.print_json(result)
    else:
        print_claims(result, consoles.results(), page)
    if options.open_report:
        open_page(page)
    unknown = any(each.verdict is ClaimVerdictKind.NOT_MEASURABLE for each in result.claims)
    return int(ExitCode.INCONCLUSIVE if unknown else ExitCode.EXPECTED)


def write_pages(result: ClaimsResult) -> Path:
    """Write a page for each fault that was tried, and the one on the claims; return the latter."""
    from lab.report.comparison_page import render_contrast

    root = Path(result.directory)
    runs = newest(store.find_runs(root / "runs"))
    for record in runs:
        write_report(record)
    claims, measurements = store.newest_claims(root)
    results = ResultSet(str(root), runs, claims, measurements)
    return store.write_page(root, render_contrast(results, root))


class Narrator(consoles.ChangingLine):
    """Tells what is measured: on a terminal a line that changes, elsewhere a line for each kind."""

    def __init__(self, console: Console) -> None:
        super().__init__(console, "starting")
        self._console = console
        self._kind = ""

    def tell(self, text: str) -> None:
        """Take what is begun: a kind of measurement, and more words about it."""
        self.say(text)
        kind, _, _ = text.partition(" ")
        if kind != self._kind and not self._console.is_terminal:
            self._console.print(f"measuring {kind}", markup=False)
        self._kind = kind


def print_claims(result: ClaimsResult, console: Console, page: Path) -> None:
    """Print the verdicts, each with its reason, its figures and its threshold."""
    machine = result.machine
    gil = "with" if machine.gil else "without"
    where = f"{machine.implementation} {machine.python} {gil} GIL, {machine.cpus} CPU(s)"
    console.print(Text(f"{where}, {machine.system}; {result.elapsed_s:.0f} s\n"))
    for claim in result.claims:
        _print_claim(claim, console)
    evidence = Path(result.directory) / result.claims[0].evidence
    for label, path in (("report  ", page), ("samples ", evidence)):
        console.print(Text.assemble((label, "dim"), str(path)), soft_wrap=True)


def _print_claim(claim: ClaimVerdict, console: Console) -> None:
    from lab.report.pairing import figure_words
    from lab.report.words import sentence

    sign, style = SIGNS[claim.verdict]
    console.print(
        Text.assemble(
            (f"{claim.id}  ", "bold"), claim.claim, "  ", (f"{sign} {claim.verdict}", style)
        )
    )
    console.print(Text(f"    {sentence(claim.reason)}"))
    for figure in claim.figures[:SHOWN]:
        console.print(Text(f"    {'▸' if figure.decides else ' '} {figure_words(figure)}"))
    console.print(Text(f"    {claim.threshold}\n", style="dim"))
