"""A pool whose workers all wait for a task that is queued behind them.

A pool runs as many tasks at a time as it has workers; the rest wait in its queue. When each worker
runs a task that waits for one of those in the queue, no worker will ever be free to run that.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

from lab import Cause, Kit, OutcomeKind, Parameter, Scenario, Truth, Wait

prepared: Any = None
"""The event that the workers of the pool share; each is given it when it starts."""


def start_work(event: Any) -> None:
    """Begin as a worker of the pool; processes get the names that threads have."""
    global prepared
    prepared = event
    process = multiprocessing.current_process()
    if multiprocessing.parent_process() is not None:
        process.name = f"pool_{int(process.name.rpartition('-')[2]) - 1}"


def use() -> None:
    """Use what another task prepares; it may be a little late."""
    prepared.wait()  # lab: waits


def prepare() -> None:
    """Prepare it."""
    prepared.set()


def pool_of(kit: Kit, workers: int) -> Executor:
    """Return a pool of threads or of processes."""
    shared = (kit.event(),)
    if kit.variant.start_method is None:
        return ThreadPoolExecutor(workers, "pool", initializer=start_work, initargs=shared)
    context = multiprocessing.get_context(kit.variant.start_method)
    return ProcessPoolExecutor(workers, context, initializer=start_work, initargs=shared)


def faulty(kit: Kit, workers: int) -> None:
    """Fill all workers with tasks that wait for the last one."""
    with pool_of(kit, workers) as pool:
        for _ in range(workers):
            pool.submit(use)
        pool.submit(prepare).result()


def corrected(kit: Kit, workers: int) -> None:
    """Submit a task when nothing is left that it would have to wait for."""
    with pool_of(kit, workers) as pool:
        pool.submit(prepare).result()
        for _ in range(workers):
            pool.submit(use)


def truth(workers: int) -> Truth:
    """Every worker waits for an event that only a free worker could set."""
    return Truth(
        outcome=OutcomeKind.DEADLOCKED,
        cause=Cause.UNSATISFIED_WAIT,
        waits=tuple(Wait(waiter=f"pool_{i}", at="waits") for i in range(workers)),
    )


SCENARIO = Scenario(
    name="starved-pool",
    title="A pool that starves",
    plants="Every worker of a pool waits for a task that no worker is free to run.",
    why=(
        "A pool promises to run every task, but not that it runs them at the same time. With one "
        "worker more the program works, so that it fails on the machine with fewer CPUs, or under "
        "more load. The task that all wait for has not begun: it is on no stack."
    ),
    cure="Do not wait inside a task: submit what depends on a result when the result is there.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    parameters=(Parameter("workers", 2, "workers of the pool", minimum=1, maximum=32),),
    tags=("deadlock", "pool"),
    claims=("T7", "T8", "P6"),
)
