"""The states of a trial, and the only place where they change.

The machine is data: which state may follow which. An abort may come from anywhere and always
passes through ``REAPING``, so that nothing of the target is left behind.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from types import MappingProxyType

from lab.errors import LabError


class State(enum.StrEnum):
    """Where a trial is."""

    STARTING = "starting"
    RUNNING = "running"
    STALLED = "stalled"
    CAPTURING = "capturing"
    PROBING = "probing"
    REAPING = "reaping"
    CHECKING = "checking"
    DONE = "done"


TRANSITIONS: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        State.STARTING: frozenset({State.RUNNING, State.REAPING}),
        State.RUNNING: frozenset({State.STALLED, State.REAPING}),
        State.STALLED: frozenset({State.CAPTURING, State.REAPING}),
        State.CAPTURING: frozenset({State.PROBING, State.REAPING}),
        State.PROBING: frozenset({State.REAPING}),
        State.REAPING: frozenset({State.CHECKING, State.DONE}),
        State.CHECKING: frozenset({State.DONE}),
        State.DONE: frozenset(),
    }
)


class Lifecycle:
    """The current state of one trial; ``on_change`` is told of every transition."""

    def __init__(self, on_change: Callable[[State], None]) -> None:
        self._on_change = on_change
        self.state = State.STARTING
        on_change(self.state)

    def to(self, state: State) -> None:
        """Go on to ``state``. Raises :class:`LabError` when it cannot follow the current one."""
        if state not in TRANSITIONS[self.state]:
            allowed = ", ".join(sorted(TRANSITIONS[self.state])) or "nothing"
            raise LabError(f"a trial cannot go from {self.state} to {state}", wanted=allowed)
        self.state = state
        self._on_change(state)
