"""A failing interleaving as rows: one column a thread, values read and written, and each switch.

The scheduler's trace has a record for every step. Here consecutive steps of a thread on one line
become a row, and rows that say nothing about the failure are counted instead of shown.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.hunt import HuntResult
from lab.hunt.recorder import Step
from lab.report.words import counted, file_name

_SPOKEN = {"read": "reads", "write": "writes", "test": "tests", "iterate": "iterates over"}
_MUTE = ("jump", "resume", "thread", "call")


@dataclass(frozen=True)
class Row:
    """What one thread did on one line before another came, or before it went on to the next line.

    ``arrival`` is empty, or says why control came to this thread; ``stopped`` is empty, or says
    what another thread was just about to do when it was made to wait.
    """

    thread: int
    file: str
    line: int
    function: str
    source: str
    effects: tuple[str, ...]
    shared: bool
    arrival: str = ""
    preempted: bool = False
    stopped: str = ""
    skipped: int = 0
    """How many rows before this one are not shown."""

    @property
    def place(self) -> str:
        """``file.py:12``."""
        return f"{file_name(self.file)}:{self.line}" if self.file else "unknown"


@dataclass(frozen=True)
class Table:
    """The rows, and the threads that have any, in order: index and name."""

    threads: tuple[tuple[int, str], ...]
    rows: tuple[Row, ...]
    files: tuple[str, ...]

    def column(self, row: Row) -> int:
        """Return which column, from zero, ``row`` stands in."""
        return [index for index, _ in self.threads].index(row.thread)


@dataclass
class _Group:
    """The steps of a row in the making."""

    steps: list[Step] = field(default_factory=list)
    arrival: str = ""
    preempted: bool = False
    stopped: str = ""
    wanted: bool = False

    @property
    def head(self) -> Step:
        return self.steps[0]

    def takes(self, step: Step) -> bool:
        head = self.head
        return not step.switch and (step.thread, step.file, step.line, step.function) == (
            head.thread,
            head.file,
            head.line,
            head.function,
        )


def table_of(steps: Sequence[Step]) -> Table:
    """Return the rows that tell how the failure came about."""
    groups = _groups(steps)
    _mark(groups)
    rows = tuple(_shown(groups))
    names = {step.thread: step.name for step in steps}
    threads = sorted({row.thread for row in rows})
    files = tuple(dict.fromkeys(row.file for row in rows if row.file))
    return Table(tuple((index, names[index]) for index in threads), rows, files)


def _groups(steps: Sequence[Step]) -> list[_Group]:
    groups: list[_Group] = []
    for step in steps:
        if groups and groups[-1].takes(step):
            groups[-1].steps.append(step)
        else:
            groups.append(_Group([step]))
    return groups


def _mark(groups: list[_Group]) -> None:
    """Want what is shared, both sides of each preemption, and the end."""
    for number, group in enumerate(groups):
        group.wanted |= any(step.shared for step in group.steps) or number == len(groups) - 1
        if number and group.head.switch:
            group.arrival = group.head.switch
        if number and _is_preempted(group.head):
            before = groups[number - 1]
            group.wanted = before.wanted = group.preempted = True
            group.stopped = _next_of(groups, number, before.head.thread)
    _pass_on_arrivals(groups)


def _pass_on_arrivals(groups: list[_Group]) -> None:
    """Say why control came to a thread at the first row of its turn that is shown."""
    for group, later in itertools.pairwise(groups):
        if group.arrival and not group.wanted and not later.arrival:
            later.arrival = group.arrival


def _is_preempted(step: Step) -> bool:
    return step.switch.endswith(("preempted", "spinning", "yielded", "gave way"))


def _next_of(groups: list[_Group], number: int, thread: int) -> str:
    step = _step_of(groups, number, thread)
    if step is None:
        return ""
    what = _effect(step)
    return f"{file_name(step.file)}:{step.line}{', before it ' if what else ''}{what}"


def _step_of(groups: list[_Group], number: int, thread: int) -> Step | None:
    """Return the next step of ``thread``, from group ``number`` on; a shared one if there is."""
    group = next((each for each in groups[number:] if each.head.thread == thread), None)
    if group is None:
        return None
    return next((each for each in group.steps if each.shared), group.head)


def first_preemption(steps: Sequence[Step]) -> Step | None:
    """Return the step before which a thread was first stopped though it could have gone on."""
    groups = _groups(steps)
    for number, (before, group) in enumerate(itertools.pairwise(groups), 1):
        if _is_preempted(group.head):
            return _step_of(groups, number, before.head.thread)
    return None


def _shown(groups: list[_Group]) -> list[Row]:
    rows: list[Row] = []
    skipped = 0
    for group in groups:
        if not group.wanted:
            skipped += 1
            continue
        rows.append(_row(group, skipped))
        skipped = 0
    return rows


def _row(group: _Group, skipped: int) -> Row:
    head = group.head
    return Row(
        thread=head.thread,
        file=head.file,
        line=head.line,
        function=head.function,
        source=head.source,
        effects=_effects(group.steps),
        shared=any(step.shared for step in group.steps),
        arrival=group.arrival,
        preempted=group.preempted,
        stopped=group.stopped,
        skipped=skipped,
    )


def _effects(steps: Sequence[Step]) -> tuple[str, ...]:
    """Return what the steps did to what is shared; if nothing, to whatever has a value to show."""
    shared = [step for step in steps if step.shared]
    chosen = shared or [step for step in steps if step.value and "<" not in step.value]
    return tuple(dict.fromkeys(filter(None, map(_effect, chosen))))


def _effect(step: Step) -> str:
    if step.action == "lock":
        return f"{step.what}s the lock" if step.what in ("acquire", "release") else step.what
    if step.action in ("collect", "expire"):
        return step.what
    if step.action == "io":
        return f"calls {step.what}()"
    if step.action in _MUTE:
        return f"calls {step.what}" if step.action == "call" and step.what else ""
    text = f"{_SPOKEN.get(step.action, step.action)} {step.what}"
    if not step.value:
        return text
    return f"{text} {'=' if step.action == 'write' else '→'} {step.value}"


def where_words(result: HuntResult) -> str:
    """Say on which interpreters the failure can happen, from the models under which it showed."""
    return models_words(result.models)


def models_words(models: Mapping[str, str]) -> str:
    """Say on which interpreters a failure can happen that showed under these models."""
    gil, free = models.get("gil", ""), models.get("free-threaded", "")
    if gil == "found":
        return "with the GIL (every CPython build), and so without it too"
    if free == "found" and gil:
        return (
            "without the GIL (free-threaded CPython), and between processes that share memory; "
            f"with the GIL: {gil}"
        )
    if free == "found":
        return "without the GIL (free-threaded CPython); with the GIL: not asked for"
    return "unknown"


def switches_words(result: HuntResult) -> str:
    """Say how many times a thread was stopped that could have gone on."""
    if result.switches is None:
        return "no schedule"
    words = counted(result.switches, "switch", "switches")
    collections = sum(step.action == "collect" for step in result.steps)
    return f"{words}, {counted(collections, 'garbage collection')}" if collections else words


def users_traceback(detail: str) -> str:
    """Return a traceback in words without the frames of the lab itself."""
    return "\n".join(_users_lines(detail.splitlines()))


def _users_lines(lines: Sequence[str]) -> Iterator[str]:
    ours = f'  File "{Path(__file__).parents[1]}/'
    hidden = False
    for line in lines:
        if line.startswith('  File "') or not line.startswith("    "):
            hidden = line.startswith(ours)
        if not hidden:
            yield line
