"""A worker that follows a null pointer.

Foreign code checks nothing. What a bad pointer does to it the kernel answers with SIGSEGV, to the
process.
"""

from __future__ import annotations

import ctypes

from lab import Kit, Observed, OutcomeKind, Parameter, Scenario, Truth, Variant, Workers


def read(address: int | None) -> bytes:
    """Read a string of C."""
    return ctypes.string_at(address or 0)


def read_if_there(address: int | None) -> bytes:
    """Read it if there is one."""
    return ctypes.string_at(address) if address else b""


def faulty(kit: Kit, workers: int) -> None:
    """Give the first worker a null pointer, and the others a string."""
    run(kit, workers, read)


def corrected(kit: Kit, workers: int) -> None:
    """Give them the same, and check it."""
    run(kit, workers, read_if_there)


def run(kit: Kit, workers: int, way: object) -> None:
    """Let the others work when the first has ended, and count who finishes."""
    finished = 0
    for number in range(workers):
        worker = kit.worker(use, way, number, name=f"worker-{number + 1}")
        worker.start()
        worker.join()
        finished += getattr(worker, "exitcode", 0) == 0
    kit.observe("workers finished", finished)


def use(way: object, number: int) -> None:
    """Make a string, for all but the first, and read it."""
    text = ctypes.create_string_buffer(b"text")
    assert callable(way)
    way(ctypes.addressof(text) if number else None)


def truth(variant: Variant, workers: int) -> Truth:
    """One process dies of many; or the one that all threads are in."""
    if variant.workers is Workers.THREADS:
        return Truth(OutcomeKind.CRASHED, exit_code=-11)
    survivors = Observed("workers finished", workers - 1, workers - 1)
    return Truth(OutcomeKind.EXITED, observed=(survivors,))


def healthy(workers: int) -> Truth:
    """All finish."""
    return Truth(OutcomeKind.EXITED, observed=(Observed("workers finished", workers, workers),))


SCENARIO = Scenario(
    name="segfault",
    title="A worker that follows a null pointer",
    plants="A call into C reads from address 0, and the kernel sends SIGSEGV.",
    why=(
        "A crash of foreign code is no exception: no except, no finally, no traceback. It ends the "
        "process. A worker process takes nobody with it, and its parent reads -11 in exitcode; a "
        "thread takes all others, the main thread, and whatever they had in memory."
    ),
    cure="Check what goes into foreign code, or let a process of its own run it.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    healthy=healthy,
    parameters=(Parameter("workers", 3, "workers, one of which crashes", minimum=2, maximum=32),),
    tags=("broken", "crash"),
    claims=("P6", "T7"),
)
