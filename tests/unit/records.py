"""Records for tests, built by hand: a header, a diagnosis of the two-lock inversion, a trial."""

from lab import interpreters
from lab.model import (
    Actor,
    Diagnosis,
    Edge,
    Evidence,
    Expectation,
    ExpectedWait,
    Machine,
    Outcome,
    Purpose,
    Reaped,
    Resource,
    RunHeader,
    ScenarioInfo,
    SourceLine,
    Trial,
)
from lab.scenario import Cause, OutcomeKind, Variant, Workers

HOLDS = SourceLine(file="/src/deadlock.py", line=18, text="with mine:")
WANTS = SourceLine(file="/src/deadlock.py", line=20, text="with theirs:")
THREADS = Variant(Workers.THREADS)


def expectation() -> Expectation:
    """What the inversion of two locks must show."""
    return Expectation(
        outcome=OutcomeKind.DEADLOCKED,
        cause=Cause.LOCK_CYCLE,
        waits=(
            ExpectedWait(waiter="worker-1", at=WANTS, holder="worker-2", held_at=HOLDS),
            ExpectedWait(waiter="worker-2", at=WANTS, holder="worker-1", held_at=HOLDS),
        ),
    )


def edge(waiter: str, holder: str | None, resource: str, **changes: object) -> Edge:
    """One wait, as a right diagnosis has it unless ``changes`` say otherwise."""
    fields: dict[str, object] = {
        "waiter": waiter,
        "resource": resource,
        "at": WANTS,
        "evidence": Evidence.SAME_OBJECT,
        "because": "the same object",
        "holder": holder,
        "held_at": HOLDS,
    }
    return Edge(**(fields | changes))


def diagnosis(**changes: object) -> Diagnosis:
    """The right diagnosis, unless ``changes`` say otherwise."""
    fields: dict[str, object] = {
        "cause": Cause.LOCK_CYCLE,
        "headline": "Two workers wait for each other.",
        "actors": (
            Actor(id="7/8", label="worker-1", pid=7, tid=8),
            Actor(id="7/9", label="worker-2", pid=7, tid=9),
        ),
        "resources": (
            Resource(id="a", kind="threading.Lock", name="theirs", identity="0xa"),
            Resource(id="b", kind="threading.Lock", name="theirs", identity="0xb"),
        ),
        "edges": (edge("7/8", "7/9", "b"), edge("7/9", "7/8", "a")),
        "cycles": (("7/8", "7/9"),),
    }
    return Diagnosis(**(fields | changes))


def deadlocked() -> Outcome:
    """A hang that was proved."""
    return Outcome(kind=OutcomeKind.DEADLOCKED, elapsed_s=0.1)


def clean() -> Reaped:
    """Nothing was left."""
    return Reaped(killed=1, reaped=1, survivors=(), seconds=0.01)


def trial(**changes: object) -> Trial:
    """A trial that deadlocked and was diagnosed rightly, unless ``changes`` say otherwise."""
    fields: dict[str, object] = {
        "id": "threads-1",
        "variant": THREADS,
        "interpreter": interpreters.own().label,
        "corrected": False,
        "repeat": 1,
        "purpose": Purpose.STACKS,
        "started_at": "2026-01-01T00:00:00+00:00",
        "outcome": deadlocked(),
        "workers": 2,
        "diagnosis": diagnosis(),
        "reaped": clean(),
    }
    return Trial(**(fields | changes))


def header() -> RunHeader:
    """A header of a run of the deadlock scenario."""
    return RunHeader(
        schema_version=1,
        id="20260101T000000Z-abcdef",
        started_at="2026-01-01T00:00:00+00:00",
        scenario=ScenarioInfo(
            name="deadlock",
            title="t",
            plants="p",
            why="w",
            cure="c",
            reference="deadlock",
            file="/src/deadlock.py",
            source="",
            kinds=tuple(Workers),
        ),
        parameters={"workers": 2},
        variants=(THREADS,),
        corrected=False,
        repeat=1,
        seed=0,
        timeout_s=30.0,
        command_line=("lab", "run", "deadlock"),
        rerun="lab run deadlock",
        machine=Machine(
            system="Linux",
            cpus=2,
            memory_bytes=1,
            python="3.13.0",
            implementation="CPython",
            gil=True,
            executable="python",
            versions={},
        ),
        git="",
        interpreters=(interpreters.own(),),
        expectations={THREADS.slug: expectation()},
    )
