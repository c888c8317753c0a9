"""Records as `lab claims` writes them, put together by hand: one for each kind of machine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from lab.claims.terms import EVERY, FORK, FORKSERVER, SPAWN, THREADS
from lab.model import Machine, Measurements, Missing, Series, Tried, VerdictKind
from lab.scenario import Cause, OutcomeKind, ParameterValue, Variant

type Key = tuple[str, str, Variant, tuple[tuple[str, ParameterValue], ...]]

MIB = 1 << 20
KIB = 1 << 10
STATES = ("busy", "lock-blocked", "sleeping")


@dataclass
class Recorded:
    """A record that is still open: ``put`` sets the samples of a figure, ``drop`` removes one."""

    cpus: int = 2
    gil: bool = True
    series: dict[Key, tuple[bool, Sequence[float]]] = field(default_factory=dict)
    tried: list[Tried] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)

    def put(
        self,
        program: str,
        name: str,
        variant: Variant,
        *samples: float,
        corrected: bool = False,
        **parameters: ParameterValue,
    ) -> Recorded:
        key = (program, name, variant, (*sorted(parameters.items()), ("corrected", corrected)))
        self.series[key] = (corrected, samples)
        return self

    def drop(self, program: str) -> Recorded:
        self.series = {key: value for key, value in self.series.items() if key[0] != program}
        return self

    def close(self) -> Measurements:
        return Measurements(
            schema_version=1,
            started_at="2026-01-01T00:00:00.000+00:00",
            quick=False,
            machine=Machine(
                system="Linux",
                cpus=self.cpus,
                memory_bytes=1 << 33,
                python="3.13.0",
                implementation="CPython",
                gil=self.gil,
                executable="python",
                versions={},
            ),
            series=tuple(
                Series(
                    program=program,
                    name=name,
                    variant=variant,
                    corrected=corrected,
                    parameters=dict(parameters[:-1]),
                    samples=tuple(map(float, samples)),
                )
                for (program, name, variant, parameters), (corrected, samples) in (
                    self.series.items()
                )
            ),
            tried=tuple(self.tried),
            missing=tuple(self.missing),
        )


def speeds(
    r: Recorded, variant: Variant, once: float, twice: float, *, corrected: bool = False
) -> None:
    """Put the speed-ups of 2 and of 4 workers, and all that goes with them."""
    for workers, fast in ((2, once), (4, twice)):
        where = {"workers": workers, "corrected": corrected}
        r.put("cpu-bound", "speed-up", variant, fast * 0.98, fast, fast * 1.02, **where)
        whole = fast * 0.97
        r.put("cpu-bound", "speed-up with the start", variant, whole, whole, whole, **where)
        r.put("cpu-bound", "CPUs busy", variant, fast, fast, fast, **where)
        r.put("cpu-bound", "overlap", variant, 0.96, 0.97, 0.98, **where)
        r.put("cpu-bound", "CPUs used by others", variant, 0.0, 0.01, 0.02, **where)


def ticks(
    r: Recorded, work: str, variant: Variant, late_s: float, *, handed: bool, switch_ms: float = 5.0
) -> None:
    """Put how late ticks are."""
    for name, share in (("p50", 0.3), ("p99", 1.0), ("worst", 1.1)):
        r.put(
            "responsiveness",
            f"{name} delay of a tick",
            variant,
            *(late_s * share,) * 3,
            corrected=handed,
            work=work,
            switch_ms=switch_ms,
        )


def fault(
    scenario: str,
    variant: Variant,
    answered: int | None = 7,
    outcome: OutcomeKind = OutcomeKind.DEADLOCKED,
    tags: tuple[str, ...] = ("deadlock",),
    *,
    corrected: bool = False,
) -> Tried:
    """A trial of a fault scenario."""
    return Tried(
        scenario=scenario,
        tags=tags,
        variant=variant,
        corrected=corrected,
        cause=Cause.LOCK_CYCLE,
        outcome=outcome,
        verdict=VerdictKind.AS_EXPECTED,
        answered=answered,
        questions=7,
        survivors_finished=0,
        survivors=1,
        run=f"runs/{scenario}/x",
    )


def faults(both: Iterable[str], threads: Iterable[str], processes: Iterable[str]) -> list[Tried]:
    """Trials of shapes that both have, that threads have, and that processes have."""
    return [
        *(fault(name, variant) for name in both for variant in (THREADS, FORK)),
        *(fault(name, THREADS) for name in threads),
        *(fault(name, FORK) for name in processes),
    ]


def leak(deadlocked: bool) -> list[Tried]:
    """Trials of a leak: with locks taken by hand it deadlocks, and so by `with` if it is said."""
    outcome = OutcomeKind.DEADLOCKED if deadlocked else OutcomeKind.EXITED
    return [
        fault("leak", variant, None, kind, ("leak",), corrected=corrected)
        for corrected, kind in ((False, OutcomeKind.DEADLOCKED), (True, outcome))
        for variant in (THREADS, FORK)
    ]


def usual() -> Recorded:
    """A build with the GIL on a quiet machine with 2 CPUs."""
    r = Recorded()
    speeds(r, THREADS, 0.98, 0.97)
    speeds(r, FORK, 1.92, 1.95)
    speeds(r, THREADS, 1.9, 1.9, corrected=True)
    _put_waiting(r)
    _put_memory(r)
    _put_ticks(r)
    _put_reach(r)
    _put_control(r)
    r.tried = [*faults("abcd", "ef", "g"), *leak(deadlocked=False)]
    return r


def single_cpu() -> Recorded:
    """The same on a machine with one CPU: nothing is faster for being shared out."""
    r = usual()
    r.cpus = 1
    speeds(r, THREADS, 0.97, 0.96)
    speeds(r, FORK, 0.99, 0.97)
    speeds(r, THREADS, 1.0, 1.0, corrected=True)
    return r


def free_threaded() -> Recorded:
    """A free-threaded build with 2 CPUs: threads are as fast as processes, and lose more."""
    r = usual()
    r.gil = False
    speeds(r, THREADS, 1.9, 1.92)
    ticks(r, "cpu", THREADS, 0.0003, handed=True)
    ticks(r, "cpu", THREADS, 0.0003, handed=True, switch_ms=0.5)
    r.put("race", "updates lost without a call", THREADS, 150_000, 160_000)
    return r


def _put_waiting(r: Recorded) -> None:
    for variant, rate in ((THREADS, 3300.0), (FORK, 2900.0)):
        for name, value in (
            ("requests of all workers", rate),
            ("gain in requests", 7.6),
            ("gain in file writes", 3.1),
        ):
            r.put("io-bound", name, variant, value, value * 1.02, corrected=True, workers=8)


def _put_memory(r: Recorded) -> None:
    sizes = {THREADS: 16 * KIB, FORK: 1.6 * MIB, FORKSERVER: 12 * MIB, SPAWN: 11 * MIB}
    starts = {THREADS: 0.0001, FORK: 0.0014, FORKSERVER: 0.04, SPAWN: 0.063}
    for variant in EVERY:
        r.put("start-up", "until a task runs", variant, starts[variant], starts[variant] * 1.1)
        for workers in (1, 32):
            for kind, factor in (("PSS", 1.0), ("USS", 0.8), ("RSS", 9.0)):
                size = sizes[variant] * factor
                r.put("memory-per-worker", f"{kind} a worker", variant, size, workers=workers)
    for variant, corrected, before, after in (
        (THREADS, False, 1.3, 1.3),
        (FORK, False, 1.35, 5.4),
        (SPAWN, False, 6.6, 6.6),
        (FORK, True, 1.1, 1.1),
        (SPAWN, True, 1.3, 1.3),
    ):
        for name, count in (("have it", before), ("have read it", after)):
            name = f"payloads when all {name}"
            r.put("shared-payload", name, variant, count, corrected=corrected, megabytes=200)


def _put_ticks(r: Recorded) -> None:
    ticks(r, "none", THREADS, 0.0003, handed=False)
    ticks(r, "cpu", THREADS, 0.034, handed=False)
    ticks(r, "cpu", THREADS, 0.0053, handed=True)
    ticks(r, "cpu", FORK, 0.0003, handed=True)
    ticks(r, "cpu", THREADS, 0.0009, handed=True, switch_ms=0.5)


def _put_reach(r: Recorded) -> None:
    r.put("ipc-cost", "plain object", THREADS, 3.3e6, 3.2e6)
    r.put("ipc-cost", "lines for plain object", THREADS, 3)
    for name, rate in (
        ("Value", 2.5e6),
        ("Array", 2.4e6),
        ("SharedMemory", 1.9e6),
        ("queue", 7.5e3),
        ("pipe", 2.0e4),
        ("manager proxy", 2.4e4),
    ):
        r.put("ipc-cost", name, FORK, rate, rate * 1.05)
        r.put("ipc-cost", f"lines for {name}", FORK, 4)


def _put_control(r: Recorded) -> None:
    for variant in EVERY:
        seen = 1 if variant is THREADS else 0
        for what in ("a global", "an argument"):
            r.put("isolation", f"write to {what} seen", variant, seen)
        r.put("isolation", "write to shared memory seen", variant, 1)
    for variant in (THREADS, FORK):
        r.put("isolation", "move in an open file seen", variant, 1)
    for state in (*STATES, "lock-holding"):
        for means in ("interrupt", "kill"):
            r.put("stopping", f"{state} stopped by {means}", FORK, 1, 1)
            r.put("stopping", f"{state} stopped by {means} after", FORK, 0.001, 0.002)
        r.put("stopping", f"{state} stopped by exception", THREADS, state == "busy")
    r.put("stopping", "lock free after interrupt", FORK, 1, 1)
    r.put("stopping", "lock free after kill", FORK, 0, 0)
    r.put("race", "failures by chance", THREADS, 0, 1)
    r.put("race", "executions by chance", THREADS, 3000, 3000)
    r.put("race", "executions when hunted", THREADS, 3, 5)
    r.put("race", "updates lost without a call", THREADS, 0, 0)
    r.put("race", "updates lost with a call", THREADS, 70_000, 80_000)
    r.put("race", "updates under stress", THREADS, 400_000, 400_000)
