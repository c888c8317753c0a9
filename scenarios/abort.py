"""A library that aborts.

Libraries written in C end their process by abort(3) when they find something that they hold to be
impossible. Their caller is not asked.
"""

from __future__ import annotations

import multiprocessing

import lab
from lab import Kit, Observed, OutcomeKind, Parameter, Scenario, Truth, Variant, Workers


def call_library(part: int) -> int:
    """Compute a part in the library, which aborts when it sees the first for the first time."""
    if part == 0:
        lab.point("library")
    return part * part


def faulty(kit: Kit, parts: int) -> None:
    """Give each part to a worker, and go on when all have ended."""
    done = 0
    for part in range(parts):
        worker = kit.worker(call_library, part, name=f"worker-{part + 1}")
        worker.start()
        worker.join()
        done += getattr(worker, "exitcode", 0) == 0
    kit.observe("parts done", done)


def corrected(kit: Kit, parts: int) -> None:
    """Have each worker call the library in a process that may die, as often as need be."""
    done = kit.queue()
    for part in range(parts):
        worker = kit.worker(call_until_done, done, part, name=f"worker-{part + 1}")
        worker.start()
        done.get()
        worker.join()
    kit.observe("parts done", parts)


def call_until_done(done: object, part: int) -> None:
    """Repeat a part until its process has ended well."""
    context = multiprocessing.get_context("spawn")
    status = None
    while status != 0:
        process = context.Process(target=call_library, args=(part,), name=f"library-{part}")
        process.start()
        process.join()
        status = process.exitcode
    done.put(part)  # type: ignore[attr-defined]


def truth(variant: Variant, parts: int) -> Truth:
    """One part is lost with its process, or all with the process of all threads."""
    if variant.workers is Workers.THREADS:
        return Truth(OutcomeKind.CRASHED, exit_code=-6)
    return Truth(OutcomeKind.EXITED, observed=(Observed("parts done", parts - 1, parts - 1),))


def healthy(parts: int) -> Truth:
    """All parts are done, one of them at the second attempt."""
    return Truth(OutcomeKind.EXITED, observed=(Observed("parts done", parts, parts),))


SCENARIO = Scenario(
    name="abort",
    title="A library that aborts",
    plants="Code in a worker calls abort(3), and the kernel sends SIGABRT.",
    why=(
        "An abort is meant to end the program, and the kernel takes the process for the program. "
        "Where each worker is a process, one part of the work is lost, and exitcode says -6; where "
        "workers are threads, the parts of all of them are, and nobody is left to say so."
    ),
    cure="Call what may abort in a process of its own, look at its exit status, and repeat.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    healthy=healthy,
    faults=("abort:worker@library",),
    parameters=(Parameter("parts", 3, "parts, one of which aborts", minimum=2, maximum=16),),
    tags=("broken", "crash"),
    claims=("P6", "T7"),
)
