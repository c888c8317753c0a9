"""Measures everything that a choice of claims needs, once each, and returns the record of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from lab.claims.measure import library
from lab.claims.measure.contained import Patience, Step, run_once
from lab.claims.measure.plan import BATCHES, FAULTS, HEAP, HUNT, NEEDS, Batch, Scale
from lab.claims.measure.samples import Samples
from lab.claims.terms import BUSY
from lab.errors import InterruptedRunError, LabError
from lab.interpreters import own
from lab.machine import describe_machine
from lab.model import (
    SCHEMA_VERSION,
    Interpreter,
    Machine,
    Measurements,
    Missing,
    Observation,
    Tried,
)
from lab.store import RunDirectory

FAULT_BUDGET_S = {True: 22.0, False: 80.0}
"""Seconds in which a fault scenario may still begin, in the short version and in the full one."""
BATCH_BUDGET_S = {True: 3.0, False: 12.0}
"""Seconds after which a batch of programs is not repeated any more."""
PATIENCE_S = {True: 3.0, False: 20.0}
"""Seconds that are spent at most on waiting until others leave the CPUs alone."""
PATIENT = ("cpu", "reach", "ticks", "start")
"""What is measured when the CPUs are free, if they become so in time."""

type Tell = Callable[[str], None]


class Session:
    """Measures into the directory ``root``; ``tell`` is given a line for each thing begun.

    Programs and faults run on ``interpreter``; what only the lab's own can do (hunting) is left out
    on another.
    """

    def __init__(
        self, root: Path, *, quick: bool, tell: Tell, interpreter: Interpreter | None = None
    ) -> None:
        self._interpreter = interpreter or own()
        self._root = root
        self._directory = RunDirectory(root)
        self._tell = tell
        self._machine = _with(self._interpreter, describe_machine())
        self._scale = Scale(cpus=self._machine.cpus, quick=quick)
        self._samples = Samples()
        self._tried: list[Tried] = []
        self._missing: list[Missing] = []
        self._started_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._runs = 0
        self._patience = Patience(PATIENCE_S[quick], BUSY * self._machine.cpus)

    def measure(self, claims: Iterable[str]) -> Measurements:
        """Measure what ``claims`` need and return the record.

        What cannot be measured is recorded as missing, with the reason; nothing is raised for it.
        """
        needed = dict.fromkeys(name for claim in claims for name in NEEDS[claim])
        for name in needed:
            for batch in BATCHES[name](self._scale) if name in BATCHES else ():
                self._run(name, batch)
        if HUNT in needed and self._interpreter.executable == own().executable:
            self._hunt()
        if HEAP in needed and self._interpreter.memray and not self._scale.quick:
            self._profile()
        if FAULTS in needed:
            self._try_faults()
        return Measurements(
            schema_version=SCHEMA_VERSION,
            started_at=self._started_at,
            quick=self._scale.quick,
            machine=self._machine,
            series=self._samples.series(),
            tried=tuple(self._tried),
            missing=(*self._samples.missing, *self._missing),
        )

    def _run(self, name: str, batch: Batch) -> None:
        """Run the steps of a batch in turn, as often as is planned and there is time for."""
        until = time.monotonic() + BATCH_BUDGET_S[self._scale.quick]
        for number in range(1, batch.repeats + 1):
            if number > 1 and time.monotonic() > until:
                break
            for step in batch.steps:
                self._tell(f"{name} {number}/{batch.repeats}: {step.variant.label}")
                if name in PATIENT:
                    self._patience.wait()
                self._step(step)

    def _step(self, step: Step) -> None:
        self._runs += 1
        try:
            self._samples.add(step, self._run_once(step))
        except InterruptedRunError:
            raise
        except LabError as error:
            self._samples.miss(step, error.line())

    def _run_once(self, step: Step) -> tuple[Observation, ...]:
        trial, python = f"{self._runs:03}", self._interpreter.executable
        return run_once(step, self._directory, trial, python)

    def _hunt(self) -> None:
        for seed in range(2 if self._scale.quick else 5):
            self._tell(f"hunt with seed {seed}")
            try:
                found = library.hunt_race(self._directory.captures(f"hunt-{seed}"), seed)
                self._samples.add(library.RACE, found)
            except InterruptedRunError:
                raise
            except LabError as error:
                self._samples.miss(library.RACE, error.line())

    def _profile(self) -> None:
        self._tell("heaps by memray")
        try:
            for step, observed in library.profile_heaps(self._root / "runs", self._interpreter):
                self._samples.add(step, observed)
        except InterruptedRunError:
            raise
        except LabError as error:
            self._samples.miss(library.HEAPS[0], error.line())

    def _try_faults(self) -> None:
        scenarios = library.fault_scenarios(quick=self._scale.quick)
        output = self._root / "runs"
        self._tried, self._missing = library.try_faults(
            scenarios,
            output,
            FAULT_BUDGET_S[self._scale.quick],
            self._tell,
            self._interpreter,
        )


def _with(interpreter: Interpreter, machine: Machine) -> Machine:
    """Return the machine with the interpreter that the programs run on."""
    return msgspec.structs.replace(
        machine,
        python=interpreter.label,
        implementation=interpreter.implementation,
        gil=interpreter.gil,
        executable=interpreter.executable,
    )
