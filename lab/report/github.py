"""What GitHub Actions shows of a failure: annotations on the culprit lines, and a job summary.

The forms are GitHub's workflow commands, https://docs.github.com/actions/reference/workflow-commands,
with its limits: ten annotations a step, one mebibyte of summary. Whatever comes from the target is
escaped: it can neither start a command nor become markup.
"""

from __future__ import annotations

import contextlib
import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from lab.hunt import HuntResult
from lab.model import Diagnosis, Dump, Edge, SourceLine, ThreadMoment
from lab.report.interleaving import (
    Row,
    Table,
    first_preemption,
    switches_words,
    table_of,
    where_words,
)
from lab.report.interleaving_text import arrival_words
from lab.report.markdown import code, details, escaped, fitting, table
from lab.report.moment import STATES
from lab.report.order import edges
from lab.report.terminal import held, wanted
from lab.report.words import CAUSES, EVIDENCE, NO_HOLDERS, place, shorten, visible

MOST_ANNOTATIONS: Final = 10
SUMMARY_BYTES: Final = 1 << 20
_MOST_CHARACTERS: Final = 4000
_WORKSPACE: Final = "GITHUB_WORKSPACE"
_SUMMARY: Final = "GITHUB_STEP_SUMMARY"
_CUT: Final = "*The rest was cut: a job summary holds 1 MiB.*\n\n"


@dataclass(frozen=True)
class Annotation:
    """One remark on one line; without a file it is shown for the whole run."""

    title: str
    message: str
    file: str = ""
    line: int = 0


def is_actions(environ: Mapping[str, str]) -> bool:
    """Whether this runs in a step of GitHub Actions."""
    return environ.get("GITHUB_ACTIONS") == "true"


@dataclass(frozen=True)
class Notice:
    """What there is to say of one failure: workflow commands, and paragraphs of the summary."""

    errors: tuple[str, ...]
    summary: tuple[str, ...]


def announce(
    found: Dump, *, command: str, environ: Mapping[str, str], stream: TextIO | None = None
) -> None:
    """Annotate the culprit lines of ``found`` and add it to the job summary; elsewhere nothing.

    ``command`` is what was watched: a command line, or a test. ``environ`` tells where this runs;
    the workflow commands go to ``stream``, which is stdout unless said.
    """
    if is_actions(environ):
        publish([dump_notice(found, command, environ)], environ=environ, stream=stream)


def publish(
    notices: Sequence[Notice], *, environ: Mapping[str, str], stream: TextIO | None = None
) -> None:
    """Print and append ``notices``, within what GitHub shows of one step."""
    lines = list(_fairly([notice.errors for notice in notices]))
    for line in lines[:MOST_ANNOTATIONS]:
        print(line, file=stream, flush=True)
    _append(environ, (part for notice in notices for part in notice.summary))


def _fairly(groups: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the first of each group, then the second of each: every failure gets its main line."""
    for number in range(max(map(len, groups), default=0)):
        for group in groups:
            yield from group[number : number + 1]


def dump_notice(found: Dump, command: str, environ: Mapping[str, str]) -> Notice:
    """Return what there is to say of ``found``, what ``command`` came to."""
    remarks = culprits(found, command, environ.get(_WORKSPACE, ""))
    return Notice(tuple(map(error_line, remarks)), tuple(dump_summary(found, command)))


def hunt_notice(result: HuntResult, command: str, environ: Mapping[str, str]) -> Notice:
    """Return what there is to say of a failing hunt: its first preemption, and its table.

    ``command`` is the line that repeats the failing schedule, empty when there is none.
    """
    remark = hunt_annotation(result, environ.get(_WORKSPACE, ""))
    return Notice((error_line(remark),), tuple(hunt_summary(result, command)))


def error_line(annotation: Annotation) -> str:
    """Return the workflow command that shows ``annotation``, one line of text."""
    properties = {"title": annotation.title}
    if annotation.file:
        properties = {"file": annotation.file, "line": str(annotation.line), **properties}
    listed = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::error {listed}::{_data(annotation.message)}"


def _data(text: str) -> str:
    text = shorten(visible(text), _MOST_CHARACTERS)
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def relative(file: str, workspace: str) -> str:
    """Return ``file`` as GitHub knows it, from the root of the workspace; empty when outside."""
    if not workspace or not file or "\n" in file:
        return ""
    try:
        path = Path(file).resolve()
        return path.relative_to(Path(workspace).resolve()).as_posix() if path.is_file() else ""
    except (ValueError, OSError):
        return ""


# -- a dump -------------------------------------------------------------------------------------


def culprits(found: Dump, command: str, workspace: str) -> list[Annotation]:
    """Return a remark for each line at which a thread waits, those of the cause first."""
    diagnosis = found.diagnosis
    title = f"{CAUSES[diagnosis.cause]}: {command}"
    remarks: dict[tuple[str, int], Annotation] = {}
    for edge in edges(diagnosis):
        file = relative(edge.at.file, workspace)
        text = f"{wanted(edge, diagnosis)}, {held(edge, diagnosis)}"
        if file:
            remarks.setdefault((file, edge.at.line), Annotation(title, text, file, edge.at.line))
    if not remarks:
        return [_remark_without_a_wait(found, title, workspace)]
    first, *others = remarks.values()
    whole = f"{diagnosis.headline}\n{first.message}"
    return [Annotation(title, whole, first.file, first.line), *others]


def _remark_without_a_wait(found: Dump, title: str, workspace: str) -> Annotation:
    """Say what is known where a thread was, if that is a line of the workspace."""
    text = f"{STATES.get(found.state, found.state)}. {found.diagnosis.headline}"
    for thread in found.threads:
        if thread.at is not None and (file := relative(thread.at.file, workspace)):
            return Annotation(title, f"{text}\n{thread.label} is here", file, thread.at.line)
    return Annotation(title, text)


def _label(actor: str, diagnosis: Diagnosis) -> str:
    return {each.id: each.label for each in diagnosis.actors}.get(actor, actor)


def dump_summary(found: Dump, command: str) -> Iterator[str]:
    """Yield the paragraphs on ``found``: the cause, who waits for whom, how it is known, stacks."""
    diagnosis = found.diagnosis
    yield f"### {escaped(CAUSES[diagnosis.cause])}: {code(command)}"
    yield escaped(diagnosis.headline)
    yield f"*{escaped(STATES.get(found.state, found.state))}*"
    rows = [_cells(edge, diagnosis) for edge in edges(diagnosis)]
    if rows:
        yield table(("thread", "waits at", "for", "held by", "since", "evidence"), rows)
    for unknown in diagnosis.unknowns[:MOST_ANNOTATIONS]:
        yield f"Not known: {escaped(unknown)}"
    yield details("Proof", _proof_lines(found))
    yield details("Stacks", [line for each in found.threads for line in _stack_lines(each)])


def _cells(edge: Edge, diagnosis: Diagnosis) -> tuple[str, ...]:
    names = {each.id: f"{each.kind} {each.name}".strip() for each in diagnosis.resources}
    nobody = f"nobody alive: {NO_HOLDERS[edge.no_holder]}" if edge.no_holder else "unknown"
    return (
        code(_label(edge.waiter, diagnosis)),
        _line(edge.at),
        code(names.get(edge.resource, edge.resource)),
        code(_label(edge.holder, diagnosis)) if edge.holder else escaped(nobody),
        _line(edge.held_at) if edge.held_at else "",
        escaped(EVIDENCE[edge.evidence][0]),
    )


def _line(line: SourceLine) -> str:
    source = f" {code(line.text)}" if line.text.strip() else ""
    return f"{code(place(line))}{source}"


def _proof_lines(found: Dump) -> list[str]:
    if found.proof is None:
        return []
    threads = [
        f"{wait.comm} {wait.pid}/{wait.tid}: {wait.syscall or wait.state}: {wait.because}"
        for wait in found.proof.threads
    ]
    return [*threads, *(f"assuming that {each}" for each in found.proof.assumptions)]


def _stack_lines(thread: ThreadMoment) -> Iterator[str]:
    wait = thread.wait
    kernel = f": {wait.syscall or wait.state}: {wait.because}" if wait else ""
    yield f"{thread.label} ({thread.actor}){kernel}"
    for frame in thread.stack:
        yield f"    {frame.file}:{frame.line} in {frame.function}"


# -- a hunt -------------------------------------------------------------------------------------


def hunt_annotation(result: HuntResult, workspace: str) -> Annotation:
    """Return the remark on the line before which the failing schedule first stops a thread."""
    title = f"{result.kind}: {result.target}"
    text = f"{result.message or result.kind}\n{switches_words(result)}; {where_words(result)}"
    step = first_preemption(result.steps)
    if step is None:
        return Annotation(title, text)
    file = relative(step.file, workspace)
    text = f"{step.name} is stopped before this line, and another thread goes on\n{text}"
    return Annotation(title, text, file, step.line if file else 0)


def hunt_summary(result: HuntResult, command: str) -> Iterator[str]:
    """Yield the paragraphs on a failing hunt: what broke, the interleaving, how to replay it."""
    yield f"### {escaped(str(result.kind))}: {code(result.target)}"
    yield escaped(result.message or "")
    if result.steps:
        yield _interleaving(table_of(result.steps))
    yield f"{escaped(switches_words(result))}; can happen {escaped(where_words(result))}"
    yield f"explored: {escaped(result.closing_line())}"
    if command:
        # A command is of use only when it is whole.
        yield f"<pre>\n{html.escape(visible(command))}\n</pre>"


def _interleaving(shown: Table) -> str:
    rows: list[list[str]] = []
    for row in shown.rows:
        if row.arrival:
            word = "switch: " if row.preempted else ""
            rows.append(_in_column(row, shown, f"<em>{escaped(word + arrival_words(row))}</em>"))
        lines = [f"{code(row.place)} {code(row.source)}", *map(escaped, row.effects)]
        rows.append(_in_column(row, shown, "<br>".join(lines)))
    return table([escaped(name) for _, name in shown.threads], rows)


def _in_column(row: Row, shown: Table, text: str) -> list[str]:
    cells = [""] * len(shown.threads)
    cells[shown.column(row)] = text
    return cells


def _append(environ: Mapping[str, str], parts: Iterable[str]) -> None:
    """Add to the job summary what there is room for."""
    if not (name := environ.get(_SUMMARY)):
        return
    with contextlib.suppress(OSError), Path(name).open("ab") as file:
        room = SUMMARY_BYTES - file.tell()
        file.write(fitting(parts, room, _CUT).encode(errors="replace"))
