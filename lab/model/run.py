"""A trial, and the files of a run: header, events, result."""

from __future__ import annotations

import enum
import re
from typing import Any

import msgspec

from lab.model.base import Record
from lab.model.capture import CaptureReport, Footprint, HeapUse
from lab.model.diagnosis import Debuggability, Diagnosis, Verdict, VerdictKind
from lab.model.hunted import Hunted
from lab.model.tree import Outcome, SourceLine
from lab.scenario import (
    Cause,
    NoHolder,
    Observed,
    OutcomeKind,
    ParameterValue,
    StartMethod,
    Variant,
    Workers,
)


class StopExperiment(Record, frozen=True, kw_only=True):
    """What happened when one worker was killed and the others were left alone."""

    victim: str
    tid: int
    whole_process_died: bool
    stopped_s: float | None
    """Seconds until the victim was gone; ``None`` when it was still there at the deadline."""
    others: int
    others_finished: int
    afterwards: str
    """What the watchdog said of the rest: ``running``, ``deadlocked``, ``exited``..."""


class Reaped(Record, frozen=True, kw_only=True):
    """What the supervisor found and removed at the end."""

    killed: int
    """Processes still alive when reaping began, all of which were killed."""
    reaped: int
    survivors: tuple[int, ...]
    """Must be empty."""
    seconds: float
    by: str = "shim"
    """``shim``, or ``lab`` when the shim had been killed and the lab swept in its place."""
    leftovers: tuple[str, ...] = ()
    """Named semaphores and shared-memory segments that the tree left, and that were removed."""


class Output(Record, frozen=True, kw_only=True):
    """A stream of the target: its head and tail are kept, the rest is counted."""

    stream: str
    """``stdout`` or ``stderr``."""
    total_bytes: int = 0
    kept_bytes: int = 0
    artifact: str = ""


class Observation(Record, frozen=True, kw_only=True):
    """A figure that the program reported about itself."""

    name: str
    value: float
    unit: str = ""


class PlantedFault(Record, frozen=True, kw_only=True):
    """A fault that was planted, and what became of it."""

    fault: str
    """In the grammar of :mod:`lab.faults`."""
    worker: str = ""
    """Whom it hit; empty when it never fired."""
    pid: int = 0
    at_s: float | None = None
    """When it fired, in seconds since the trial began."""
    reason: str = ""
    """Why it never fired."""


class Purpose(enum.StrEnum):
    """What a trial is for; stack timing and heap profiling would disturb each other."""

    STACKS = "stacks"
    HEAP = "heap"


class Trial(Record, frozen=True, kw_only=True):
    """One execution of the program in one variant."""

    id: str
    variant: Variant
    interpreter: str
    """Its label, as in the header."""
    corrected: bool
    repeat: int
    purpose: Purpose
    started_at: str
    outcome: Outcome
    workers: int
    """As many as its parameter of this name asks for; 0 when it has none."""
    captures: tuple[CaptureReport, ...] = ()
    diagnosis: Diagnosis | None = None
    verdict: Verdict | None = None
    footprint: Footprint | None = None
    heap: tuple[HeapUse, ...] = ()
    experiment: StopExperiment | None = None
    debuggability: Debuggability | None = None
    reaped: Reaped | None = None
    output: tuple[Output, ...] = ()
    observed: tuple[Observation, ...] = ()
    faults: tuple[PlantedFault, ...] = ()


class ExpectedWait(Record, frozen=True, kw_only=True):
    """One planted wait: worker names and lines of source."""

    waiter: str
    at: SourceLine | None
    """``None``: inside the standard library, which no line of the program has called."""
    holder: str | None = None
    held_at: SourceLine | None = None
    no_holder: NoHolder | None = None
    hidden: str = ""
    """Why the holder cannot be known from outside."""


class Expectation(Record, frozen=True, kw_only=True):
    """The ground truth, with its markers resolved to lines."""

    outcome: OutcomeKind
    cause: Cause
    waits: tuple[ExpectedWait, ...] = ()
    apparent: Cause | None = None
    """What can be seen of the cause from outside, if that is less."""
    exit_code: int = 0
    observed: tuple[Observed, ...] = ()


class Machine(Record, frozen=True, kw_only=True):
    """Where the run took place."""

    system: str
    cpus: int
    memory_bytes: int
    python: str
    implementation: str
    gil: bool
    executable: str
    versions: dict[str, str]


class Interpreter(Record, frozen=True, kw_only=True):
    """A Python that the program under test was run on."""

    label: str
    """Tells it from the others of the run: ``3.13.0``, ``3.13.0t`` for a free-threaded build."""
    executable: str
    python: str
    implementation: str
    gil: bool
    start_method: StartMethod
    """Its default."""
    memray: bool
    """Whether it has the allocation profiler."""


class Side(Record, frozen=True, kw_only=True):
    """One column of a comparison: a variant on an interpreter."""

    variant: Variant
    interpreter: Interpreter
    named: bool
    """Whether the interpreter belongs to the name: there is more than one in the run."""

    @property
    def label(self) -> str:
        """A name for people, such as ``processes (fork), 3.12.4``."""
        return self.variant.label + (f", {self.interpreter.label}" if self.named else "")

    @property
    def slug(self) -> str:
        """A name for files and ids."""
        tail = re.sub(r"[^0-9a-z]+", "-", self.interpreter.label.lower()).strip("-")
        return self.variant.slug + (f"-py{tail}" if self.named else "")


class ScenarioInfo(Record, frozen=True, kw_only=True):
    """What a report needs to know of the scenario without importing it again."""

    name: str
    title: str
    plants: str
    why: str
    cure: str
    reference: str
    """What the user typed: a name, a path, or ``package.module:NAME``."""
    file: str
    source: str
    kinds: tuple[Workers, ...]
    """The kinds of worker for which the fault exists at all."""
    tags: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()


class RunHeader(Record, frozen=True, kw_only=True):
    """``run.json``: written first, before anything is started."""

    schema_version: int
    id: str
    started_at: str
    scenario: ScenarioInfo
    parameters: dict[str, ParameterValue]
    variants: tuple[Variant, ...]
    corrected: bool
    repeat: int
    seed: int
    timeout_s: float
    command_line: tuple[str, ...]
    rerun: str
    """The command that runs this again, quoted for a shell."""
    machine: Machine
    git: str
    """Commit and whether the tree was dirty; empty outside a checkout."""
    expectations: dict[str, Expectation]
    """By the slug of the variant: what the version that is run must show there."""
    interpreters: tuple[Interpreter, ...]
    faults: tuple[str, ...] = ()
    """What is planted into every trial."""

    @property
    def sides(self) -> tuple[Side, ...]:
        """The columns: every variant on every interpreter, the interpreters of one together."""
        return tuple(
            Side(variant=variant, interpreter=each, named=len(self.interpreters) > 1)
            for variant in self.variants
            for each in self.interpreters
        )


class RunResult(Record, frozen=True, kw_only=True):
    """``result.json``: written once, by atomic rename, when everything is known."""

    schema_version: int
    id: str
    finished_at: str
    elapsed_s: float
    verdict: VerdictKind
    trials: tuple[Trial, ...]
    hashes: dict[str, str]
    """Artifact path to ``sha256:<hex>``."""
    hunted: Hunted | None = None
    """Of a race: what became of its test when it was hunted."""


class Event(Record, frozen=True, kw_only=True):
    """A line of ``history.jsonl``."""

    at_s: float
    """Seconds since the run began."""
    kind: str
    trial: str = ""
    trial_s: float | None = None
    """Seconds since the trial began, where there is one."""
    detail: dict[str, Any] = msgspec.field(default_factory=dict)


class RunRecord(Record, frozen=True, kw_only=True):
    """Everything that a run directory holds; ``result`` is ``None`` when it did not finish."""

    directory: str
    header: RunHeader
    history: tuple[Event, ...]
    result: RunResult | None
