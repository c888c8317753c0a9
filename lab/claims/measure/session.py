"""Measures everything that a choice of claims needs, once each, and returns the record of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from lab.claims.measure import library
from lab.claims.measure.contained import Patience, Step, run_once
from lab.claims.measure.plan import BATCHES, FAULTS, HEAP, HUNT, NEEDS, Batch, Scale
from lab.claims.measure.samples import Samples
from lab.claims.terms import BUSY
from lab.errors import LabError
from lab.machine import describe_machine
from lab.model import SCHEMA_VERSION, Measurements, Missing, Tried
from lab.store import RunDirectory

FAULT_BUDGET_S = {True: 20.0, False: 80.0}
"""Seconds in which a fault scenario may still begin, in the short version and in the full one."""
BATCH_BUDGET_S = {True: 4.0, False: 15.0}
"""Seconds after which a batch of programs is not repeated any more."""
PATIENCE_S = {True: 6.0, False: 30.0}
"""Seconds that are spent at most on waiting until others leave the CPUs alone."""
PATIENT = ("cpu", "reach", "ticks", "start")
"""What is measured when the CPUs are free, if they become so in time."""

type Tell = Callable[[str], None]


class Session:
    """Measures into the directory ``root``; ``tell`` is given a line for each thing begun."""

    def __init__(self, root: Path, *, quick: bool, tell: Tell) -> None:
        self._root = root
        self._directory = RunDirectory(root)
        self._tell = tell
        self._machine = describe_machine()
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
        if HUNT in needed:
            self._hunt()
        if HEAP in needed and not self._scale.quick:
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
            self._samples.add(step, run_once(step, self._directory, f"{self._runs:03}"))
        except LabError as error:
            self._samples.miss(step, error.line())

    def _hunt(self) -> None:
        for seed in range(2 if self._scale.quick else 5):
            self._tell(f"hunt with seed {seed}")
            try:
                found = library.hunt_race(self._directory.captures(f"hunt-{seed}"), seed)
                self._samples.add(library.RACE, found)
            except LabError as error:
                self._samples.miss(library.RACE, error.line())

    def _profile(self) -> None:
        self._tell("heaps by memray")
        try:
            for step, observed in library.profile_heaps(self._root / "runs"):
                self._samples.add(step, observed)
        except LabError as error:
            self._samples.miss(library.HEAPS[0], error.line())

    def _try_faults(self) -> None:
        scenarios = library.fault_scenarios(quick=self._scale.quick)
        output = self._root / "runs"
        self._tried, self._missing = library.try_faults(
            scenarios, output, FAULT_BUDGET_S[self._scale.quick], self._tell
        )
