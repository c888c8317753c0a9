"""A pool of processes one of whose workers is killed in its task.

``multiprocessing.Pool`` replaces a worker that has died, and forgets what it was doing.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import lab
from lab import (
    Cause,
    Kit,
    Observed,
    OutcomeKind,
    Parameter,
    Scenario,
    Truth,
    Wait,
    Workers,
)


def square(number: int) -> int:
    """Do a task, with a point at which its worker may be killed."""
    lab.point("task")
    return number * number


def faulty(kit: Kit, tasks: int) -> None:
    """Map over a pool, and wait for all results."""
    with multiprocessing.get_context(kit.variant.start_method).Pool(2) as pool:
        results = pool.map(square, range(tasks), chunksize=1)  # lab: maps
    kit.observe("tasks done", len(results))


def corrected(kit: Kit, tasks: int) -> None:
    """Use a pool that says when it is broken, and begin again with what is missing."""
    context = multiprocessing.get_context(kit.variant.start_method)
    results: dict[int, int] = {}
    while len(results) < tasks:
        with ProcessPoolExecutor(2, context) as pool:
            missing = [number for number in range(tasks) if number not in results]
            futures = {number: pool.submit(square, number) for number in missing}
            for number, future in futures.items():
                try:
                    results[number] = future.result()
                except BrokenProcessPool:
                    continue
    kit.observe("tasks done", len(results))


def truth(tasks: int) -> Truth:
    """The result of one task will never come."""
    del tasks
    return Truth(OutcomeKind.DEADLOCKED, Cause.UNSATISFIED_WAIT, (Wait("main", at="maps"),))


def healthy(tasks: int) -> Truth:
    """All tasks are done, one of them at the second attempt."""
    return Truth(OutcomeKind.EXITED, observed=(Observed("tasks done", tasks, tasks),))


SCENARIO = Scenario(
    name="pool-worker",
    title="A pool worker killed in its task",
    plants="A worker of a Pool dies in a task, and map() waits for the result of that.",
    why=(
        "The pool notices the death and starts another worker, so that it looks healthy: the right "
        "number of workers, all idle. That a task was in the dead one's hands is written down "
        "nowhere. A pool of threads cannot lose one of them to a kill."
    ),
    cure="Use ProcessPoolExecutor, which raises BrokenProcessPool, and submit what is missing.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    healthy=healthy,
    faults=("kill:worker@task",),
    parameters=(Parameter("tasks", 4, "tasks for the pool", minimum=1, maximum=100),),
    variants=(Workers.PROCESSES,),
    tags=("killed", "pool"),
    claims=("P6", "T8"),
)
