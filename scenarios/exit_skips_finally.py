"""A worker that leaves by ``os._exit``.

It ends the process there and then. What Python does at an end, ``finally``, ``atexit``, writing out
what is in buffers, it does not do.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from lab import Kit, Observed, OutcomeKind, Parameter, Scenario, Truth, Variant, Workers

STATUS = 3


def write(path: str, records: int) -> None:
    """Write records, and be done in a hurry."""
    with Path(path).open("w") as file:
        write_records(file, records)
        os._exit(STATUS)


def write_and_return(path: str, records: int) -> None:
    """Write records, and let the end of the block write them out."""
    with Path(path).open("w") as file:
        write_records(file, records)


def write_records(file: object, records: int) -> None:
    """Write the records, fewer bytes than a buffer holds."""
    for number in range(records):
        file.write(f"{number}\n")  # type: ignore[attr-defined]


def faulty(kit: Kit, records: int) -> None:
    """Let the worker exit."""
    run(kit, write, records)


def corrected(kit: Kit, records: int) -> None:
    """Let it return."""
    run(kit, write_and_return, records)


def run(kit: Kit, way: object, records: int) -> None:
    """Start the worker, and count the records that are in the file when it has ended."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "records")
        assert callable(way)
        worker = kit.worker(way, str(path), records, name="worker-1")
        worker.start()
        worker.join()
        kit.observe("records in the file", len(path.read_text().splitlines()))


def truth(variant: Variant, records: int) -> Truth:
    """The file is empty; with threads, the program has ended before anybody could look."""
    del records
    if variant.workers is Workers.THREADS:
        return Truth(OutcomeKind.EXITED, exit_code=STATUS)
    return Truth(OutcomeKind.EXITED, observed=(Observed("records in the file", 0, 0),))


def healthy(records: int) -> Truth:
    """All records are there."""
    return Truth(OutcomeKind.EXITED, observed=(Observed("records in the file", records, records),))


SCENARIO = Scenario(
    name="exit-skips-finally",
    title="An exit that skips finally",
    plants="A worker calls os._exit inside a with block.",
    why=(
        "A call of os._exit goes to the kernel: it leaves no block, runs no finally and no atexit, "
        "and drops what is still in a buffer. In a worker process that costs its own records; "
        "in a thread it ends the program, in the middle of whatever the others were doing, and "
        "with whatever status it was given."
    ),
    cure="Return, or raise SystemExit; keep os._exit for a child between fork and exec.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    healthy=healthy,
    parameters=(Parameter("records", 20, "records to write", minimum=1, maximum=200),),
    tags=("broken", "exit"),
    claims=("P6", "T7"),
)
