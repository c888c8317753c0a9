"""Work that keeps a CPU busy, shared out among workers.

The same share of work is done by one worker, then by several at once. How many times as much they
get done is the speed-up. All figures come from one execution, so that a busy machine slows both.
"""

from __future__ import annotations

import hashlib
import itertools
import time
from collections.abc import Callable
from typing import Any

from lab import Kit, Observed, OutcomeKind, Parameter, Scenario, Truth

type Span = tuple[float, float, float]
"""When a worker began and ended its share, and the CPU time that it took, in seconds."""


def count_in_python(steps: int) -> int:
    """Compute something step by step: the interpreter runs every one of them."""
    total = 0
    for step in range(steps):
        total = (total * 31 + step) % 1_000_003
    return total


def hash_in_c(steps: int) -> str:
    """Hash some megabytes: a few long calls into C, which let go of the GIL meanwhile."""
    block, digest = bytes(1 << 20), hashlib.sha256()
    for _ in range(max(1, steps // 16_384)):
        digest.update(block)
    return digest.hexdigest()


def do_share(work: Callable[[int], Any], steps: int, everybody_is_here: Any, spans: Any) -> None:
    """Do one share when everybody is there to begin, and say when."""
    everybody_is_here.wait()
    began, used = time.perf_counter(), time.thread_time()
    work(steps)
    spans.put((began, time.perf_counter(), time.thread_time() - used))


def share_out(kit: Kit, work: Callable[[int], Any], steps: int, workers: int) -> list[Span]:
    """Have each of ``workers`` do a share of ``steps`` and return their spans."""
    everybody_is_here, spans = kit.barrier(workers), kit.queue()
    crew = [
        kit.worker(do_share, work, steps, everybody_is_here, spans, name=f"worker-{i + 1}")
        for i in range(workers)
    ]
    for worker in crew:
        worker.start()
    found = [spans.get() for _ in crew]
    for worker in crew:
        worker.join()
    return found


def share_of_overlap(spans: list[Span]) -> float:
    """Return the share of the time, from first to last, in which two or more were at work."""
    edges = sorted([(began, 1) for began, _, _ in spans] + [(ended, -1) for _, ended, _ in spans])
    busy = overlap = 0.0
    there = 0
    for (at, change), (following, _) in itertools.pairwise(edges):
        there += change
        busy += (following - at) * (there > 0)
        overlap += (following - at) * (there > 1)
    return overlap / busy


def measure(kit: Kit, work: Callable[[int], Any], steps: int, workers: int) -> None:
    """Do a share alone and as many as there are workers together; report how they compare."""
    ((began, ended, _),) = share_out(kit, work, steps, 1)
    alone = ended - began
    start = time.perf_counter()
    spans = share_out(kit, work, steps, workers)
    together = max(ended for _, ended, _ in spans) - min(began for began, _, _ in spans)
    kit.observe("one share alone", alone, "s")
    kit.observe("speed-up", workers * alone / together)
    whole = max(ended for _, ended, _ in spans) - start
    kit.observe("speed-up with the start", workers * alone / whole)
    kit.observe("CPUs busy", sum(used for _, _, used in spans) / together)
    kit.observe("overlap", share_of_overlap(spans))


def faulty(kit: Kit, workers: int, steps: int) -> None:
    """Compute in Python: on a build with the GIL only processes can do so at the same time."""
    measure(kit, count_in_python, steps, workers)


def corrected(kit: Kit, workers: int, steps: int) -> None:
    """Leave the computing to C code that lets go of the GIL: threads can do that, too."""
    measure(kit, hash_in_c, steps, workers)


def truth() -> Truth:
    """It ends, and says how fast it was; how fast that is depends on machine and interpreter."""
    figures = ("one share alone", "speed-up", "speed-up with the start", "CPUs busy", "overlap")
    return Truth(OutcomeKind.EXITED, observed=tuple(Observed(name, minimum=0) for name in figures))


SCENARIO = Scenario(
    name="cpu-bound",
    title="What more workers gain where the CPU is the limit",
    plants="Several workers compute in Python at the same time, and have to share what there is.",
    why=(
        "With the GIL one thread of a process runs Python code at a time: more threads share one "
        "CPU's worth of it. Processes have a GIL each, and a free-threaded build has none. Code in "
        "C that lets go of the GIL while it works runs in parallel in threads, too."
    ),
    cure="Let C code that releases the GIL do the work, or use processes.",
    faulty=faulty,
    corrected=corrected,
    truth=lambda **_: truth(),
    healthy=lambda **_: truth(),
    parameters=(
        Parameter("workers", 2, "workers that compute at once", minimum=2, maximum=256),
        Parameter("steps", 1_500_000, "steps of each one's share", minimum=1),
    ),
    tags=("cost", "cpu"),
    claims=("P1", "P2", "P3", "P5", "T2", "T3", "G1"),
)
