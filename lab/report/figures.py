"""The key figures, one row each with a cell for every variant: for the page and the terminal.

With repeats a cell sums up all the trials; otherwise it says what the one trial showed.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from lab.model import Footprint
from lab.racing import counted_violations
from lab.report.columns import Column
from lab.report.words import (
    CAUSES,
    OUTCOMES,
    UNMEASURED,
    counted,
    duration,
    exit_status,
    experiment_words,
    planted_words,
    quantity,
    size,
    spread,
)

NAMED = 6
"""As many workers of a cycle are named in one cell."""
MOST_OWN = 2
"""As many of the program's own figures stand at the top of the page; all are in the table."""


@dataclass(frozen=True)
class Figure:
    """One row: what is compared, what it means, and its value in each column."""

    label: str
    meaning: str
    cells: tuple[str, ...]


def figures(columns: Sequence[Column]) -> list[Figure]:
    """Return the rows that at least one column has something to say to."""
    rows = [
        Figure(label, meaning, tuple(value(column) for column in columns))
        for label, meaning, value in _ROWS
    ]
    told = [row for row in rows if set(row.cells) - {UNMEASURED, ""}]
    own = [
        replace(row, label=row.label[:1].upper() + row.label[1:]) for row in observed_rows(columns)
    ]
    return [*told[:1], *own, *told[1:]]


def observed_rows(columns: Sequence[Column]) -> list[Figure]:
    """Return a row for each figure that the program reported about itself."""
    names = dict.fromkeys(
        figure.name for column in columns for trial in column.trials for figure in trial.observed
    )
    return [
        Figure(
            name,
            "Reported by the program itself.",
            tuple(_observed(column, name) for column in columns),
        )
        for name in names
    ]


def _observed(column: Column, name: str) -> str:
    """Return the figure; of repeats, the median and the range."""
    found = [figure for trial in column.trials for figure in trial.observed if figure.name == name]
    if not found:
        return UNMEASURED
    values = sorted(figure.value for figure in found)
    words = quantity(statistics.median(values), found[0].unit)
    if values[0] == values[-1]:
        return words
    return f"{words} ({quantity(values[0])} to {quantity(values[-1])}, {len(values)} trials)"


def outcome_words(column: Column) -> str:
    """Return the outcome, counted when there are repeats."""
    if len(column.trials) == 1:
        outcome = column.trials[0].outcome
        code = f" ({exit_status(outcome.exit_code)})" if outcome.exit_code is not None else ""
        return f"{OUTCOMES[outcome.kind]}{code}"
    total = len(column.trials)
    parts = (f"{OUTCOMES[kind]}: {count} of {total}" for kind, count in column.outcomes)
    return "; ".join(parts) or UNMEASURED


def fault_words(column: Column) -> str:
    """Return what became of the planted faults, in the trial that is shown."""
    faults = column.shown.faults if column.shown else ()
    return "; ".join(map(planted_words, faults)) or UNMEASURED


def cause_words(column: Column) -> str:
    """Return the named root cause, or each that was named with how often."""
    causes = [CAUSES[trial.diagnosis.cause] for trial in column.trials if trial.diagnosis]
    if len(set(causes)) < 2:
        return "".join(set(causes)) or UNMEASURED
    return "; ".join(f"{cause}: {causes.count(cause)}" for cause in sorted(set(causes)))


def proof_spread(column: Column) -> str:
    """Return how long the proof took after the last progress seen."""
    return spread(column.proof_times)


def added(column: Column, read: Callable[[Footprint], int | None]) -> str:
    """Return the median of a memory figure over the trials that have it."""
    known = [value for value in map(read, _footprints(column)) if value is not None]
    return size(statistics.median(known)) if known else UNMEASURED


def _footprints(column: Column) -> list[Footprint]:
    return column.footprints() or ([column.footprint] if column.footprint else [])


def score_words(column: Column) -> str:
    """Return how many of the debugging questions were answered, in the trial that is shown."""
    answers = column.shown.debuggability if column.shown else None
    return f"{answers.score} of {len(answers.answers)}" if answers else UNMEASURED


def survivors_words(column: Column) -> str:
    """Return what was left when everything had been reaped; it must be nothing."""
    reaped = [trial.reaped for trial in column.trials if trial.reaped]
    left = sum(len(each.survivors) for each in reaped)
    if not reaped:
        return UNMEASURED
    return counted(left, "process", "processes") if left else "nothing"


def heap_words(column: Column) -> str:
    """Return the highest peak that the heap profiler saw in one process."""
    peaks = [use.peak_bytes for use in column.heap if use.tool == column.heap[0].tool]
    return size(max(peaks)) if peaks else UNMEASURED


def stacks_words(column: Column) -> str:
    """Return what taking the stacks cost, and how long the target stood still for it."""
    price = column.shown.debuggability if column.shown else None
    if price is None or not price.dumps:
        return UNMEASURED
    dumps = counted(price.dumps, "capture")
    return f"{dumps} in {duration(price.seconds)}, target paused {duration(price.paused_s)}"


def stop_words(column: Column) -> str:
    """Return what happened when one worker was stopped."""
    tried = column.shown.experiment if column.shown else None
    return experiment_words(tried) if tried else UNMEASURED


def elapsed_words(column: Column) -> str:
    """Return how long the program ran."""
    return spread([trial.outcome.elapsed_s for trial in column.trials])


def stuck_words(column: Column) -> str:
    """Return who is in the cycle, by name; of many the first."""
    found = column.shown.diagnosis if column.shown else None
    if found is None or not found.cycles:
        return UNMEASURED
    labels = {actor.id: actor.label for actor in found.actors}
    ids = list(dict.fromkeys(actor for cycle in found.cycles for actor in cycle))
    names = sorted(labels.get(each, each) for each in ids)
    more = [f"and {len(names) - NAMED} more"] if len(names) > NAMED else []
    return ", ".join([*names[:NAMED], *more])


def key_figures(column: Column) -> list[tuple[str, str]]:
    """Return the (value, meaning) that stand out at the top of the page."""
    times = column.proof_times
    proved = "to the proof" if len(times) == 1 else f"to the proof, median of {len(times)}"
    found = [
        *_own_figures(column),
        (duration(statistics.median(times)) if times else UNMEASURED, proved),
        (score_words(column), "questions answered"),
        (added(column, lambda f: f.added_pss_bytes), "PSS for each worker"),
    ]
    return [(value, meaning) for value, meaning in found if value != UNMEASURED]


def _own_figures(column: Column) -> list[tuple[str, str]]:
    """Return what the program counted, where it ended: that is what it was run for."""
    counts = [each for each in map(counted_violations, column.trials) if each is not None]
    if counts:
        shown, tries = sum(k for k, _ in counts), sum(n for _, n in counts)
        return [(f"{shown} of {tries}", "tries went wrong by chance")]
    if column.shown is None or column.shown.diagnosis is not None:
        return []
    return [(_observed(column, each.name), each.name) for each in column.shown.observed[:MOST_OWN]]


_ROWS: tuple[tuple[str, str, Callable[[Column], str]], ...] = (
    ("Outcome", "How the program ended, before anything is concluded from it.", outcome_words),
    ("Planted", "The fault that the lab did to it, and whom it hit.", fault_words),
    ("Proved after", "From the last progress of any thread to the proof.", proof_spread),
    ("Root cause", "Inferred from outside, without reading the ground truth.", cause_words),
    ("In the cycle", "Workers that wait for each other.", stuck_words),
    ("Questions answered", "Of the seven debugging questions below.", score_words),
    ("Stacks", "What it took to see where everybody stands.", stacks_words),
    ("One worker stopped", "One was killed and the others were left alone.", stop_words),
    (
        "Memory per worker, PSS",
        "What one more worker costs; shared pages are divided among those that share them.",
        lambda column: added(column, lambda f: f.added_pss_bytes),
    ),
    (
        "Memory per worker, USS",
        "Pages that no other process shares: what would be freed.",
        lambda column: added(column, lambda f: f.added_uss_bytes),
    ),
    ("Heap peak", "The highest in one process, by the allocation profiler.", heap_words),
    (
        "Time to the outcome",
        "From the start of the target until its end, or its hang, was known.",
        elapsed_words,
    ),
    ("Left behind", "Processes alive after the clean-up.", survivors_words),
)
