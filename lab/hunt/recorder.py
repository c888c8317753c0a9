"""The failing execution step by step: who did what where, with the values read and written.

Run once, on the shrunk schedule, so it may be slow. Nothing of the test's own is called to show a
value: a ``__repr__`` could itself be part of the race.
"""

from __future__ import annotations

import linecache
import sys
from collections import deque
from types import FrameType
from typing import Any, Final

import msgspec

from lab.hunt import operand
from lab.hunt.engine import Engine
from lab.hunt.sites import CALL, JUMP, RESUME, THREAD, WRITE, Site
from lab.hunt.tasks import Task

LIMIT: Final = 2_000  # steps kept; the last ones, where the failure is
_PLAIN: Final = (int, float, complex, bool, str, bytes, type(None))


class Step(msgspec.Struct):
    """One visible step: ``thread`` did ``action`` to ``what`` at ``file``:``line``.

    ``value`` is what was read, or what was written (as seen after the step); ``switch`` is empty
    or says why control came to this thread just before. ``shared`` marks a step on something that
    several threads touch.
    """

    thread: int
    name: str
    file: str
    line: int
    function: str
    source: str
    action: str
    what: str
    value: str
    shared: bool
    switch: str = ""


class Recorder:
    """Collects the steps of one execution; use :meth:`observe` as its observer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._steps: deque[Step] = deque(maxlen=LIMIT)
        self._pending: tuple[Step, Any, FrameType] | None = None
        self._last = 0

    def observe(self, task: Task, site: Site) -> None:
        """Note that ``task`` is about to pass ``site``."""
        self._settle()
        frame = operand.frame_of(site, sys._getframe(1)) if site.code else _users(sys._getframe(1))
        step = self._step(task, site, frame)
        if task.index != self._last:
            step.switch = self._reason(task)
            self._last = task.index
        self._steps.append(step)

    def steps(self) -> tuple[Step, ...]:
        """Return what was recorded, oldest first."""
        self._settle()
        return tuple(self._steps)

    def _step(self, task: Task, site: Site, frame: FrameType | None) -> Step:
        node = operand.expression(site)
        file = frame.f_code.co_filename if frame else ""
        line = site.line or (frame.f_lineno if frame else 0)
        step = Step(
            thread=task.index,
            name=task.name,
            file=file,
            line=line,
            function=frame.f_code.co_qualname if frame else "",
            source=linecache.getline(file, line).strip(),
            action=site.kind,
            what=operand.text(site) or site.label,
            value="",
            shared=site.racing,
        )
        if frame is not None and node is not None and site.kind not in (CALL, JUMP, RESUME, THREAD):
            if site.kind == WRITE:
                self._pending = (step, node, frame)
            else:
                step.value = _shown(node, frame)
        return step

    def _settle(self) -> None:
        """A write's value can be read once it was made: before whatever comes next."""
        if self._pending is not None:
            step, node, frame = self._pending
            self._pending = None
            step.value = _shown(node, frame)

    def _reason(self, task: Task) -> str:
        turns = self._engine.turns
        last = self._engine.tasks[self._last]
        if last.done:
            return f"{last.name} ended"
        if last.waiting is not None:
            return f"{last.name} blocked on {_described(last.waiting)}"
        if turns and turns[-1].target == task.index and turns[-1].source == last.index:
            return f"{last.name} {turns[-1].why}"
        return f"{last.name} gave way"


def _described(on: Any) -> str:
    if isinstance(on, Task):
        return f"the end of {on.name}"
    return on.describe() if hasattr(on, "describe") else str(on)


def _users(frame: FrameType | None) -> FrameType | None:
    """Return the first frame of a file that is neither the lab's nor the library's."""
    while frame is not None and (
        frame.f_code.co_filename.startswith(("<", _OURS))
        or ("site-packages" not in frame.f_code.co_filename
            and frame.f_code.co_filename.startswith(_LIBRARY))
    ):  # fmt: skip
        frame = frame.f_back
    return frame


_OURS: Final = __file__.rpartition("/")[0]
_LIBRARY: Final = linecache.__file__.rpartition("/")[0]


def _shown(node: Any, frame: FrameType) -> str:
    try:
        return show(operand.evaluate(node, frame))
    except operand.Unknown:
        return ""


def show(value: Any, depth: int = 2) -> str:
    """Return a short text for ``value`` without calling anything of the test's."""
    kind = type(value)
    if kind in _PLAIN:
        text = repr(value)
        return text if len(text) <= 40 else text[:37] + "..."
    if kind in (list, tuple, set, frozenset, deque) and depth:
        items = ", ".join(show(item, depth - 1) for item in list(value)[:6])
        more = ", ..." if len(value) > 6 else ""
        left, right = "[]" if kind is list else "()" if kind is tuple else "{}"
        return f"{left}{items}{more}{right}"
    if kind is dict and depth:
        pairs = list(value.items())[:6]
        items = ", ".join(f"{show(k, 0)}: {show(v, depth - 1)}" for k, v in pairs)
        return f"{{{items}{', ...' if len(value) > 6 else ''}}}"
    return f"<{kind.__name__}>"
