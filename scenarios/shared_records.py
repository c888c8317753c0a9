"""Records in ``SharedMemory``, read while they are being written.

A record is two numbers that belong together, packed into a block that every process has mapped. A
reader that unpacks it while the writer is between the two gets one of the new and one of the old.
"""

from __future__ import annotations

import struct
import threading
from multiprocessing.shared_memory import SharedMemory
from typing import Any

from lab import Kit, Observed, OutcomeKind, Parameter, Scenario, Truth

FIELD, RECORD = struct.Struct("<q"), struct.Struct("<qq")


def write(block: Any, number: int, guard: Any) -> None:
    """Write one field, and then the other."""
    del guard
    FIELD.pack_into(block, 0, number)
    FIELD.pack_into(block, FIELD.size, number)


def write_whole(block: Any, number: int, guard: Any) -> None:
    """Write both while nobody reads."""
    with guard:
        FIELD.pack_into(block, 0, number)
        FIELD.pack_into(block, FIELD.size, number)


def read(block: Any, guard: Any) -> tuple[int, int]:
    """Read both fields at once, as it seems."""
    del guard
    first, second = RECORD.unpack_from(block, 0)
    return first, second


def read_whole(block: Any, guard: Any) -> tuple[int, int]:
    """Read both while nobody writes."""
    with guard:
        first, second = RECORD.unpack_from(block, 0)
        return first, second


def writer(start: Any, way: Any, name: str, guard: Any, tries: int) -> None:
    """Attach, and write again and again."""
    memory = SharedMemory(name)
    start.wait()
    for number in range(tries):
        way(memory.buf, number, guard)
    memory.close()


def reader(start: Any, way: Any, name: str, guard: Any, torn: Any) -> None:
    """Attach, read again and again, and note what does not belong together."""
    memory = SharedMemory(name)
    start.wait()
    for number in range(len(torn)):
        first, second = way(memory.buf, guard)
        torn[number] = first != second
    memory.close()


def faulty(kit: Kit, tries: int) -> None:
    """Read at any time."""
    compete(kit, write, read, tries)


def corrected(kit: Kit, tries: int) -> None:
    """Read between two writings."""
    compete(kit, write_whole, read_whole, tries)


def compete(kit: Kit, way: Any, look: Any, tries: int) -> None:
    """Let one write and one read, and count the records that were torn."""
    torn, guard, start = kit.numbers(tries), kit.lock(), kit.barrier(2)
    memory = SharedMemory(create=True, size=RECORD.size)
    try:
        workers = (
            kit.worker(writer, start, way, memory.name, guard, tries, name="writer"),
            kit.worker(reader, start, look, memory.name, guard, torn, name="reader"),
        )
        for each in workers:
            each.start()
        for each in workers:
            each.join()
    finally:
        memory.close()
        memory.unlink()
    kit.observe("tries", tries)
    kit.observe("violations", sum(torn))


def hunted() -> None:
    """One writing and one reading, by threads."""
    one_record(write, read)


def hunted_corrected() -> None:
    """One writing and one reading, one after the other."""
    one_record(write_whole, read_whole)


def one_record(way: Any, look: Any) -> None:
    """Read a record while a thread writes it."""
    guard = threading.Lock()
    memory = SharedMemory(create=True, size=RECORD.size)
    try:
        other = threading.Thread(target=way, args=(memory.buf, 7, guard))
        other.start()
        first, second = look(memory.buf, guard)
        other.join()
    finally:
        memory.close()
        memory.unlink()
    assert first == second


def truth(tries: int) -> Truth:
    """It ends as if nothing had happened; how many records are torn is left to chance."""
    observed = Observed("tries", tries, tries), Observed("violations", minimum=0, maximum=tries)
    return Truth(OutcomeKind.EXITED, observed=observed)


def healthy(tries: int) -> Truth:
    """None is torn."""
    observed = Observed("tries", tries, tries), Observed("violations", 0, 0)
    return Truth(OutcomeKind.EXITED, observed=observed)


SCENARIO = Scenario(
    name="shared-records",
    title="Records in shared memory, read half-written",
    plants="A reader unpacks a record between the writing of its two fields.",
    why=(
        "A block of shared memory is bytes: it knows neither records nor who is about to change "
        "one. Between processes nothing keeps a reader from looking at any moment, and even one "
        "pack_into of both fields stores them one after the other. Threads over the same block "
        "can see it wherever a call returns."
    ),
    cure="Write and read a record under one lock, or count a version before and after each write.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    healthy=healthy,
    parameters=(Parameter("tries", 50000, "readings", minimum=1, maximum=200000),),
    tags=("race", "shared-memory"),
    claims=("T4", "T7", "P4"),
    hunted=hunted,
    hunted_corrected=hunted_corrected,
)
