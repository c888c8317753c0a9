"""Watching which thread comes to which instruction, by a monitoring tool of its own.

Hunts and free runs count in the same way, so that "the second time it came there" means the same
in both. The places that are of no interest cost nothing after their first visit.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Callable, Container
from types import CodeType
from typing import Final

from lab.errors import InconclusiveError

_monitoring = sys.monitoring
_events = _monitoring.events
_DISABLE = _monitoring.DISABLE
_TOOL_NAME: Final = "lab.passages"
# Of several tools the one with the highest number is told first, and hunts take 4: so a visit has
# been counted here when a hunt's callback asks.
_TOOL: Final = 5

Offsets = Callable[[CodeType], Container[int] | None]
Passed = Callable[[CodeType, int], object]


class Everywhere:
    """All offsets of a code object."""

    def __contains__(self, offset: object) -> bool:
        return True


class Passages:
    """A context in which ``passed(code, offset)`` is called before each instruction of interest.

    ``offsets`` returns which instructions of a code object are, None for code that has none. It
    is called in the thread that runs the code, and may take as long as it likes: that delays it.
    """

    def __init__(self, offsets: Offsets, passed: Passed) -> None:
        self._offsets = offsets
        self._passed = passed
        self._wanted: dict[CodeType, Container[int]] = {}
        self._resumes: dict[CodeType, frozenset[int]] = {}

    def __enter__(self) -> None:
        _take_tool()
        for event, callback in (
            (_events.PY_START, self._started),
            (_events.PY_RESUME, self._started),
            (_events.INSTRUCTION, self._instruction),
        ):
            _monitoring.register_callback(_TOOL, event, callback)
        _monitoring.set_events(_TOOL, _events.PY_START | _events.PY_RESUME)
        _monitoring.restart_events()

    def __exit__(self, *_: object) -> None:
        _monitoring.set_events(_TOOL, 0)
        for code in self._wanted:
            _monitoring.set_local_events(_TOOL, code, 0)
        for event in (_events.PY_START, _events.PY_RESUME, _events.INSTRUCTION):
            _monitoring.register_callback(_TOOL, event, None)
        _monitoring.free_tool_id(_TOOL)

    def _started(self, code: CodeType, offset: int) -> object:
        wanted = self._wanted.get(code)
        if wanted is None:
            wanted = self._offsets(code)
            if wanted is None:
                return _DISABLE
            self._resumes[code] = _resumes(code)
            self._wanted[code] = wanted
            _monitoring.set_local_events(_TOOL, code, _events.INSTRUCTION)
        if offset not in wanted:
            return _DISABLE
        self._passed(code, offset)
        return None

    def _instruction(self, code: CodeType, offset: int) -> object:
        # Entry and resumption have an event of their own, which comes first.
        if offset not in self._wanted[code] or offset in self._resumes[code]:
            return _DISABLE
        self._passed(code, offset)
        return None


def _resumes(code: CodeType) -> frozenset[int]:
    return frozenset(each.offset for each in dis.get_instructions(code) if each.opname == "RESUME")


def _take_tool() -> None:
    holder = _monitoring.get_tool(_TOOL)
    if holder is not None:
        raise InconclusiveError(
            f"sys.monitoring tool {_TOOL}, with which schedules are followed, is taken ({holder})",
            next_step="run without the tool that holds it",
        )
    _monitoring.use_tool_id(_TOOL, _TOOL_NAME)
