"""Running an execution that may end its interpreter: each step is written as it is made."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from lab.hunt import Schedule, Settings
from lab.hunt.engine import Engine
from lab.hunt.locks import Bench
from lab.hunt.outcome import Outcome
from lab.hunt.project import scope_of
from lab.hunt.recorder import Recorder, Step
from lab.hunt.replays import SLICES
from lab.hunt.schedule import Switch
from lab.hunt.session import Session
from lab.hunt.sites import Site
from lab.hunt.strategies.replay import Replay, Retrace
from lab.hunt.tasks import Task
from lab.hunt.turns import Turn


class Log:
    """A file of JSON lines; each is with the kernel when :meth:`write` returns."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)

    def write(self, record: msgspec.Struct) -> None:
        """Add a line."""
        os.write(self._file, msgspec.json.encode(record) + b"\n")


def lines[T](path: Path, kind: type[T]) -> tuple[T, ...]:
    """Return what a log holds; a line that was cut off ends it."""
    found: list[T] = []
    for line in path.read_bytes().splitlines() if path.exists() else ():
        try:
            found.append(msgspec.json.decode(line, type=kind))
        except msgspec.MsgspecError:
            break
    return tuple(found)


def retracing(
    turns: Sequence[Turn], at: int, log: Log, then: Callable[[int], None]
) -> Callable[[int], None]:
    """Return what makes execution number ``at`` repeat ``turns``, and log them by their anchors.

    ``then`` is called first, in every execution.
    """

    def begin(number: int) -> None:
        then(number)
        if number == at:
            engine = Bench.engine
            engine.strategy = _LoggedRetrace(turns, log)
            engine.strategy.begin(engine)
            engine.stop_at = 0

    return begin


def follow(
    body: Callable[[], object], plan: Schedule, settings: Settings, switches: Log, steps: Log
) -> Outcome:
    """Run ``body`` once under ``plan``, logging the hand-overs and the steps."""
    scope = scope_of(body, settings.trace, settings.roots)
    with Session(
        body, scope, plan.model,
        max_steps=settings.max_steps, stall=settings.stall, pin=settings.pin,
    ) as session:  # fmt: skip
        session.engine.quantum *= SLICES
        recorder = _LoggedRecorder(session.engine, steps)
        return session.execute(_LoggedReplay(plan.switches, switches), recorder.observe)


class _LoggedRetrace(Retrace):
    def __init__(self, turns: Sequence[Turn], log: Log) -> None:
        super().__init__(turns)
        self._log = log

    def _follow(self, engine: Engine, me: Task | None, site: Site | None) -> Task:
        before = len(self.followed)
        target = super()._follow(engine, me, site)
        for switch in self.followed[before:]:
            self._log.write(switch)
        return target


class _LoggedReplay(Replay):
    def __init__(self, switches: Sequence[Switch], log: Log) -> None:
        super().__init__(switches)
        self._log = log

    def choose(self, engine: Engine, me: Task | None, site: Site | None) -> Task:
        """Choose, and log what was followed."""
        before = len(self.followed)
        target = super().choose(engine, me, site)
        self._write(before)
        return target

    def give_way(self, engine: Engine, me: Task, site: Site) -> Task:
        """Give way, and log what was followed."""
        before = len(self.followed)
        target = super().give_way(engine, me, site)
        self._write(before)
        return target

    def _write(self, before: int) -> None:
        for switch in self.followed[before:]:
            self._log.write(switch)


class _LoggedRecorder(Recorder):
    """Logs each step once the next one begins: only then is what it wrote known."""

    def __init__(self, engine: Engine, log: Log) -> None:
        super().__init__(engine)
        self._log = log
        self._unwritten: Step | None = None

    def observe(self, task: Task, site: Site) -> None:
        """Note a step; log the one before it."""
        super().observe(task, site)
        if self._unwritten is not None:
            self._log.write(self._unwritten)
        self._unwritten = self._steps[-1]
