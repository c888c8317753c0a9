"""Tasks that submit tasks to their own pool, and wait for the results.

It is the natural way to write a recursive algorithm, and right as long as there are more workers
than levels of it. When every worker waits for a task in the queue, that will never run.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from lab import Cause, Kit, OutcomeKind, Parameter, Scenario, Truth, Wait, Workers


def leaf() -> int:
    """Return the size of something without parts."""
    return 1


def size_of_part(pool: ThreadPoolExecutor, everybody_works: Any) -> int:
    """Have what is inside a part measured by the pool, and wait for that."""
    everybody_works.wait()
    inside = pool.submit(leaf)
    return 1 + inside.result()  # lab: waits


def begin_part(pool: ThreadPoolExecutor, everybody_works: Any) -> Any:
    """Have it measured, and leave the waiting to whoever is no worker of the pool."""
    everybody_works.wait()
    return pool.submit(leaf)


def faulty(kit: Kit, workers: int) -> None:
    """Measure as many parts as there are workers."""
    everybody_works = kit.barrier(workers)
    with ThreadPoolExecutor(workers, "pool") as pool:
        parts = [pool.submit(size_of_part, pool, everybody_works) for _ in range(workers)]
        sum(part.result() for part in parts)


def corrected(kit: Kit, workers: int) -> None:
    """Wait here for what the tasks have begun."""
    everybody_works = kit.barrier(workers)
    with ThreadPoolExecutor(workers, "pool") as pool:
        parts = [pool.submit(begin_part, pool, everybody_works) for _ in range(workers)]
        sum(1 + part.result().result() for part in parts)


def truth(workers: int) -> Truth:
    """Every worker waits for a result that only a free worker could compute."""
    return Truth(
        outcome=OutcomeKind.DEADLOCKED,
        cause=Cause.UNSATISFIED_WAIT,
        waits=tuple(Wait(waiter=f"pool_{i}", at="waits") for i in range(workers)),
    )


SCENARIO = Scenario(
    name="nested-submit",
    title="Tasks that wait for tasks of their own pool",
    plants="Every worker waits for the result of a task that sits in the queue of the same pool.",
    why=(
        "To wait in a task keeps a worker from working. Whether one is left depends on how many "
        "tasks come together, which is why small inputs work. A process pool refuses the nested "
        "submit before it can starve: an executor cannot be pickled, so its workers do not have "
        "it; see the scenario starved-pool for how it starves all the same."
    ),
    cure="Hand the pending result to somebody outside the pool, and wait there.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    parameters=(Parameter("workers", 2, "workers of the pool", minimum=1, maximum=32),),
    variants=(Workers.THREADS,),
    tags=("deadlock", "pool"),
    claims=("T7", "T8"),
)
