"""An exception that ends a worker, and that nobody sees.

An exception goes up the stack of its own worker, and no further. ``join()`` waits for an end, of
whatever kind.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor

import lab
from lab import Kit, Observed, OutcomeKind, Parameter, Scenario, Truth


def work(part: int) -> int:
    """Compute a part, which fails once."""
    lab.point("part")
    return part * part


def faulty(kit: Kit, parts: int) -> None:
    """Wait for the workers and take it that they have done their work."""
    crew = [kit.worker(work, part, name=f"worker-{part + 1}") for part in range(parts)]
    for worker in crew:
        worker.start()
    for worker in crew:
        worker.join()
    kit.observe("failures noticed", 0)


def pool_of(kit: Kit, workers: int) -> Executor:
    """Return a pool of threads or of processes."""
    if kit.variant.start_method is None:
        return ThreadPoolExecutor(workers)
    return ProcessPoolExecutor(workers, multiprocessing.get_context(kit.variant.start_method))


def corrected(kit: Kit, parts: int) -> None:
    """Ask for each result: a future raises what its task has raised."""
    failures = 0
    with pool_of(kit, 2) as pool:
        for future in [pool.submit(work, part) for part in range(parts)]:
            failures += future.exception() is not None
    kit.observe("failures noticed", failures)


def truth(parts: int) -> Truth:
    """The program ends with status 0, as if all had been done."""
    del parts
    return Truth(OutcomeKind.EXITED, observed=(Observed("failures noticed", 0, 0),))


def healthy(parts: int) -> Truth:
    """The program knows of the failure."""
    del parts
    return Truth(OutcomeKind.EXITED, observed=(Observed("failures noticed", 1, 1),))


SCENARIO = Scenario(
    name="unseen-exception",
    title="An exception that ends a worker unseen",
    plants="A worker raises, the parent joins it, and the program ends with status 0.",
    why=(
        "Nobody is above the first function of a worker who could catch what it raises. All that "
        "remains is a traceback on stderr. Of a process also the exit status 1 remains, for who "
        "asks for it; a thread has not even that."
    ),
    cure="Use futures and ask each for its result; or at least look at exitcode.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    healthy=healthy,
    faults=("raise=ValueError:worker@part",),
    parameters=(Parameter("parts", 2, "parts, one of which fails", minimum=1, maximum=32),),
    tags=("broken", "exception"),
    claims=("T7",),
)
