"""What the terminal says at the end of a test run: each hunt's reach, and what has no answer."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from typing import Any, Final, TypedDict

from lab.hunt import HuntResult
from lab.hunts.answers import Answer
from lab.report.interleaving import table_of
from lab.report.interleaving_text import table_lines

FOUND, NONE, INCONCLUSIVE, IDLE, LEFT_ALONE = (
    "found", "nothing found", "inconclusive", "no threads", "not hunted",
)  # fmt: skip
_NOTICE: Final = "lab_notice"
_COLOURS: Final = {FOUND: {"red": True}, INCONCLUSIVE: {"yellow": True}, IDLE: {"yellow": True}}


class Line(TypedDict):
    """One hunted test, in values that pass between processes."""

    test: str
    verdict: str
    text: str


class Tally:
    """Counts what the hunts of one test came to: one, or one for each input of Hypothesis."""

    def __init__(self, test: str) -> None:
        self._test = test
        self._inputs = 0
        self._executions = 0
        self._found = False
        self._busy = False
        self._inconclusive = ""
        self._last = ""
        self._left_alone = ""

    def leave(self, why: str) -> None:
        """Note that the test was run as it is, and why."""
        self._left_alone = why

    def add(self, answer: Answer) -> None:
        """Count one answer."""
        self._inputs += 1
        self._executions += answer.result.executions
        self._found |= answer.result.found
        self._busy |= not answer.idle
        self._inconclusive = self._inconclusive or answer.inconclusive
        self._last = answer.result.closing_line()

    def line(self) -> Line:
        """Return what the summary says of the test."""
        return Line(test=self._test, verdict=self._verdict(), text=self._text())

    def _verdict(self) -> str:
        if self._found:
            return FOUND
        if self._left_alone:
            return LEFT_ALONE
        if self._inconclusive or not self._inputs:
            return INCONCLUSIVE
        return NONE if self._busy else IDLE

    def _text(self) -> str:
        if self._left_alone:
            return self._left_alone
        if not self._inputs:
            return "it was not hunted: its test did not get as far"
        text = self._last
        if self._inputs > 1:
            text = f"{self._executions} executions over {self._inputs} inputs; the last: {text}"
        return f"{self._inconclusive}; {text}" if self._inconclusive else text


def sections_of(error: Any) -> list[tuple[str, str]]:
    """Return the interleaving that ``error`` brings, as a section of a test report."""
    steps = getattr(getattr(error, "result", None), "steps", ())
    return [("the interleaving", "\n".join(table_lines(table_of(steps))))] if steps else []


def print_lines(reporter: Any, lines: Sequence[Line]) -> None:
    """Print a line for each test, and how to read a silence."""
    reporter.section("hunted interleavings", sep="-")
    for line in sorted(lines, key=lambda each: each["test"]):
        reporter.write(f"{line['verdict']}: ", **_COLOURS.get(line["verdict"], {}))
        reporter.line(f"{line['test']}: {line['text']}")
    if any(line["verdict"] == NONE for line in lines):
        reporter.line("Nothing found is not a proof: it says what was explored, and no more.")


def add_notice(report: Any, error: BaseException) -> None:
    """Let ``report`` carry what GitHub Actions is to show of the failing hunt that ``error`` is of.

    In values that pass between processes: only xdist's controller may print.
    """
    result = getattr(error, "result", None)
    if not isinstance(result, HuntResult) or not result.found:
        return
    from lab.report.github import hunt_notice

    replay = ["pytest", report.nodeid, "--lab-replay", result.schedule] if result.schedule else []
    notice = hunt_notice(result, shlex.join(replay), os.environ)
    setattr(report, _NOTICE, [notice.errors, notice.summary])


def publish_notices(reporter: Any) -> None:
    """Print and append what the reports carry for GitHub Actions; xdist's workers do not."""
    if hasattr(reporter.config, "workerinput"):
        return
    from lab.report.github import Notice, publish

    carried = [getattr(each, _NOTICE, None) for many in reporter.stats.values() for each in many]
    notices = [Notice(tuple(each[0]), tuple(each[1])) for each in carried if each]
    if notices:
        reporter.ensure_newline()
        publish(notices, environ=os.environ)
