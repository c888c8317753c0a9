"""``multiprocessing.Array`` has a lock, and ``+=`` does not hold it.

Each reading and each writing of a ``Value`` or an ``Array`` takes the lock for itself. A statement
that does both lets go of it in between, and the lock that comes with the object guards nothing.
"""

from __future__ import annotations

import multiprocessing
import threading
from typing import Any

from lab import Kit, Observed, OutcomeKind, Parameter, Scenario, Truth


def count(row: Any, number: int) -> None:
    """Add one: the lock is taken twice, and is free in between."""
    row[number] += 1


def count_locked(row: Any, number: int) -> None:
    """Add one with the lock in hand all the time."""
    with row.get_lock():
        row[number] += 1


def work(start: Any, way: Any, row: Any) -> None:
    """Add one to each number of the row."""
    start.wait()
    for number in range(len(row)):
        way(row, number)


def faulty(kit: Kit, tries: int) -> None:
    """Rely on the lock that comes with the array."""
    compete(kit, count, tries)


def corrected(kit: Kit, tries: int) -> None:
    """Take it."""
    compete(kit, count_locked, tries)


def compete(kit: Kit, way: Any, tries: int) -> None:
    """Let two count in the same row, and count what is missing."""
    context = multiprocessing.get_context(kit.variant.start_method)
    row: Any = context.Array("q", tries)
    start = kit.barrier(2)
    workers = [kit.worker(work, start, way, row, name=f"worker-{n}") for n in (1, 2)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    kit.observe("tries", tries)
    kit.observe("violations", sum(number != 2 for number in row))


def hunted() -> None:
    """Two threads over the same kind of memory."""
    one_number(count)


def hunted_corrected() -> None:
    """The same, with the lock in hand."""
    one_number(count_locked)


def one_number(way: Any) -> None:
    """Let two threads count in an array whose lock is one of threads."""
    lock: Any = threading.RLock()
    row: Any = multiprocessing.Array("q", 1, lock=lock)
    workers = [threading.Thread(target=way, args=(row, 0)) for _ in range(2)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    assert row[0] == 2


def truth(tries: int) -> Truth:
    """It ends as if nothing had happened; how many counts are missing is left to chance."""
    observed = Observed("tries", tries, tries), Observed("violations", minimum=0, maximum=tries)
    return Truth(OutcomeKind.EXITED, observed=observed)


def healthy(tries: int) -> Truth:
    """None is missing."""
    observed = Observed("tries", tries, tries), Observed("violations", 0, 0)
    return Truth(OutcomeKind.EXITED, observed=observed)


SCENARIO = Scenario(
    name="unlocked-value",
    title="A shared Value or Array, and the lock that nobody holds",
    plants="Two workers add to the same number of a multiprocessing.Array with +=.",
    why=(
        "That the object is called synchronized means that no reading sees half a number. Reading "
        "and writing are two operations all the same, each with the lock for itself. Where the "
        "workers are processes there is no GIL between them, and they lose counts in earnest; "
        "threads on the same array can, wherever the method that reads it returns."
    ),
    cure="Hold get_lock() around the whole statement.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    healthy=healthy,
    parameters=(Parameter("tries", 50000, "numbers that both add to", minimum=1, maximum=200000),),
    tags=("race", "shared-memory"),
    claims=("T4", "T7", "P4"),
    hunted=hunted,
    hunted_corrected=hunted_corrected,
)
