"""The culprit lines in their source, and the stacks of every thread.

A line is marked as *held* or *wanted* by a word beside it, with the names of the workers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from lab.model import Diagnosis, Frame, ScenarioInfo, Snapshot, SourceLine, ThreadStack, lines_of
from lab.report import order
from lab.report.words import file_name, listed, natural, shorten

CONTEXT = 3
MOST_LOCALS = 8

type Marks = dict[tuple[str, int], dict[str, list[str]]]
"""(file, line) to ``{"held" or "wanted": names of the workers}``."""


@dataclass(frozen=True)
class CodeLine:
    """One line of an excerpt; ``marks`` are (``held`` or ``wanted``, what is said of it)."""

    number: int
    text: str
    marks: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Excerpt:
    """Some lines of one file."""

    file: str
    lines: tuple[CodeLine, ...]

    @property
    def title(self) -> str:
        """``file.py, lines 15 to 23``."""
        first, last = self.lines[0].number, self.lines[-1].number
        lines = f"line {first}" if first == last else f"lines {first} to {last}"
        return f"{file_name(self.file)}, {lines}"


@dataclass(frozen=True)
class FrameView:
    """One frame, as the page shows it."""

    frame: Frame
    marks: tuple[str, ...]
    own: bool
    """Whether it is the user's code and not the library's."""
    locals: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class StackView:
    """One thread's stack."""

    title: str
    where: str
    frames: tuple[FrameView, ...]


def marks_of(diagnosis: Diagnosis | None) -> Marks:
    """Return what the diagnosis says of each line."""
    marks: Marks = {}
    if diagnosis is None:
        return marks
    labels = {actor.id: actor.label for actor in diagnosis.actors}
    for edge in diagnosis.edges:
        _mark(marks, edge.at, "wanted", labels.get(edge.waiter, edge.waiter))
        if edge.held_at is not None:
            _mark(marks, edge.held_at, "held", labels.get(edge.holder or "", "unknown"))
    return marks


def _mark(marks: Marks, line: SourceLine, kind: str, name: str) -> None:
    if not line.file:
        return
    names = marks.setdefault((line.file, line.line), {}).setdefault(kind, [])
    if name not in names:
        names.append(name)


def sources_of(snapshot: Snapshot | None, scenario: ScenarioInfo) -> dict[str, str]:
    """Return the text of every file that is known: from the snapshot, and the scenario's own."""
    return {scenario.file: scenario.source, **(snapshot.sources if snapshot else {})}


def excerpts(diagnosis: Diagnosis | None, sources: Mapping[str, str]) -> list[Excerpt]:
    """Return the marked lines with a few around them; lines near each other share an excerpt."""
    marks = marks_of(diagnosis)
    found = []
    for file in dict.fromkeys(file for file, _ in marks):
        text = sources.get(file)
        numbers = sorted(line for name, line in marks if name == file)
        if text is None:
            found += [_bare(diagnosis, file, number, marks) for number in numbers]
        else:
            lines = lines_of(text)
            found += [_cut(file, lines, group, marks) for group in _groups(numbers)]
    return [excerpt for excerpt in found if excerpt.lines]


def _groups(numbers: Iterable[int]) -> Iterator[list[int]]:
    """Yield runs of line numbers whose contexts touch."""
    group: list[int] = []
    for number in numbers:
        if group and number - group[-1] > 2 * CONTEXT + 1:
            yield group
            group = []
        group.append(number)
    if group:
        yield group


def _cut(file: str, lines: list[str], group: list[int], marks: Marks) -> Excerpt:
    first, last = max(1, group[0] - CONTEXT), min(len(lines), group[-1] + CONTEXT)
    numbers = range(first, last + 1)
    return Excerpt(file, tuple(_code(file, n, lines[n - 1], marks) for n in numbers))


def _bare(diagnosis: Diagnosis | None, file: str, number: int, marks: Marks) -> Excerpt:
    """Return the line alone, with the text that the diagnosis kept of it."""
    edges = diagnosis.edges if diagnosis else ()
    known = (line for edge in edges for line in (edge.at, edge.held_at) if line)
    texts = [line.text for line in known if (line.file, line.line) == (file, number)]
    text = next(filter(None, texts), "(its source is not at hand)")
    return Excerpt(file, (_code(file, number, text, marks),))


def _code(file: str, number: int, text: str, marks: Marks) -> CodeLine:
    said = {"held": "held since here by", "wanted": "wanted here by"}
    mine = marks.get((file, number), {})
    notes = tuple(
        (kind, f"{said[kind]} {listed(sorted(mine[kind], key=natural))}")
        for kind in said
        if kind in mine
    )
    return CodeLine(number, shorten(text, 160), notes)


def stacks(snapshot: Snapshot | None, diagnosis: Diagnosis | None) -> list[StackView]:
    """Return the stack of every thread, innermost frame first, in the order of the waits."""
    if snapshot is None:
        return []
    marks = marks_of(diagnosis)
    labels = order.labels_of(diagnosis) if diagnosis else {}
    own = set(snapshot.sources)
    ranks = {edge.waiter: n for n, edge in enumerate(order.edges(diagnosis))} if diagnosis else {}
    views = []
    for capture in snapshot.processes:
        for thread in capture.threads:
            key = f"{thread.pid}/{thread.tid}"
            name = labels.get(key) or _name(thread, capture.process.label)
            views.append((ranks.get(key, len(ranks)), _stack(name, thread, marks, own)))
    views.sort(key=lambda pair: (pair[0], natural(pair[1].title)))
    return [view for _, view in views]


def _name(thread: ThreadStack, process: str) -> str:
    return f"{process}: {thread.name}" if process and process != thread.name else thread.name


def _stack(name: str, thread: ThreadStack, marks: Marks, own: set[str]) -> StackView:
    where = f"process {thread.pid}, thread {thread.tid}"
    frames = tuple(_frame(frame, marks, frame.file in own) for frame in thread.frames)
    return StackView(name, where + (", holds the GIL" if thread.owns_gil else ""), frames)


def _frame(frame: Frame, marks: Marks, own: bool) -> FrameView:
    shown = [local for local in frame.locals if local.text][:MOST_LOCALS] if own else []
    values = tuple((local.name, shorten(local.text, 90)) for local in shown)
    kinds = tuple(marks.get((frame.file, frame.line), {})) if own else ()
    return FrameView(frame, kinds, own, values)
