"""The seven questions of debugging, asked of a fault after which the program came to its end.

Nothing is left to be looked at. What answers there are come from what outlives a process: its exit
status, what it wrote on stderr, and the figures that it reported. They are held against whom the
planted faults hit, and with what.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Final, NamedTuple

from lab.faults import MAIN, Fault, FaultKind, parse
from lab.model import (
    Answer,
    AnswerKind,
    Debuggability,
    Expectation,
    Observation,
    Trial,
    VerdictKind,
    status_words,
)
from lab.questions import graded, numbered
from lab.scenario import OutcomeKind

ENDED: Final = (OutcomeKind.EXITED, OutcomeKind.CRASHED)
MOURNED: Final = frozenset(("killed", "broken"))
"""Tags of scenarios in which something is lost, whoever plants it."""

_HEAD = re.compile(r"(?:Exception in thread|Process) (?P<worker>.+):")
_TRACEBACK = "Traceback (most recent call last):"
_CHAINED = ("During handling of the above exception", "The above exception was the direct cause")
_FRAME = re.compile(r'  File "(?P<file>.+)", line (?P<line>\d+)')

_SIGNALS: Final = {
    FaultKind.KILL: "SIGKILL",
    FaultKind.TERM: "SIGTERM",
    FaultKind.SEGV: "SIGSEGV",
    FaultKind.ABORT: "SIGABRT",
}
_ERRORS: Final = {
    FaultKind.MEMORY: "MemoryError",
    FaultKind.FILES: "Too many open files",
    FaultKind.FILE_SIZE: "File too large",
    FaultKind.DISK_FULL: "No space left on device",
}
"""How each limit shows in the exception that it leads to; see setrlimit(2) and errno(3)."""

type _Result = tuple[AnswerKind, str]


class Complaint(NamedTuple):
    """An exception that ended a worker, as the interpreter reported it on stderr.

    ``line`` is the innermost line of the program's own file, such as ``app.py:12``; empty if there
    is none. ``error`` is the exception with its message.
    """

    worker: str
    line: str
    error: str


class _Remains(NamedTuple):
    """What is known when it is over: whom the faults hit, what was written, how it ended."""

    faults: tuple[Fault, ...]
    victims: frozenset[str]
    complaints: tuple[Complaint, ...]
    status: str
    """Of the program itself, when it is not that of success."""
    wanted_status: str
    """What the ground truth says of it."""

    @property
    def of_victims(self) -> tuple[Complaint, ...]:
        """The complaints of those who were hit; all, where nobody was."""
        mine = tuple(each for each in self.complaints if each.worker in self.victims)
        return mine if self.victims else self.complaints


def is_over(trial: Trial, expectation: Expectation, tags: Sequence[str]) -> bool:
    """Whether ``trial`` is of a fault that is meant to end the program, or to let it end."""
    wanted = bool(trial.faults) or not MOURNED.isdisjoint(tags)
    ended = trial.outcome.kind in ENDED and expectation.outcome in ENDED
    return wanted and ended and not trial.corrected


def answer_of_end(
    trial: Trial, expectation: Expectation, siblings: Sequence[Trial], stderr: str, source: str
) -> Debuggability:
    """Answer the questions for a program that ended.

    ``siblings`` are the repeats in the same variant, ``trial`` among them; ``stderr`` is what it
    wrote there, and ``source`` the path of the program.
    """
    remains = _remains(trial, expectation, stderr, source)
    return Debuggability(
        answers=_answers(trial, remains, siblings),
        dumps=0,
        seconds=0.0,
        paused_s=0.0,
        evidence_bytes=sum(out.kept_bytes for out in trial.output),
    )


def complaints(stderr: str, source: str) -> Iterator[Complaint]:
    """Yield the exceptions that ended workers, from the tracebacks in ``stderr``.

    One without a heading is that of the program's main thread. Of a chain the last counts.
    """
    worker, line, open_, last = MAIN, "", False, None
    for text in stderr.splitlines():
        head, frame = _HEAD.fullmatch(text), _FRAME.match(text)
        if head or text == _TRACEBACK:
            worker = head["worker"] if head else worker
            open_ = True
        elif text.startswith(_CHAINED) and last is not None:
            worker, line, last = last.worker, last.line, None
        elif frame and frame["file"] == source:
            line = f"{PurePath(source).name}:{frame['line']}"
        elif open_ and text.strip() and not text[0].isspace():
            if last is not None:
                yield last
            last = Complaint(worker, line, text)
            worker, line, open_ = MAIN, "", False
    if last is not None:
        yield last


def _remains(trial: Trial, expectation: Expectation, stderr: str, source: str) -> _Remains:
    fired = [each for each in trial.faults if each.at_s is not None]
    return _Remains(
        faults=tuple(parse(each.fault) for each in fired),
        victims=frozenset(each.worker for each in fired),
        complaints=tuple(complaints(stderr, source)),
        status=_status(trial.outcome.exit_code),
        wanted_status=_status(expectation.exit_code),
    )


def _status(code: int | None) -> str:
    return status_words(code) if code else ""


def _answers(trial: Trial, remains: _Remains, siblings: Sequence[Trial]) -> tuple[Answer, ...]:
    return numbered(
        (
            _who(remains),
            _where(remains),
            _of_what(remains),
            (AnswerKind.UNKNOWN, "It does not arise: nothing waits for anything."),
            _how(remains),
            _stopping(trial, remains),
            _again(siblings),
        )
    )


def _who(remains: _Remains) -> _Result:
    named = {each.worker for each in remains.complaints}
    if named:
        text = ", ".join(sorted(named))
        if not remains.victims:
            return AnswerKind.PARTLY, f"{text}, by what was written; no planted fault confirms it."
        return graded(len(named & remains.victims), 0 if named & remains.victims else 1, 1), text
    if remains.status:
        whole = f"The program itself, by its end: {remains.status}"
        if remains.victims == {MAIN}:
            return AnswerKind.RIGHT, f"{whole}."
        return AnswerKind.PARTLY, f"{whole}; which of its workers it came from, nothing says."
    return AnswerKind.UNKNOWN, "Nobody is named: the program ended with status 0."


def _where(remains: _Remains) -> _Result:
    lines = sorted({each.line for each in remains.of_victims if each.line})
    if lines:
        return AnswerKind.RIGHT, ", ".join(lines)
    return AnswerKind.UNKNOWN, "No line: no traceback was written."


def _of_what(remains: _Remains) -> _Result:
    """Ask for the reason, in place of the lock: a signal, a limit, an exception."""
    said = [each.error for each in remains.of_victims] + [remains.status] * bool(remains.status)
    shown = [text for text in said for fault in remains.faults if _shows(fault, text)]
    if remains.status and remains.status == remains.wanted_status:
        shown.append(remains.status)
    if shown:
        return AnswerKind.RIGHT, f"Of {shown[0]}."
    if said:
        return AnswerKind.PARTLY, f"Of {said[0]}; the ground truth does not speak of that."
    if remains.victims:
        return AnswerKind.UNKNOWN, "Nothing says so: a worker's status is told to its parent only."
    return AnswerKind.UNKNOWN, "Nothing says so: the program wrote nothing, and its status is 0."


def _shows(fault: Fault, text: str) -> bool:
    if fault.kind in _SIGNALS:
        return text == f"signal {_SIGNALS[fault.kind]}"
    if fault.kind is FaultKind.EXIT:
        return text == f"exit status {fault.value}"
    if fault.kind is FaultKind.RAISE:
        return text.partition(":")[0].rpartition(".")[2] == str(fault.value).rpartition(".")[2]
    return fault.kind in _ERRORS and _ERRORS[fault.kind] in text


def _how(remains: _Remains) -> _Result:
    told = [f"{each.error} at {each.line}" for each in remains.of_victims if each.line]
    if told:
        return AnswerKind.PARTLY, f"Only the calls that led there are shown: {'; '.join(told)}."
    return AnswerKind.UNKNOWN, "The order of events left no trace."


def _stopping(trial: Trial, remains: _Remains) -> _Result:
    if remains.status:
        return AnswerKind.RIGHT, f"No: the whole program ended with it, by {remains.status}."
    figures = "; ".join(f"{each.name}: {_figure(each)}" for each in trial.observed)
    counted = f" What it counted: {figures}." if figures else ""
    if remains.victims:
        whom = ", ".join(sorted(remains.victims))
        return AnswerKind.RIGHT, f"{whom} was hit, and the program went on to its end.{counted}"
    return AnswerKind.UNKNOWN, f"It does not arise: nobody is stuck.{counted}"


def _figure(observation: Observation) -> str:
    return f"{observation.value:,.12g} {observation.unit}".rstrip()


def _again(siblings: Sequence[Trial]) -> _Result:
    shown = sum(
        each.verdict is not None and each.verdict.kind is VerdictKind.AS_EXPECTED
        for each in siblings
    )
    planted = ", with its faults planted" if any(each.faults for each in siblings) else ""
    return graded(shown, 0, len(siblings)), f"{shown} of {len(siblings)} runs showed it{planted}."
