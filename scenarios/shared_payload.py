"""A large payload that every worker reads, and how many times it is there.

Handed over as Python objects, it is one payload for threads; for forked processes it is one until
they use it; for those started otherwise it is copied into each. In shared memory it is one for all.
"""

from __future__ import annotations

import array
import os
from collections.abc import Callable
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any

from lab import Kit, Observed, OutcomeKind, Parameter, Scenario, Truth

OBJECT_BYTES = 32
"""A float and the reference to it in a list."""


def tree(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for path in lists for child in path.read_text().split()]
    return [pid, *(member for child in children for member in tree(child))]


def pss() -> int:
    """Return the proportional size of this process and all that it has started, in bytes."""
    texts = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in tree(os.getpid())]
    return sum(int(text.split("\nPss:")[1].split()[0]) * 1024 for text in texts)


def read_objects(payload: list[float], together: Any) -> None:
    """Read every object: each counts its references, and the count is written."""
    together.wait()
    together.wait()
    sum(payload)
    together.wait()
    together.wait()


def read_memory(name: str, size: int, together: Any) -> None:
    """Read numbers out of shared memory: nothing is written there."""
    memory: Any = SharedMemory(name)
    together.wait()
    together.wait()
    with memory.buf[:size].cast("d") as numbers:
        sum(numbers)
    together.wait()
    together.wait()
    memory.close()


def compare(kit: Kit, read: Callable[..., None], workers: int, size: int, *payload: Any) -> None:
    """Report how many payloads' worth of memory there is when all have it, and have read it."""
    together = kit.barrier(workers + 1)
    crew = [kit.worker(read, *payload, together, name=f"worker-{i + 1}") for i in range(workers)]
    for worker in crew:
        worker.start()
    together.wait()
    handed = pss()
    together.wait()
    together.wait()
    used = pss()
    together.wait()
    for worker in crew:
        worker.join()
    kit.observe("PSS when all have it", handed, "bytes")
    kit.observe("PSS when all have read it", used, "bytes")
    kit.observe("payloads when all have it", handed / size)
    kit.observe("payloads when all have read it", used / size)


def faulty(kit: Kit, workers: int, megabytes: int) -> None:
    """Hand over a list of floats."""
    size = megabytes << 20
    compare(kit, read_objects, workers, size, [float(i) for i in range(size // OBJECT_BYTES)])


def corrected(kit: Kit, workers: int, megabytes: int) -> None:
    """Put the bare numbers into shared memory and hand over its name."""
    size = megabytes << 20
    memory: Any = SharedMemory(create=True, size=size)
    page = array.array("d", range(1 << 16)).tobytes()
    for at in range(0, size, len(page)):
        memory.buf[at : at + len(page)] = page[: size - at]
    compare(kit, read_memory, workers, size, memory.name, size)
    memory.close()
    memory.unlink()


def truth() -> Truth:
    """It ends, and says how many payloads there were."""
    moments = ("PSS when all have it", "PSS when all have read it")
    counts = ("payloads when all have it", "payloads when all have read it")
    figures = tuple(Observed(name, minimum=0) for name in (*moments, *counts))
    return Truth(OutcomeKind.EXITED, observed=figures)


SCENARIO = Scenario(
    name="shared-payload",
    title="One large payload for several workers",
    plants="Every worker reads the same payload of Python objects.",
    why=(
        "A thread sees the objects of its process. A forked process sees them too, in pages shared "
        "until somebody writes, and to use an object writes to it: its reference count lies beside "
        "its value. Pickled for a new interpreter, it is there once more in each. What a heap "
        "profiler counts in a forked worker is next to nothing: it cannot see copied pages."
    ),
    cure="Put it where no reference is counted: bytes in shared memory, an array, a mapped file.",
    faulty=faulty,
    corrected=corrected,
    truth=lambda **_: truth(),
    healthy=lambda **_: truth(),
    parameters=(
        Parameter("workers", 4, "workers that read it", minimum=1, maximum=64),
        Parameter("megabytes", 200, "size of the payload, in MiB", minimum=1, maximum=4096),
    ),
    tags=("cost", "memory"),
    claims=("P7", "P4"),
    timeout_s=60.0,
)
