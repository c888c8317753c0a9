"""What is run for the claims, how often, and how large: the short version and the full one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lab.claims.measure.contained import Step
from lab.claims.terms import EVERY, FORK, SPAWN, THREADS, team
from lab.scenario import Variant

PROGRAMS = "lab.claims.programs"


@dataclass(frozen=True)
class Scale:
    """How much is done: ``cpus`` are those that this process may use."""

    cpus: int
    quick: bool

    @property
    def workers(self) -> int:
        """How many compute at once."""
        return team(self.cpus)


@dataclass(frozen=True)
class Batch:
    """Steps that are run in turn, all of them ``repeats`` times: a drift meets all of them."""

    steps: tuple[Step, ...]
    repeats: int


def cpu(scale: Scale) -> tuple[Batch, ...]:
    """Share out pure Python, and hashing in C."""
    counts = {scale.workers, 2 * scale.workers}
    counts |= set() if scale.quick else {2**power for power in range(1, scale.cpus.bit_length())}
    variants = (THREADS, FORK) if scale.quick else (THREADS, FORK, SPAWN)
    steps = [
        Step("cpu-bound", variant, {"workers": str(count), "steps": "1000000"})
        for count in sorted(counts)
        for variant in variants
    ]
    in_c = {"workers": str(scale.workers), "steps": "1500000"}
    steps += [Step("cpu-bound", THREADS, in_c, corrected=True)]
    return (Batch(tuple(steps), 3 if scale.quick else 5),)


def io(scale: Scale) -> tuple[Batch, ...]:
    """Have several wait for a server and the disk."""
    settings = {"workers": "8", "requests": "30" if scale.quick else "80"}
    steps = tuple(
        Step("io-bound", variant, settings, corrected=True) for variant in (THREADS, FORK)
    )
    return (Batch(steps, 3 if scale.quick else 5),)


def start(scale: Scale) -> tuple[Batch, ...]:
    """Start workers one after the other."""
    settings = {"tasks": "4" if scale.quick else "9"}
    steps = tuple(Step("start-up", variant, settings) for variant in EVERY)
    return (Batch(steps, 2 if scale.quick else 5),)


def memory(scale: Scale) -> tuple[Batch, ...]:
    """Have idle workers, few and many."""
    counts = (1, 4) if scale.quick else (1, 8, 32)
    steps = tuple(
        Step("memory-per-worker", variant, {"workers": str(n), "modules": ""})
        for n in counts
        for variant in EVERY
    )
    return (Batch(steps, 1 if scale.quick else 3),)


def payload(scale: Scale) -> tuple[Batch, ...]:
    """Share one payload in four ways."""
    settings = {"megabytes": "32" if scale.quick else "200", "workers": "4"}
    ways = [(THREADS, False), (FORK, False), (SPAWN, False), (FORK, True), (SPAWN, True)]
    steps = tuple(Step("shared-payload", variant, settings, c) for variant, c in ways)
    return (Batch(steps, 1 if scale.quick else 2),)


def reach(scale: Scale) -> tuple[Batch, ...]:
    """Update another's state by every mechanism."""
    settings = {"times": "10000" if scale.quick else "40000"}
    steps = tuple(Step("ipc-cost", variant, settings) for variant in (THREADS, FORK))
    return (Batch(steps, 3 if scale.quick else 5),)


def ticks(scale: Scale) -> tuple[Batch, ...]:
    """Run a 60 Hz loop beside work, and beside none."""
    count = "48" if scale.quick else "90"

    def step(work: str, variant: Variant, *, handed: bool = True, switch_ms: str = "5") -> Step:
        settings = {"work": work, "ticks": count, "switch_ms": switch_ms}
        return Step("responsiveness", variant, settings, handed)

    computing = (
        step("none", THREADS, handed=False),
        step("cpu", THREADS, handed=False),
        step("cpu", THREADS),
        step("cpu", FORK),
        step("cpu", THREADS, switch_ms="0.5"),
    )
    waiting = (step("io", THREADS, handed=False), step("io", THREADS))
    if scale.quick:
        return (Batch(computing, 1),)
    return Batch(computing, 3), Batch(waiting, 2)


def isolation(scale: Scale) -> tuple[Batch, ...]:
    """Write, and see who sees it."""
    steps = tuple(Step(f"{PROGRAMS}.isolation:SCENARIO", variant) for variant in EVERY)
    return (Batch(steps, 1 if scale.quick else 3),)


def stopping(scale: Scale) -> tuple[Batch, ...]:
    """Stop workers in every state, by every means."""
    variants = (THREADS, FORK) if scale.quick else EVERY
    steps = tuple(Step(f"{PROGRAMS}.stopping:SCENARIO", variant) for variant in variants)
    return (Batch(steps, 1 if scale.quick else 2),)


def race(scale: Scale) -> tuple[Batch, ...]:
    """Leave a race to chance."""
    settings = {"executions": "500" if scale.quick else "3000"}
    return (
        Batch((Step(f"{PROGRAMS}.race:SCENARIO", THREADS, settings),), 2 if scale.quick else 5),
    )


BATCHES: dict[str, Callable[[Scale], Sequence[Batch]]] = {
    make.__name__: make
    for make in (cpu, io, start, memory, payload, reach, ticks, isolation, stopping, race)
}
"""What can be measured by programs alone, by name."""

FAULTS, HUNT, HEAP = "faults", "hunt", "heap"
"""What takes more than a program: fault scenarios with all captures, a hunt, a heap profile."""

NEEDS: dict[str, tuple[str, ...]] = {
    "P1": ("cpu", "start"),
    "P2": ("cpu",),
    "P3": ("cpu",),
    "P4": ("isolation", "payload"),
    "P5": ("cpu",),
    "P6": ("stopping",),
    "P7": ("memory", "payload", HEAP),
    "T1": ("io", "memory"),
    "T2": ("cpu",),
    "T3": ("cpu", "ticks"),
    "T4": ("reach",),
    "T5": ("ticks",),
    "T6": ("start", "memory"),
    "T7": (FAULTS, "race", HUNT),
    "T8": (FAULTS,),
    "G1": ("cpu", "io", "race"),
}
"""What each claim needs to have measured."""
