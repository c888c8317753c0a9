"""The seven questions that a person debugging a fault asks, and what the tools answered.

Each answer is held against the ground truth, and none is an opinion: it comes from the diagnosis,
from the stop experiment, or from the repeats of the same run.
"""

from __future__ import annotations

from collections.abc import Sequence

from lab.judge import find_edge, holder_is_right, holder_label, place, same_line
from lab.model import (
    Answer,
    AnswerKind,
    CaptureReport,
    Debuggability,
    Diagnosis,
    Edge,
    Expectation,
    ExpectedWait,
    StopExperiment,
    Trial,
)
from lab.scenario import Cause

QUESTIONS = (
    "Who is stuck?",
    "Where?",
    "On what?",
    "Who holds it?",
    "How did it get there?",
    "Can I stop just that one, and do the others go on?",
    "Can I make it happen again?",
)

type _Result = tuple[AnswerKind, str]
type _Pair = tuple[ExpectedWait, Edge | None]


def answer_questions(
    trial: Trial, expectation: Expectation, siblings: Sequence[Trial]
) -> Debuggability:
    """Answer the questions for one trial that hung.

    ``siblings`` are all the trials of the same program in the same variant, ``trial`` among them:
    they say how often the fault shows.
    """
    results = [
        *_from_diagnosis(trial.diagnosis, expectation),
        _stopping(trial.experiment),
        _again(siblings, expectation),
    ]
    stacks = [capture for capture in trial.captures if capture.name.startswith("stacks")]
    return Debuggability(
        answers=numbered(results),
        dumps=len(stacks),
        seconds=sum(capture.seconds for capture in stacks),
        paused_s=sum(capture.paused_s or 0.0 for capture in stacks),
        evidence_bytes=_evidence(trial.captures) + sum(out.kept_bytes for out in trial.output),
    )


def numbered(results: Sequence[tuple[AnswerKind, str]]) -> tuple[Answer, ...]:
    """Return the answers to the seven questions, given in their order."""
    return tuple(
        Answer(number=number, question=question, kind=kind, answer=text)
        for number, (question, (kind, text)) in enumerate(
            zip(QUESTIONS, results, strict=True), start=1
        )
    )


def graded(right: int, wrong: int, wanted: int) -> AnswerKind:
    """Grade what was named: ``right`` and ``wrong`` of it, of ``wanted`` that there are."""
    if wrong:
        return AnswerKind.WRONG
    if right == wanted and wanted:
        return AnswerKind.RIGHT
    return AnswerKind.PARTLY if right else AnswerKind.UNKNOWN


def _evidence(captures: Sequence[CaptureReport]) -> int:
    return sum(capture.bytes for capture in captures)


def _from_diagnosis(diagnosis: Diagnosis | None, expectation: Expectation) -> list[_Result]:
    if diagnosis is None:
        return [(AnswerKind.UNKNOWN, "there is no diagnosis")] * 5
    pairs = [(wait, find_edge(diagnosis, wait)) for wait in expectation.waits]
    return [
        _who(diagnosis, expectation),
        _where(pairs),
        _on_what(diagnosis, pairs),
        _held_by(diagnosis, pairs),
        _how(diagnosis, pairs),
    ]


def _who(diagnosis: Diagnosis, expectation: Expectation) -> _Result:
    wanted = {wait.waiter for wait in expectation.waits}
    labels = {actor.id: actor.label for actor in diagnosis.actors}
    seen = {labels.get(actor, actor) for cycle in diagnosis.cycles for actor in cycle}
    if not diagnosis.cycles and diagnosis.cause is not Cause.UNKNOWN:
        seen = {labels.get(edge.waiter, edge.waiter) for edge in diagnosis.edges} & wanted
    kind = graded(len(seen & wanted), len(seen - wanted), len(wanted))
    return kind, ", ".join(sorted(seen)) or "nobody was named"


def _where(pairs: Sequence[_Pair]) -> _Result:
    """Ask for the lines of the program only: a wait inside the standard library has none."""
    asked = [(wait, edge) for wait, edge in pairs if wait.at is not None]
    lines = [edge.at for _, edge in asked if edge]
    right = sum(edge is not None and same_line(edge.at, wait.at) for wait, edge in asked)
    text = ", ".join(sorted({place(line) for line in lines})) or "no line was found"
    return graded(right, len(lines) - right, len(asked)), text


def _on_what(diagnosis: Diagnosis, pairs: Sequence[_Pair]) -> _Result:
    resources = {resource.id: resource for resource in diagnosis.resources}
    named = [
        (wait.waiter, resources[edge.resource])
        for wait, edge in pairs
        if edge is not None and edge.resource in resources
    ]
    identified = sum(bool(resource.identity) for _, resource in named)
    text = "; ".join(
        f"{waiter}: {resource.kind} {resource.name} ({resource.identity or 'not identified'})"
        for waiter, resource in named
    )
    return graded(identified, 0, len(pairs)), text or "not identified"


def _held_by(diagnosis: Diagnosis, pairs: Sequence[_Pair]) -> _Result:
    """Grade the names; a holder that cannot be known from outside stays unknown."""
    seen = [(wait, edge, holder_label(diagnosis, edge)) for wait, edge in pairs if edge is not None]
    grades = [
        holder_is_right(edge, holder, wait)
        for wait, edge, holder in seen
        if not (wait.hidden and holder == "unknown")
    ]
    text = "; ".join(_holder_in_words(wait, edge, holder) for wait, edge, holder in seen)
    return graded(grades.count(True), grades.count(False), len(pairs)), text or "unknown"


def _holder_in_words(wait: ExpectedWait, edge: Edge, holder: str) -> str:
    if holder != "unknown":
        return f"{wait.waiter} waits for {holder} ({edge.evidence})"
    if wait.hidden:
        return f"for whom {wait.waiter} waits cannot be known from outside: {wait.hidden}"
    if wait.holder is None:
        return f"{wait.waiter} waits, and nobody is named who would end that"
    return f"for whom {wait.waiter} waits is unknown"


def _how(diagnosis: Diagnosis, pairs: Sequence[_Pair]) -> _Result:
    """Held-at lines come before waits-at lines: that order is what the stacks can prove."""
    steps = [
        f"{holder_label(diagnosis, edge)} took it at {place(edge.held_at)}, then "
        f"{wait.waiter} asked for it at {place(edge.at)}"
        for wait, edge in pairs
        if edge is not None and edge.held_at is not None
    ]
    right = sum(
        edge is not None and edge.held_at is not None and same_line(edge.held_at, wait.held_at)
        for wait, edge in pairs
    )
    asked = sum(wait.held_at is not None for wait, _ in pairs)
    return graded(right, len(steps) - right, asked), "; ".join(steps) or "not shown"


def _stopping(experiment: StopExperiment | None) -> _Result:
    if experiment is None:
        return AnswerKind.UNKNOWN, "it was not tried"
    tried = f"{experiment.victim} was killed"
    if experiment.stopped_s is None:
        return AnswerKind.RIGHT, f"No: {tried} and it is still there."
    if experiment.whole_process_died:
        others = f"the {experiment.others} other worker(s) died with it"
        with_it = others if experiment.others else "all else in it died, too"
        return AnswerKind.RIGHT, f"No: {tried}, the kernel ended the whole process, {with_it}."
    if experiment.victim == "main" and not experiment.others:
        return AnswerKind.RIGHT, f"No: {tried}, and that was the program itself."
    finished = f"{experiment.others_finished} of {experiment.others} other worker(s) finished; "
    speed = f"gone after {experiment.stopped_s * 1e3:.0f} ms"
    word = "Yes" if experiment.others_finished == experiment.others else "Only the stopping"
    rest = finished if experiment.others else "no other was stuck; "
    return AnswerKind.RIGHT, f"{word}: {tried} ({speed}); {rest}then: {experiment.afterwards}."


def _again(siblings: Sequence[Trial], expectation: Expectation) -> _Result:
    shown = sum(trial.outcome.kind is expectation.outcome for trial in siblings)
    text = f"{shown} of {len(siblings)} runs showed it, undisturbed and unprovoked"
    return graded(shown, 0, len(siblings)), text
