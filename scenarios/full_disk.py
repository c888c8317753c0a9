"""A disk that is full when the state is saved.

To open a file for writing empties it. Whether the new content finds room is known only when it has
been written out.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import lab
from lab import Kit, Observed, OutcomeKind, Parameter, Scenario, Truth


def save(path: str, text: str) -> None:
    """Write the state over the old one."""
    with Path(path).open("w") as file:
        lab.point("opened")
        file.write(text)


def save_aside(path: str, text: str) -> None:
    """Write the state into another file, and put that in place when it is safe on the disk."""
    new = Path(path + ".new")
    try:
        with new.open("w") as file:
            lab.point("opened")
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        new.unlink()  # the old state stays


def faulty(kit: Kit, items: int) -> None:
    """Save in place."""
    run(kit, save, items)


def corrected(kit: Kit, items: int) -> None:
    """Save aside."""
    run(kit, save_aside, items)


def run(kit: Kit, way: object, items: int) -> None:
    """Have a state of some items, let a worker save it anew, and read it again."""
    text = "".join(f"item {number}\n" for number in range(items))
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "state")
        path.write_text(text)
        assert callable(way)
        worker = kit.worker(way, str(path), text + "one more\n", name="worker-1")
        worker.start()
        worker.join()
        kit.observe("items that can be read again", len(path.read_text().splitlines()))


def truth(items: int) -> Truth:
    """The old state is gone, and the new one was not written."""
    del items
    lost = Observed("items that can be read again", 0, 0)
    return Truth(OutcomeKind.EXITED, observed=(lost,))


def healthy(items: int) -> Truth:
    """The old state is still there."""
    kept = Observed("items that can be read again", items, items)
    return Truth(OutcomeKind.EXITED, observed=(kept,))


SCENARIO = Scenario(
    name="full-disk",
    title="A disk that is full when the state is saved",
    plants="After a worker has opened its file for writing there is no room left (ENOSPC).",
    why=(
        "Opening empties the file, and the text waits in a buffer until it is closed: the error "
        "comes from close(), when the old state has been gone for a while. It ends a worker, "
        "thread or process, and the parent goes on without it."
    ),
    cure="Write beside the old file, flush and fsync, and rename only then.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    healthy=healthy,
    faults=("disk-full:worker-1@opened",),
    parameters=(Parameter("items", 10, "items of the state", minimum=1, maximum=200),),
    tags=("broken", "limit"),
    claims=("T4",),
)
