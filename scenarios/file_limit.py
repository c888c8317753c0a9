"""A file that may not grow any further.

A write that meets the limit on a file's size does as much as it can. What stands in the file then
is the beginning of a record.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from lab import Kit, Observed, OutcomeKind, Parameter, Scenario, Truth

RECORD = b"x" * 99 + b"\n"


def append(path: str, records: int) -> None:
    """Append records to the file, in as few writes as possible."""
    with Path(path).open("ab") as file:
        file.write(RECORD * records)


def replace(path: str, records: int) -> None:
    """Write a new file beside it, and put that in its place when all is in it."""
    old, new = Path(path), Path(path + ".new")
    try:
        with new.open("wb") as file:
            file.write(old.read_bytes() + RECORD * records)
            file.flush()
            os.fsync(file.fileno())
        new.replace(old)
    except OSError:
        new.unlink()  # there was no room for more


def faulty(kit: Kit, records: int) -> None:
    """Append in place."""
    run(kit, append, records)


def corrected(kit: Kit, records: int) -> None:
    """Replace the file as a whole."""
    run(kit, replace, records)


def run(kit: Kit, way: object, records: int) -> None:
    """Begin with one record, let a worker add to it, and look at what is there."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "records")
        path.write_bytes(RECORD)
        assert callable(way)
        worker = kit.worker(way, str(path), records, name="worker-1")
        worker.start()
        worker.join()
        *whole, rest = path.read_bytes().split(b"\n")
        kit.observe("records that are whole", len(whole))
        kit.observe("records that are torn", rest != b"")


def truth(records: int) -> Truth:
    """The file ends within a record."""
    del records
    return Truth(OutcomeKind.EXITED, observed=(Observed("records that are torn", 1, 1),))


def healthy(records: int) -> Truth:
    """The file is as it was."""
    del records
    return Truth(
        OutcomeKind.EXITED,
        observed=(
            Observed("records that are whole", 1, 1),
            Observed("records that are torn", 0, 0),
        ),
    )


SCENARIO = Scenario(
    name="file-limit",
    title="A file that may not grow any further",
    plants="No file may grow beyond 4 KiB, and a worker writes more than that.",
    why=(
        "RLIMIT_FSIZE refuses a write only at the limit itself: the bytes before it are written, "
        "wherever a record begins or ends. The error comes afterwards, as EFBIG, to a worker whose "
        "end nobody looks at. A quota does the same. Threads and processes do not differ here, "
        "except that the limit is meant for one process, and so for all of its threads."
    ),
    cure="Write a new file and put it in the place of the old one by rename, when it is whole.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    healthy=healthy,
    faults=("file-size=4KiB:worker-1@start",),
    parameters=(Parameter("records", 100, "records to add", minimum=50, maximum=1000),),
    tags=("broken", "limit"),
    claims=("T4",),
)
