"""A ring buffer in shared memory, made for one producer and used by two.

The producer alone moves the head, so it needs no lock: it reads where the head is, puts its item
there and moves on. A second producer reads the same head, and puts its item into the same place.
"""

from __future__ import annotations

import threading
from multiprocessing.shared_memory import SharedMemory
from typing import Any

from lab import Kit, Observed, OutcomeKind, Parameter, Scenario, Truth

HEAD, FIRST = 0, 1
"""Places in the ring: where the next item goes, and the first item."""
WORD = 8


def words_of(memory: SharedMemory) -> Any:
    """Return the block as integers; it has to be released before the block is closed."""
    return memoryview(memory.buf or b"").cast("q")


def place_of(head: int, ring: Any) -> int:
    """Return where an item goes."""
    return FIRST + head % (len(ring) - FIRST)


def put(ring: Any, item: int, guard: Any) -> None:
    """Put an item where the head is, and move the head."""
    del guard
    head = ring[HEAD]
    ring[place_of(head, ring)] = item
    ring[HEAD] = head + 1


def put_alone(ring: Any, item: int, guard: Any) -> None:
    """The same, one producer at a time."""
    with guard:
        head = ring[HEAD]
        ring[place_of(head, ring)] = item
        ring[HEAD] = head + 1


def produce(start: Any, way: Any, name: str, guard: Any, items: range) -> None:
    """Attach, and put the items."""
    memory = SharedMemory(name)
    with words_of(memory) as ring:
        start.wait()
        for item in items:
            way(ring, item, guard)
    memory.close()


def missing(ring: Any, items: range) -> int:
    """Return how many of the items are not in the ring, which has room for all."""
    return len(set(items) - set(ring[FIRST:]))


def faulty(kit: Kit, tries: int) -> None:
    """Let two producers use it."""
    compete(kit, put, tries)


def corrected(kit: Kit, tries: int) -> None:
    """Let them use it in turn."""
    compete(kit, put_alone, tries)


def compete(kit: Kit, way: Any, tries: int) -> None:
    """Let two produce, and count the items that are gone."""
    guard, start, half = kit.lock(), kit.barrier(2), tries // 2
    memory = SharedMemory(create=True, size=WORD * (FIRST + tries))
    try:
        shares = range(1, half + 1), range(half + 1, tries + 1)
        producers = [
            kit.worker(produce, start, way, memory.name, guard, share, name=f"producer-{n}")
            for n, share in enumerate(shares, start=1)
        ]
        for each in producers:
            each.start()
        for each in producers:
            each.join()
        with words_of(memory) as ring:
            lost = missing(ring, range(1, tries + 1))
    finally:
        memory.close()
        memory.unlink()
    kit.observe("tries", tries)
    kit.observe("violations", lost)


def hunted() -> None:
    """Two threads put one item each."""
    two_items(put)


def hunted_corrected() -> None:
    """Two threads put one item each, in turn."""
    two_items(put_alone)


def two_items(way: Any) -> None:
    """Let two threads produce for one ring in shared memory."""
    guard = threading.Lock()
    memory = SharedMemory(create=True, size=WORD * (FIRST + 2))
    try:
        with words_of(memory) as ring:
            items = range(1, 3)
            producers = [threading.Thread(target=way, args=(ring, n, guard)) for n in items]
            for each in producers:
                each.start()
            for each in producers:
                each.join()
            lost = missing(ring, items)
    finally:
        memory.close()
        memory.unlink()
    assert lost == 0


def truth(tries: int) -> Truth:
    """It ends as if nothing had happened; how many items are gone is left to chance."""
    observed = Observed("tries", tries, tries), Observed("violations", minimum=0, maximum=tries)
    return Truth(OutcomeKind.EXITED, observed=observed)


def healthy(tries: int) -> Truth:
    """None is gone."""
    observed = Observed("tries", tries, tries), Observed("violations", 0, 0)
    return Truth(OutcomeKind.EXITED, observed=observed)


SCENARIO = Scenario(
    name="ring-buffer",
    title="A ring buffer with one producer too many",
    plants="Two producers read the same head and put their items into the same place.",
    why=(
        "With one producer and one consumer each index has one writer, and no lock is needed; "
        "that is the whole proof, and it is written nowhere in the code. The second producer is "
        "added years later, in another file. Processes lose items at once, threads rarely with "
        "the GIL, and always somewhere without it."
    ),
    cure="Put under a lock, or give each producer a ring of its own.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    healthy=healthy,
    parameters=(Parameter("tries", 50000, "items, half by each", minimum=2, maximum=200000),),
    tags=("race", "shared-memory"),
    claims=("T4", "T7", "P4"),
    hunted=hunted,
    hunted_corrected=hunted_corrected,
)
