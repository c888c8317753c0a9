"""Published before it is initialised: the flag is up, and what it announces is not there yet.

A writer fills in a record and raises a flag beside it. In the wrong order the flag is seen by who
then reads a record that is still empty. Nothing but the order of two lines is wrong.
"""

from __future__ import annotations

import threading
from typing import Any

from lab import Kit, Observed, OutcomeKind, Parameter, Scenario, Truth

CONTENT = 42


def content() -> int:
    """Compute what goes into a record."""
    return CONTENT


def publish_early(flags: Any, records: Any, number: int) -> None:
    """Say that it is there, and then put it there."""
    flags[number] = 1
    records[number] = content()


def publish(flags: Any, records: Any, number: int) -> None:
    """Put it there, and then say so."""
    records[number] = content()
    flags[number] = 1


def is_empty(flags: Any, records: Any, number: int) -> bool:
    """Whether the record is announced and is not there."""
    return bool(flags[number]) and records[number] != CONTENT


def write(start: Any, way: Any, flags: Any, records: Any) -> None:
    """Publish one record after the other."""
    start.wait()
    for number in range(len(flags)):
        way(flags, records, number)


def read(start: Any, flags: Any, records: Any, empty: Any) -> None:
    """Read what is announced, one record after the other."""
    start.wait()
    for number in range(len(flags)):
        empty[number] = is_empty(flags, records, number)


def faulty(kit: Kit, tries: int) -> None:
    """Read while records are announced too early."""
    compete(kit, publish_early, tries)


def corrected(kit: Kit, tries: int) -> None:
    """Read while records are announced when they are there."""
    compete(kit, publish, tries)


def compete(kit: Kit, way: Any, tries: int) -> None:
    """Let one publish and one read, and count the records that were announced and empty."""
    flags, records, empty = (kit.numbers(tries) for _ in range(3))
    start = kit.barrier(2)
    writer = kit.worker(write, start, way, flags, records, name="writer")
    reader = kit.worker(read, start, flags, records, empty, name="reader")
    writer.start()
    reader.start()
    writer.join()
    reader.join()
    kit.observe("tries", tries)
    kit.observe("violations", sum(empty))


def hunted() -> None:
    """One record, announced too early."""
    one_record(publish_early)


def hunted_corrected() -> None:
    """One record, announced when it is there."""
    one_record(publish)


def one_record(way: Any) -> None:
    """Read a record while a thread publishes it."""
    flags, records = [0], [0]
    writer = threading.Thread(target=way, args=(flags, records, 0))
    writer.start()
    empty = is_empty(flags, records, 0)
    writer.join()
    assert not empty


def truth(tries: int) -> Truth:
    """It ends as if nothing had happened; how many empty records are read is left to chance."""
    observed = Observed("tries", tries, tries), Observed("violations", minimum=0, maximum=tries)
    return Truth(OutcomeKind.EXITED, observed=observed)


def healthy(tries: int) -> Truth:
    """What is announced is there."""
    observed = Observed("tries", tries, tries), Observed("violations", 0, 0)
    return Truth(OutcomeKind.EXITED, observed=observed)


SCENARIO = Scenario(
    name="early-publication",
    title="Published before it is initialised",
    plants="The flag is raised before the record that it announces is filled in.",
    why=(
        "To publish is to let others see, and they see whatever is there at that moment. An "
        "object that stores itself somewhere in its constructor does the same. CPython keeps the "
        "order of the two writes on common processors; the wrong order is the author's own. It "
        "shows with threads and with processes on shared memory."
    ),
    cure="Fill it in first and publish it last, or do both, and read both, under one lock.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    healthy=healthy,
    parameters=(Parameter("tries", 50000, "records to publish", minimum=1, maximum=200000),),
    tags=("race", "memory"),
    claims=("T4", "T7", "P4", "G1"),
    hunted=hunted,
    hunted_corrected=hunted_corrected,
)
