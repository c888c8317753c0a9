"""One run from top to bottom: header, trials, questions, result.

The header is written before anything is started, and the result once everything is known; what
lies between is in the history.
"""

from __future__ import annotations

import multiprocessing
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from lab import interpreters
from lab.capture import heap
from lab.errors import InterruptedRunError, UsageError
from lab.expectation import expect
from lab.faults import NONE, Fault, FaultKind, parse_all
from lab.hunts.scenario import hunt_scenario
from lab.hunts.wishes import EXECUTIONS
from lab.judge import overall
from lab.machine import describe_machine, git_state
from lab.model import (
    SCHEMA_VERSION,
    Debuggability,
    Event,
    Expectation,
    Hunted,
    Interpreter,
    Purpose,
    RunHeader,
    RunRecord,
    RunResult,
    ScenarioInfo,
    Side,
    Trial,
    VerdictKind,
)
from lab.postmortem import answer_of_end, is_over
from lab.questions import answer_questions
from lab.racing import answer_of_race, counted_violations
from lab.registry import Found
from lab.scenario import ParameterValue, StartMethod, Variant, Workers
from lab.store import HUNT, RunDirectory, kept_text, load, new_run_id
from lab.supervise import TargetSpec
from lab.trial import TrialPlan, TrialRun

STDERR_BYTES = 1 << 18
"""As much of what a program wrote there is searched for tracebacks."""

type Expectations = Mapping[str, Expectation]
"""By the slug of the variant."""

HEAP_PASS = "heap"
"""How the ids of the trials end in which heaps are measured."""


@dataclass(frozen=True)
class RunRequest:
    """What the user asked for. ``command`` are the words of the command line, for the record."""

    found: Found
    variants: tuple[Variant, ...]
    parameters: Mapping[str, ParameterValue]
    interpreters: tuple[Interpreter, ...] = field(default_factory=lambda: (interpreters.own(),))
    corrected: bool = False
    repeat: int = 1
    seed: int = 0
    timeout_s: float | None = None
    faults: tuple[Fault, ...] | None = None
    """What to plant in place of the scenario's own faults; ``None``: those."""
    heap: bool = True
    hunt: int = EXECUTIONS
    """Executions to spend on hunting the scenario's test, if it has one; 0 for none."""
    flamegraphs: bool = True
    output: Path = field(default_factory=lambda: Path("reports"))
    command: tuple[str, ...] = ()

    @property
    def planted(self) -> tuple[Fault, ...]:
        """The faults that are planted into every trial."""
        own = parse_all(self.found.scenario.faults)
        return own if self.faults is None else self.faults

    def heap_passes(self, interpreter: Interpreter) -> tuple[tuple[str, str], ...]:
        """Return (suffix of the trial's id, tool) of each heap pass: one, and one to check it.

        There is none where memory is limited: the profiler's own would count, and run out.
        """
        if not self.heap or any(fault.kind is FaultKind.MEMORY for fault in self.planted):
            return ()
        if not interpreter.memray:
            return ((HEAP_PASS, "tracemalloc"),)
        return ((HEAP_PASS, "memray"), (f"{HEAP_PASS}-check", "tracemalloc"))

    @property
    def limit_s(self) -> float:
        """Seconds that each trial may take."""
        return self.timeout_s if self.timeout_s is not None else self.found.scenario.timeout_s


def choose_variants(
    supported: tuple[Workers, ...],
    wanted: str,
    methods: tuple[StartMethod, ...],
    supported_methods: tuple[StartMethod, ...] = tuple(StartMethod),
    default: StartMethod | None = None,
) -> tuple[Variant, ...]:
    """Return the variants to run: threads first, then processes by each start method.

    ``wanted`` is ``threads``, ``processes`` or ``all``. Without ``methods`` the ``default`` start
    method is used (this interpreter's own, if none is given), or the first that the scenario
    supports. Raises :class:`UsageError` when the scenario does not support what was asked for.
    """
    kinds = supported if wanted == "all" else (Workers(wanted),)
    for kind in kinds:
        if kind not in supported:
            raise UsageError(
                f"this scenario has no variant {kind}", wanted="or ".join(map(str, supported))
            )
    if methods and Workers.PROCESSES not in kinds:
        raise UsageError(
            f"--start-method {methods[0]} with threads", wanted="--variant processes or all"
        )
    variants = [Variant(Workers.THREADS)] if Workers.THREADS in kinds else []
    if Workers.PROCESSES in kinds:
        default = default or StartMethod(multiprocessing.get_start_method())
        chosen = methods or (default if default in supported_methods else supported_methods[0],)
        for method in chosen:
            if method not in supported_methods:
                raise UsageError(
                    f"--start-method {method}: the fault does not exist there",
                    wanted="or ".join(supported_methods),
                )
        variants += [Variant(Workers.PROCESSES, method) for method in chosen]
    return tuple(variants)


def run(request: RunRequest, tell: Callable[[Event], None]) -> RunRecord:
    """Run everything that ``request`` asks for and return the finished record.

    ``tell`` is called with every event, after it was written. Raises a :class:`LabError` when the
    run cannot be recorded or was interrupted; the target is reaped in any case.
    """
    wanted = {variant.slug: _expectation(request, variant) for variant in request.variants}
    header = _header(request, wanted)
    directory = RunDirectory.create(request.output, header)
    try:
        trials = [
            TrialRun(plan, directory, tell).execute()
            for plan in _plans(request, header.sides, directory)
        ]
        hunted = _hunted(request, directory, tell)
        trials = _with_answers(trials, header, hunted, directory.root)
        directory.finish(_result(header, directory, trials, hunted))
    except (KeyboardInterrupt, InterruptedRunError) as end:
        raise InterruptedRunError(
            "interrupted; nothing was left running",
            next_step=f"lab report {shlex.quote(str(directory.root))}, to see how far it came",
        ) from end
    finally:
        directory.close()
    return load(directory.root)


def _hunted(
    request: RunRequest, directory: RunDirectory, tell: Callable[[Event], None]
) -> Hunted | None:
    """Hunt the scenario's test, if it has one."""
    if request.found.scenario.hunted is None or not request.hunt:
        return None

    def note(state: str) -> None:
        event = Event(at_s=directory.elapsed_s(), kind="hunt", detail={"state": state})
        directory.append(event)
        tell(event)

    return hunt_scenario(
        request.found,
        directory.root / HUNT,
        corrected=request.corrected,
        seed=request.seed,
        executions=request.hunt,
        tell=note,
    )


def _expectation(request: RunRequest, variant: Variant) -> Expectation:
    found = request.found
    return expect(
        found.scenario,
        found.source_file,
        request.parameters,
        variant,
        corrected=request.corrected,
    )


def _plans(
    request: RunRequest, sides: Sequence[Side], directory: RunDirectory
) -> Iterator[TrialPlan]:
    """Yield the trials: each side's repeats with stacks, then one for its heap, and its check.

    The sides take turns within a repeat, so that a drift of the machine meets them all.
    """
    for repeat in range(1, request.repeat + 1):
        for side in sides:
            yield _plan(request, side, f"{side.slug}-{repeat}", Purpose.STACKS, repeat)
    passes = [request.heap_passes(side.interpreter) for side in sides]
    for suffix, tool in dict.fromkeys(each for some in passes for each in some):
        for side, mine in zip(sides, passes, strict=True):
            if (suffix, tool) in mine:
                id_ = f"{side.slug}-{suffix}"
                wrapper = heap.wrapper_for(directory.captures(id_), tool=tool)
                yield _plan(request, side, id_, Purpose.HEAP, 1, wrapper)


def _plan(
    request: RunRequest,
    side: Side,
    id_: str,
    purpose: Purpose,
    repeat: int,
    wrapper: tuple[str, dict[str, Any]] = ("", {}),
) -> TrialPlan:
    found = request.found
    spec = TargetSpec(
        module=found.module,
        path_entry=found.path_entry,
        attribute=found.attribute,
        corrected=request.corrected,
        variant=side.variant,
        parameters=dict(request.parameters),
        seed=request.seed + repeat - 1,
        wrapper=wrapper[0],
        wrapper_arguments=wrapper[1],
        faults=request.planted,
    )
    return TrialPlan(
        id=id_,
        spec=spec,
        purpose=purpose,
        repeat=repeat,
        timeout_s=request.limit_s,
        expectation=_expectation(request, side.variant),
        workers=_worker_count(request.parameters),
        interpreter=side.interpreter,
        flamegraphs=request.flamegraphs,
    )


def _worker_count(parameters: Mapping[str, ParameterValue]) -> int:
    workers = parameters.get("workers", 0)
    return workers if isinstance(workers, int) else 0


def _with_answers(
    trials: list[Trial], header: RunHeader, hunted: Hunted | None, directory: Path
) -> list[Trial]:
    """Add the debugging questions, where the fault is one to which they can be put."""
    answered = []
    for trial in trials:
        siblings = [
            other
            for other in trials
            if other.purpose is Purpose.STACKS
            and (other.variant, other.interpreter) == (trial.variant, trial.interpreter)
        ]
        if trial in siblings:
            answers = _answers(trial, siblings, header, hunted, directory)
            trial = msgspec.structs.replace(trial, debuggability=answers)
        answered.append(trial)
    return answered


def _answers(
    trial: Trial,
    siblings: Sequence[Trial],
    header: RunHeader,
    hunted: Hunted | None,
    directory: Path,
) -> Debuggability | None:
    """Ask a race, a hang, or a program that came to its end; ``siblings`` are the repeats."""
    wanted, scenario = header.expectations[trial.variant.slug], header.scenario
    if not trial.corrected and counted_violations(trial) is not None:
        return answer_of_race(trial, siblings, hunted)
    if trial.diagnosis is not None:
        return answer_questions(trial, wanted, siblings)
    if is_over(trial, wanted, scenario.tags):
        stderr = kept_text(directory, trial, "stderr", STDERR_BYTES)
        return answer_of_end(trial, wanted, siblings, stderr, scenario.file)
    return None


def _header(request: RunRequest, expectations: Expectations) -> RunHeader:
    found, scenario = request.found, request.found.scenario
    return RunHeader(
        schema_version=SCHEMA_VERSION,
        id=new_run_id(),
        started_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        scenario=ScenarioInfo(
            name=scenario.name,
            title=scenario.title,
            plants=scenario.plants,
            why=scenario.why,
            cure=scenario.cure,
            reference=found.reference,
            file=str(found.source_file),
            source=found.source_file.read_text(encoding="utf-8"),
            kinds=scenario.variants,
            tags=scenario.tags,
            claims=scenario.claims,
        ),
        parameters=dict(request.parameters),
        variants=request.variants,
        corrected=request.corrected,
        repeat=request.repeat,
        seed=request.seed,
        timeout_s=request.limit_s,
        command_line=request.command or tuple(sys.argv),
        rerun=rerun_command(request),
        machine=describe_machine(),
        git=git_state(found.source_file.parent),
        expectations=dict(expectations),
        interpreters=request.interpreters,
        faults=tuple(map(str, request.planted)),
    )


def rerun_command(request: RunRequest) -> str:
    """Return the command that makes the same run again, quoted for a shell."""
    words = ["lab", "run", request.found.reference]
    kinds = {variant.workers for variant in request.variants}
    words += ["--variant", "all" if len(kinds) > 1 else str(next(iter(kinds)))]
    for variant in request.variants:
        if variant.start_method is not None:
            words += ["--start-method", str(variant.start_method)]
    for interpreter in request.interpreters:
        if interpreter.executable != sys.executable or len(request.interpreters) > 1:
            words += ["--python", interpreter.executable]
    for name, value in request.parameters.items():
        words += ["--set", f"{name}={value}"]
    words += ["--timeout", f"{request.limit_s:g}", "--seed", str(request.seed)]
    words += ["--repeat", str(request.repeat)] if request.repeat > 1 else []
    for fault in request.faults or ():
        words += ["--fault", str(fault)]
    words += ["--fault", NONE] if request.faults == () else []
    words += ["--corrected"] if request.corrected else []
    words += [] if request.heap else ["--no-heap"]
    words += [] if request.hunt else ["--no-hunt"]
    return shlex.join(words)


def _result(
    header: RunHeader, directory: RunDirectory, trials: list[Trial], hunted: Hunted | None
) -> RunResult:
    verdicts = [
        trial.verdict.kind if trial.verdict else VerdictKind.INCONCLUSIVE for trial in trials
    ]
    verdicts += [hunted.verdict] if hunted else []
    return RunResult(
        schema_version=SCHEMA_VERSION,
        id=header.id,
        finished_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        elapsed_s=directory.elapsed_s(),
        verdict=overall(verdicts),
        trials=tuple(trials),
        hashes=directory.hashes(),
        hunted=hunted,
    )
