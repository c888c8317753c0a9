"""Runs one program once, contained and unwatched, and returns the figures that it reports.

There is no watchdog and no footprint sampling beside it: what looks at a program costs CPU time,
and here that is what is measured. A program that does not end in its time is ended.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab import procfs, registry
from lab.claims.terms import OTHERS
from lab.errors import InconclusiveError
from lab.model import Observation
from lab.scenario import Variant
from lab.store import RunDirectory
from lab.supervise import Supervisor, TargetSpec, scenario_launch

START_LIMIT_S = 20.0
LIMIT_S = 60.0

_TICK_S = 0.005
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Step:
    """A program to run in one way: a scenario by its ``reference``, ``settings`` as for --set."""

    reference: str
    variant: Variant
    settings: Mapping[str, str] = field(default_factory=dict)
    corrected: bool = False


def run_once(
    step: Step, directory: RunDirectory, trial: str, python: str = sys.executable
) -> tuple[Observation, ...]:
    """Run the program of ``step`` to its end and return what it observed, and how busy others were.

    ``python`` is the interpreter that it runs on.

    Raises :class:`InconclusiveError` when it cannot begin, fails, or is not over in its time.
    """
    found = registry.find(step.reference)
    spec = TargetSpec(
        module=found.module,
        path_entry=found.path_entry,
        attribute=found.attribute,
        corrected=step.corrected,
        variant=step.variant,
        parameters=found.scenario.arguments(step.settings),
        seed=0,
        observations=str(directory.observations(trial).absolute()),
    )
    output = directory.captures(trial)
    launch = scenario_launch(spec, output=output, cwd=Path.cwd(), python=python)
    busy = Busy()
    with Supervisor(launch) as target:
        target.wait_ready(START_LIMIT_S)
        target.go()
        _wait(target, found.scenario.name)
    others = Observation(name=OTHERS, value=busy.by_others())
    return *directory.observed(trial), others


def _wait(target: Supervisor, name: str) -> None:
    until = time.monotonic() + LIMIT_S
    while (code := target.poll()) is None:
        if time.monotonic() > until:
            raise InconclusiveError(f"{name} was not over after {LIMIT_S:g} s")
        time.sleep(_TICK_S)
    if code:
        raise InconclusiveError(f"{name} ended with status {code}")


class Busy:
    """Counts the CPU time that was used beside the lab and its programs, from now on."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._all, self._own = _all_s(), _own_s()

    def by_others(self) -> float:
        """Return how many of this process's CPUs others used meanwhile, on average."""
        took = time.monotonic() - self._began
        others = (_all_s() - self._all) - (_own_s() - self._own)
        return max(0.0, others / took) if took > 0 else 0.0


class Patience:
    """Waits until other programs use at most ``limit`` CPUs, for ``budget_s`` seconds in all."""

    _LOOK_S = 0.1

    def __init__(self, budget_s: float, limit: float) -> None:
        self._left_s = budget_s
        self._limit = limit

    def wait(self) -> None:
        """Return when the CPUs are free, or when the patience is at its end."""
        while self._left_s > 0:
            busy = Busy()
            time.sleep(self._LOOK_S)
            self._left_s -= self._LOOK_S
            if busy.by_others() <= self._limit:
                return


def _all_s() -> float:
    """Return the seconds for which the CPUs that this process may use were busy; see proc(5).

    Where that is not known it is 0, and nobody else is seen.
    """
    if not procfs.AVAILABLE:
        return 0.0
    usable = {f"cpu{number}" for number in os.sched_getaffinity(0)}
    total = 0
    for line in (procfs.read("/proc/stat") or b"").decode().splitlines():
        name, *fields = line.split()
        if name in usable:
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[:8])
            total += user + nice + system + irq + softirq + steal
    return total / _TICKS


def _own_s() -> float:
    """Return the CPU time of the lab and of all that it has reaped, in seconds."""
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in uses)
