"""``lab run --tag`` and ``--all``: many scenarios in turn, a line for each, and one table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from lab import registry, runner
from lab.cli import consoles
from lab.cli.compare import write_page
from lab.cli.pages import write_report
from lab.comparison import of_runs
from lab.errors import ExitCode, UsageError, suggest
from lab.judge import overall
from lab.model import Event, RunRecord, VerdictKind
from lab.scenario import Scenario, Workers

if TYPE_CHECKING:
    from lab.cli.run import RunOptions


def choose(tags: Sequence[str], *, everything: bool) -> list[str]:
    """Return the names of the scenarios that have one of ``tags``, or of all of them.

    Raises :class:`UsageError` for a tag that no scenario has, and for a plug-in that is broken:
    what was asked for could not be run in full.
    """
    listed = registry.installed()
    for entry in listed:
        if entry.error:
            raise UsageError(f"scenario {entry.name}: {entry.error}", next_step="lab list")
    scenarios = [entry.found.scenario for entry in listed if entry.found]
    known = sorted({tag for scenario in scenarios for tag in scenario.tags})
    for tag in tags:
        if tag not in known:
            raise UsageError(f"no scenario has the tag {tag!r}", wanted=suggest(tag, known))
    return [s.name for s in scenarios if everything or set(tags) & set(s.tags)]


def run_many(names: Sequence[str], options: RunOptions) -> int:
    """Run the scenarios in turn, print the table, and return the exit code of the worst."""
    from lab.cli.run import EXIT_CODES, make_request

    progress = consoles.progress()
    records: list[RunRecord] = []
    for number, name in enumerate(names, 1):
        where = f"[{number}/{len(names)}] {name}"
        fitting = _fitting(registry.find(name).scenario, replace(options, reference=name))
        if fitting is None:
            progress.print(f"{where}: the fault does not exist in this variant", markup=False)
            continue
        record = runner.run(make_request(fitting), _ignore)
        page = write_report(record)
        records.append(record)
        assert record.result is not None
        words = record.result.verdict.replace("-", " ")
        line = f"{where}: {words} ({record.result.elapsed_s:.1f} s) {page}"
        progress.print(line, markup=False, soft_wrap=True)
    if not records:
        return int(ExitCode.INCONCLUSIVE)
    page = write_page([of_runs("this run of many", records, options.output)], options.output)
    _print(records, page, as_json=options.as_json)
    return int(EXIT_CODES[overall(r.result.verdict for r in records if r.result)])


def _ignore(_event: Event) -> None:
    """Leave out what happens within a scenario: a line for each is what was asked for."""


def _fitting(scenario: Scenario, options: RunOptions) -> RunOptions | None:
    """Narrow the options to the variants in which the fault exists; ``None`` if in none of them."""
    methods = tuple(m for m in options.start_methods if m in scenario.start_methods)
    kinds = [
        kind
        for kind in scenario.variants
        if options.variant in ("all", kind)
        and (kind is Workers.THREADS or methods or not options.start_methods)
    ]
    if not kinds:
        return None
    return replace(
        options,
        variant="all" if len(kinds) > 1 else str(kinds[0]),
        start_methods=methods if Workers.PROCESSES in kinds else (),
    )


def _print(records: Sequence[RunRecord], page: Path, *, as_json: bool) -> None:
    if as_json:
        documents = [{"directory": r.directory, "result": r.result} for r in records]
        consoles.print_json(documents)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("scenario", "variant", "outcome", "root cause named", "questions", "verdict"):
        table.add_column(heading, no_wrap=heading in ("scenario", "variant"))
    for record in records:
        for row in _rows(record):
            table.add_row(*row)
    console = consoles.results(consoles.WIDTH)
    console.print(table)
    console.print(f"\nthreads beside processes  {page}", markup=False, soft_wrap=True)


def _told(words: str) -> str:
    """Leave a cell empty where nothing hung: no cause was there to be named."""
    from lab.report.words import UNMEASURED

    return "" if words == UNMEASURED else words


def _rows(record: RunRecord) -> Iterator[tuple[str, ...]]:
    from lab.report.columns import columns_of
    from lab.report.figures import cause_words, outcome_words, score_words

    styles = {VerdictKind.AS_EXPECTED: "green", VerdictKind.DEVIATED: "red"}
    for number, column in enumerate(columns_of(record)):
        verdict = column.verdict or VerdictKind.INCONCLUSIVE
        style = styles.get(verdict, "yellow")
        yield (
            "" if number else record.header.scenario.name,
            column.side.label,
            outcome_words(column),
            _told(cause_words(column)),
            _told(score_words(column)),
            f"[{style}]{verdict.replace('-', ' ')}[/{style}]",
        )
