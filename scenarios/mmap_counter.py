"""A counter in a mapped file, which every process adds to.

A file that several processes map is memory they share, and it outlives them. The number in it is
eight bytes: they are read, turned into an integer, turned back and written, and somebody else does
the same meanwhile.
"""

from __future__ import annotations

import mmap
import tempfile
import threading
from pathlib import Path
from typing import Any

from lab import Kit, Observed, OutcomeKind, Parameter, Scenario, Truth

WORD = 8


def number_in(page: Any) -> int:
    """Return the number in the first bytes."""
    return int.from_bytes(page[:WORD], "little")


def add(page: Any, guard: Any) -> None:
    """Read, add, write."""
    del guard
    seen = number_in(page)
    page[:WORD] = (seen + 1).to_bytes(WORD, "little")


def add_alone(page: Any, guard: Any) -> None:
    """Read, add and write while nobody else does."""
    with guard:
        seen = number_in(page)
        page[:WORD] = (seen + 1).to_bytes(WORD, "little")


def work(start: Any, way: Any, path: str, guard: Any, times: int) -> None:
    """Map the file, and add again and again."""
    with Path(path).open("r+b") as file, mmap.mmap(file.fileno(), WORD) as page:
        start.wait()
        for _ in range(times):
            way(page, guard)


def faulty(kit: Kit, tries: int) -> None:
    """Let two add as they like."""
    compete(kit, add, tries)


def corrected(kit: Kit, tries: int) -> None:
    """Let them add one at a time."""
    compete(kit, add_alone, tries)


def compete(kit: Kit, way: Any, tries: int) -> None:
    """Let two add to one counter, and count what is missing."""
    guard, start, half = kit.lock(), kit.barrier(2), tries // 2
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "counter"
        path.write_bytes(bytes(WORD))
        workers = [
            kit.worker(work, start, way, str(path), guard, times, name=f"worker-{n}")
            for n, times in enumerate((half, tries - half), start=1)
        ]
        for each in workers:
            each.start()
        for each in workers:
            each.join()
        counted = number_in(path.read_bytes())
    kit.observe("tries", tries)
    kit.observe("violations", tries - counted)


def hunted() -> None:
    """Two threads add one each to a page of shared memory."""
    two_additions(add)


def hunted_corrected() -> None:
    """The same, one at a time."""
    two_additions(add_alone)


def two_additions(way: Any) -> None:
    """Let two threads add to a counter in memory that a fork would share."""
    guard = threading.Lock()
    with mmap.mmap(-1, WORD) as page:
        workers = [threading.Thread(target=way, args=(page, guard)) for _ in range(2)]
        for each in workers:
            each.start()
        for each in workers:
            each.join()
        counted = number_in(page)
    assert counted == 2


def truth(tries: int) -> Truth:
    """It ends as if nothing had happened; how many additions are lost is left to chance."""
    observed = Observed("tries", tries, tries), Observed("violations", minimum=0, maximum=tries)
    return Truth(OutcomeKind.EXITED, observed=observed)


def healthy(tries: int) -> Truth:
    """None is lost."""
    observed = Observed("tries", tries, tries), Observed("violations", 0, 0)
    return Truth(OutcomeKind.EXITED, observed=observed)


SCENARIO = Scenario(
    name="mmap-counter",
    title="A counter in a mapped file",
    plants="Two workers add to the same bytes of a mapped file.",
    why=(
        "Mapped memory is fast because nobody stands between it and those who use it. Processes "
        "that add to it run at the same time on several processors, and lose a good part of what "
        "they add. Threads can lose as much, wherever a call returns; the file remembers the "
        "wrong number after all of them have gone."
    ),
    cure="Add under a lock that all of them have; for strangers, fcntl.flock on the file.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    healthy=healthy,
    parameters=(Parameter("tries", 50000, "additions, half by each", minimum=2, maximum=200000),),
    tags=("race", "shared-memory"),
    claims=("T4", "T7", "P4"),
    hunted=hunted,
    hunted_corrected=hunted_corrected,
)
