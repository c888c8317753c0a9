"""A worker that needs more memory than it is allowed.

A limit on memory belongs to a process. What a thread takes, it takes from all.
"""

from __future__ import annotations

from typing import Any

from lab import Kit, Observed, OutcomeKind, Parameter, Scenario, Truth, Variant, Workers

PIECE = 1 << 20


def load(done: Any, size: int) -> None:
    """Work on the whole of the data at once."""
    data = bytearray(size)
    done.put(len(data))


def load_in_pieces(done: Any, size: int) -> None:
    """Work on one piece after the other, in the same memory."""
    piece, total = bytearray(PIECE), 0
    while total < size:
        total += len(piece)
    done.put(total)


def faulty(kit: Kit, pieces: int) -> None:
    """Let each of two workers load more than is allowed to one."""
    run(kit, load, pieces * PIECE)


def corrected(kit: Kit, pieces: int) -> None:
    """Let each load a piece at a time."""
    run(kit, load_in_pieces, pieces * PIECE)


def run(kit: Kit, way: Any, size: int) -> None:
    """Run two workers, of which the limit is planted for the first."""
    done = kit.queue()
    for name in ("worker-1", "worker-2"):
        worker = kit.worker(way, done, size, name=name)
        worker.start()
        worker.join()
    results = 0
    done.put(None)
    while done.get() is not None:
        results += 1
    kit.observe("workers that got their memory", results)


def truth(variant: Variant, pieces: int) -> Truth:
    """The limit stops the process for which it is; or every thread."""
    del pieces
    spared = 1 if variant.workers is Workers.PROCESSES else 0
    return Truth(
        OutcomeKind.EXITED,
        observed=(Observed("workers that got their memory", spared, spared),),
    )


def healthy(pieces: int) -> Truth:
    """Both stay below the limit."""
    del pieces
    return Truth(OutcomeKind.EXITED, observed=(Observed("workers that got their memory", 2, 2),))


SCENARIO = Scenario(
    name="memory-limit",
    title="A worker that needs more memory than allowed",
    plants="A worker's process may grow by 48 MiB, and the worker wants more.",
    why=(
        "RLIMIT_AS counts the address space of a process. Python turns the refusal into a "
        "MemoryError, which ends one worker. Another process has a limit of its own; another "
        "thread has the same one, and fails although it was not meant. A container's limit is no "
        "refusal but a SIGKILL: see killed-holder for what that leaves."
    ),
    cure="Work in pieces of a size that is known beforehand.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    healthy=healthy,
    faults=("memory=48MiB:worker-1@start",),
    parameters=(Parameter("pieces", 128, "MiB that each worker needs", minimum=64, maximum=512),),
    tags=("broken", "limit"),
    claims=("P6", "P7"),
)
