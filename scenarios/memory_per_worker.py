"""What a worker adds to the memory of a program, by the kernel's count.

Sizes that count every resident page (RSS) must not be added up: a page that n processes share would
be counted n times. The proportional size (PSS) counts it 1/n in each; the unique size (USS) is what
would be freed if that process alone ended.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
from pathlib import Path
from typing import Any

from lab import Kit, Observed, OutcomeKind, Parameter, Scenario, StartMethod, Truth

type Sizes = dict[int, dict[str, int]]
"""Bytes, by process id and kind: ``PSS``, ``USS``, ``RSS``."""


def tree(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for path in lists for child in path.read_text().split()]
    return [pid, *(member for child in children for member in tree(child))]


def sizes_of(pid: int) -> dict[str, int]:
    """Return what the kernel counts for one process; see proc_pid_smaps(5)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    size = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}
    own = ("Private_Clean", "Private_Dirty", "Private_Hugetlb")
    return {"PSS": size["Pss"], "USS": sum(size[kind] for kind in own), "RSS": size["Rss"]}


def sizes() -> Sizes:
    """Return the sizes of this process and of all that it has started."""
    return {pid: sizes_of(pid) for pid in tree(os.getpid())}


def added(before: Sizes, after: Sizes, kind: str) -> int:
    """Return what came on top; unique pages that a fork made common have not been given back."""
    least = 0 if kind == "USS" else -(1 << 62)
    had = {pid: size[kind] for pid, size in before.items()}
    return sum(max(least, size[kind] - had.get(pid, 0)) for pid, size in after.items())


def load(modules: str) -> None:
    """Import what the work needs."""
    for module in filter(None, modules.split(",")):
        importlib.import_module(module)


def stay(modules: str, together: Any) -> None:
    """Be a worker that has what it needs and waits for something to do."""
    load(modules)
    together.wait()
    together.wait()


def measure(kit: Kit, workers: int, modules: str) -> None:
    """Start the workers and report what each has added when all are there."""
    together = kit.barrier(workers + 1)
    before = sizes()
    crew = [kit.worker(stay, modules, together, name=f"worker-{i + 1}") for i in range(workers)]
    for worker in crew:
        worker.start()
    together.wait()
    after = sizes()
    together.wait()
    for worker in crew:
        worker.join()
    for kind in ("PSS", "USS", "RSS"):
        kit.observe(f"{kind} a worker", added(before, after, kind) / workers, "bytes")
    for kind in ("PSS", "RSS"):
        kit.observe(f"{kind} of all", sum(size[kind] for size in after.values()), "bytes")


def faulty(kit: Kit, workers: int, modules: str) -> None:
    """Have every worker import for itself: each process fills its own pages."""
    measure(kit, workers, modules)


def corrected(kit: Kit, workers: int, modules: str) -> None:
    """Import before the workers are forked, who then share the pages."""
    if kit.variant.start_method is StartMethod.FORKSERVER:
        multiprocessing.set_forkserver_preload(["__main__", *filter(None, modules.split(","))])
    load(modules)
    measure(kit, workers, modules)


def truth() -> Truth:
    """It ends, and says what a worker adds."""
    figures = ("PSS a worker", "USS a worker", "RSS a worker", "PSS of all", "RSS of all")
    return Truth(OutcomeKind.EXITED, observed=tuple(Observed(name) for name in figures))


SCENARIO = Scenario(
    name="memory-per-worker",
    title="What a worker adds to the memory",
    plants="Every worker process imports the same modules into pages of its own.",
    why=(
        "Threads live in one memory, and one more adds a stack. A forked process begins with all "
        "of its parent's pages, shared until one of the two writes to them; what it imports later "
        "is its own. A spawned process shares the interpreter's file and nothing else."
    ),
    cure="Import before forking, or have the fork server import; for spawn there is no cure.",
    faulty=faulty,
    corrected=corrected,
    truth=lambda **_: truth(),
    healthy=lambda **_: truth(),
    parameters=(
        Parameter("workers", 4, "workers that wait for work", minimum=1, maximum=64),
        Parameter("modules", "asyncio,decimal", "what each needs, by names with commas"),
    ),
    tags=("cost", "memory"),
    claims=("P7", "T6"),
)
