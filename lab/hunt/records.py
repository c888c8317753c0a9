"""What a hunt is asked and what it answers: plain records for every kind of report."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from lab.hunt.batches import WHOLE, Share
from lab.hunt.outcome import Failure
from lab.hunt.recorder import Step

BOTH: Final = "both"
FOUND, NOT_FOUND, INCONCLUSIVE = "found", "not found", "inconclusive"


def not_found(executions: int) -> str:
    """Return what is said of a model under which a failure did not show."""
    return f"{NOT_FOUND} in {executions} executions"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How to hunt.

    ``executions`` and ``seconds`` (wall clock) bound the search, whichever comes first. ``model``
    is ``free-threaded``, ``gil`` or ``both``. ``trace`` names packages to switch in besides the
    test's own project, ``roots`` replaces the project by directories or files. ``max_steps`` ends
    an execution that does not end by itself; ``stall`` is how long, in seconds, the running thread
    may be blocked outside the scheduler's view. ``race_timeouts`` lets time-outs and sleeps end
    while other threads could still run, as on a machine that is too busy for them. ``share`` is
    what this process runs, where several hunt together.
    """

    executions: int = 2000
    seconds: float | None = None
    model: str = BOTH
    strategy: str = "portfolio"
    seed: int = 0
    bound: int = 2
    trace: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()
    max_steps: int = 100_000
    stall: float = 2.0
    shrink: bool = True
    pin: bool = True
    race_timeouts: bool = False
    name: str = ""
    share: Share = WHOLE


class Explored(msgspec.Struct, frozen=True, kw_only=True):
    """How much a hunt saw, so that its silence is not taken for more than it is.

    ``schedules`` counts different schedules (at least that many). ``complete`` is True only when
    an exhaustive search ran to its end, ``bound`` its number of preemptions. ``cut_off`` executions
    reached the step limit, ``stuck`` names a block that the scheduler does not control, ``threads``
    the most threads one execution had, ``notes`` what else limits the answer.
    """

    schedules: int = 0
    complete: bool = False
    bound: int | None = None
    cut_off: int = 0
    stuck: str | None = None
    threads: int = 1
    switch_points: int = 0
    notes: tuple[str, ...] = ()


class HuntResult(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of one hunt; :meth:`summary` is the object that ``--json`` prints.

    ``models`` says of each model whether the failure was found under it. ``steps`` is the trace of
    the shrunk schedule, one record a step.
    """

    found: bool
    kind: str | None
    message: str | None
    model: str
    executions: int
    executions_to_failure: int | None
    seconds: float
    executions_per_second: float
    switches: int | None
    schedule: str | None
    explored: Explored
    models: dict[str, str]
    strategy: str
    seed: int
    target: str
    failure: Failure | None = None
    steps: tuple[Step, ...] = ()

    @property
    def conclusive(self) -> bool:
        """Whether the hunt could give an answer at all."""
        if self.found:
            return True
        return self.explored.stuck is None and self.explored.cut_off < self.executions

    def summary(self) -> dict[str, Any]:
        """Return the fields of the ``--json`` object as built-in values."""
        wanted = (
            "found", "kind", "message", "model", "executions", "executions_to_failure", "seconds",
            "executions_per_second", "switches", "schedule", "explored", "models", "strategy",
            "seed", "target",
        )  # fmt: skip
        whole: dict[str, Any] = msgspec.to_builtins(self)
        return {name: whole[name] for name in wanted}

    def closing_line(self) -> str:
        """Say in one sentence what was explored, never that the code is safe."""
        seen = self.explored
        said = f"{self.executions} executions, at least {seen.schedules} different schedules"
        if seen.bound is not None:
            said += f", complete up to {seen.bound} preemptions"
        elif not self.found:
            said += ", not complete"
        if seen.cut_off:
            said += f", {seen.cut_off} cut off at the step limit"
        if seen.stuck:
            said += f"; inconclusive: {seen.stuck}"
        return "; ".join((said, *seen.notes))


class ReplayResult(msgspec.Struct, frozen=True, kw_only=True):
    """What replaying one schedule showed.

    ``failed`` counts the runs with a failure, ``difference`` names the first place where the code
    no longer fits the schedule, empty when it fits.
    """

    times: int
    failed: int
    failure: Failure | None
    difference: str
    model: str
    steps: tuple[Step, ...] = ()
