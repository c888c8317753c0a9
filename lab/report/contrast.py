"""Threads held against processes over many scenarios: what the comparison page is made of.

Everything here is worked out from finished runs and claims, as values that a test can look at.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lab.comparison import ResultSet
from lab.model import Answer, AnswerKind, RunRecord, Side, VerdictKind
from lab.questions import QUESTIONS
from lab.report.columns import Column, columns_of
from lab.report.figures import cause_words, outcome_words, proof_spread
from lab.report.words import UNMEASURED, counted, duration, size
from lab.scenario import Workers
from lab.store import REPORT

KINDS = (Workers.THREADS, Workers.PROCESSES)
COST = "cost"
"""The tag of scenarios that only measure."""


@dataclass(frozen=True)
class Row:
    """One fault in one column of its run."""

    scenario: str
    side: Side
    verdict: VerdictKind | None
    outcome: str
    cause: str
    proof: str
    proof_s: float | None
    """Seconds from the last progress to the proof, the median of the repeats."""
    answers: tuple[Answer | None, ...]
    """By the number of the question; ``None`` where it was not asked."""
    pss_bytes: float | None
    """What a worker adds, the median of the repeats."""
    alone: str
    """What became of the others when one worker was killed: ``died``, ``finished``, ``stayed``."""
    report: str
    """The way to the run's own page from the page of the comparison; empty if there is none."""

    @property
    def score(self) -> tuple[int, int]:
        """(questions answered rightly, questions asked)."""
        asked = [answer for answer in self.answers if answer is not None]
        return sum(answer.kind is AnswerKind.RIGHT for answer in asked), len(asked)

    @property
    def kind(self) -> Workers:
        """Threads or processes."""
        return self.side.variant.workers

    @property
    def pss(self) -> str:
        """What a worker adds, in words."""
        return size(self.pss_bytes)


@dataclass(frozen=True)
class Fault:
    """One scenario: its rows, and the kinds of worker for which its fault does not exist."""

    name: str
    title: str
    tags: tuple[str, ...]
    rows: tuple[Row, ...]
    absent: tuple[Workers, ...]
    why: str


@dataclass(frozen=True)
class Total:
    """What all the faults add up to for one kind of worker."""

    kind: Workers
    rows: tuple[Row, ...]

    @property
    def score(self) -> tuple[int, int]:
        """(questions answered rightly, questions asked), over all faults."""
        scores = [row.score for row in self.rows]
        return sum(right for right, _ in scores), sum(asked for _, asked in scores)

    def answered(self, question: int) -> tuple[int, int]:
        """Return (rightly answered, asked) of one question, by its number from 1."""
        asked = [row.answers[question - 1] for row in self.rows]
        real = [answer for answer in asked if answer is not None]
        return sum(answer.kind is AnswerKind.RIGHT for answer in real), len(real)

    @property
    def proved(self) -> int:
        """Hangs that were proved to be deadlocks."""
        return sum(row.proof_s is not None for row in self.rows)

    @property
    def proof_s(self) -> float | None:
        """Seconds to the proof: the median over the faults."""
        return _median(row.proof_s for row in self.rows)

    def alone(self, how: str) -> int:
        """Return in how many faults the death of one worker ended as ``how`` says."""
        return sum(row.alone == how for row in self.rows)

    @property
    def killed(self) -> int:
        """In how many faults one worker was killed and the others were left alone."""
        return sum(bool(row.alone) for row in self.rows)


@dataclass(frozen=True)
class Contrast:
    """The whole comparison of threads with processes from one set of results."""

    faults: tuple[Fault, ...]
    totals: tuple[Total, ...]

    @property
    def planted(self) -> int:
        """How many of the scenarios are faults; the others are measurements of cost."""
        return sum(COST not in fault.tags for fault in self.faults)

    @property
    def headlines(self) -> list[str]:
        """The answer in sentences, each from the figures and nothing else."""
        return [line for line in (_memory(self.faults), *_debugging(self.totals)) if line]


def contrast(results: ResultSet, page: Path) -> Contrast:
    """Return the comparison; ``page`` is the directory that the page will be in, for the links."""
    return _totalled(tuple(_fault(record, page) for record in results.runs))


def within(made: Contrast, wanted: Callable[[Row], bool]) -> Contrast:
    """Return a comparison of the rows that are ``wanted`` and no others."""
    kept = (replace(each, rows=tuple(filter(wanted, each.rows))) for each in made.faults)
    return _totalled(tuple(fault for fault in kept if fault.rows))


def _totalled(faults: tuple[Fault, ...]) -> Contrast:
    rows = [row for fault in faults for row in fault.rows]
    return Contrast(
        faults, tuple(Total(kind, tuple(row for row in rows if row.kind is kind)) for kind in KINDS)
    )


def _fault(record: RunRecord, page: Path) -> Fault:
    scenario = record.header.scenario
    return Fault(
        name=scenario.name,
        title=scenario.title,
        tags=scenario.tags,
        rows=tuple(_row(record, column, page) for column in columns_of(record)),
        absent=tuple(kind for kind in KINDS if kind not in scenario.kinds),
        why=scenario.why,
    )


def _row(record: RunRecord, column: Column, page: Path) -> Row:
    given = column.shown.debuggability if column.shown else None
    by_number = {answer.number: answer for answer in given.answers} if given else {}
    footprints = column.footprints()
    return Row(
        scenario=record.header.scenario.name,
        side=column.side,
        verdict=column.verdict,
        outcome=outcome_words(column),
        cause="" if cause_words(column) == UNMEASURED else cause_words(column),
        proof="" if not column.proof_times else proof_spread(column),
        proof_s=_median(column.proof_times),
        answers=tuple(by_number.get(number) for number in range(1, len(QUESTIONS) + 1)),
        pss_bytes=_median(each.added_pss_bytes for each in footprints),
        alone=_alone(column),
        report=_way_to(Path(record.directory) / REPORT, page),
    )


def _alone(column: Column) -> str:
    tried = column.shown.experiment if column.shown else None
    if tried is None or not tried.others:
        return ""
    if tried.whole_process_died:
        return "died"
    return "finished" if tried.others_finished == tried.others else "stayed"


def _way_to(file: Path, page: Path) -> str:
    if not file.is_file():
        return ""
    return Path(os.path.relpath(file.resolve(), page.resolve())).as_posix()


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _memory(faults: Sequence[Fault]) -> str:
    """Compare where both were measured: a scenario for one kind alone would tilt the medians."""
    pairs = [[_added(fault, kind) for kind in KINDS] for fault in faults]
    both = [pair for pair in pairs if None not in pair]
    if not both:
        return ""
    threads, processes = (_median(column) or 0.0 for column in zip(*both, strict=True))
    words = f"One more worker added {size(threads)} as a thread and {size(processes)} as a process"
    times = f", {processes / threads:.0f} times as much" if 0 < threads <= processes else ""
    over = counted(len(both), "scenario")
    return f"{words}{times} (PSS, medians over {over} with both)."


def _added(fault: Fault, kind: Workers) -> float | None:
    return _median(row.pss_bytes for row in fault.rows if row.kind is kind)


def _score(total: Total) -> str:
    right, asked = total.score
    return f"{right} of {asked} questions ({right / asked:.0%})"


def _debugging(totals: Sequence[Total]) -> list[str]:
    asked = [total for total in totals if total.score[1]]
    if not asked:
        return []
    scores = _each(asked, _score)
    lines = [f"Answered rightly of what a debugger asks: {scores}."]
    if any(total.proved for total in totals):
        proofs = _each(totals, _proofs)
        lines.append(f"Proved to be deadlocks, without waiting for a time-out: {proofs}.")
    if any(total.killed for total in totals):
        fates = _each(totals, _fate)
        lines.append(f"One worker killed while the others were stuck: {fates}.")
    return lines


def _proofs(total: Total) -> str:
    if not total.proved:
        return "none"
    median = " (median)" if total.proved > 1 else ""
    return f"{counted(total.proved, 'hang')} in {duration(total.proof_s)}{median}"


def _fate(total: Total) -> str:
    if not total.killed:
        return "not tried"
    return (
        f"all died with it in {total.alone('died')} of {total.killed}, "
        f"all others finished in {total.alone('finished')}"
    )


def _each(totals: Sequence[Total], words: Callable[[Total], str]) -> str:
    return "; ".join(f"{total.kind} {words(total)}" for total in totals)
