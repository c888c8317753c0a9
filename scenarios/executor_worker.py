"""An executor one of whose processes is killed in its task.

``ProcessPoolExecutor`` notices the death within milliseconds, gives up every task that it has, and
refuses all others: it does not know which of them the dead process had touched.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import lab
from lab import Kit, Observed, OutcomeKind, Parameter, Scenario, Truth, Workers


def square(number: int) -> int:
    """Do a task; one kills its worker."""
    if number == 0:
        lab.point("task")
    return number * number


def submit_all(kit: Kit, numbers: list[int]) -> dict[int, Future[int]]:
    """Run the tasks in a new pool of one worker, in order, and wait until all are settled."""
    context = multiprocessing.get_context(kit.variant.start_method)
    with ProcessPoolExecutor(1, context) as pool:
        return {number: pool.submit(square, number) for number in numbers}


def lost(futures: dict[int, Future[int]]) -> list[int]:
    """Return the tasks that were given up."""
    return [n for n, future in futures.items() if isinstance(future.exception(), BrokenProcessPool)]


def faulty(kit: Kit, tasks: int) -> None:
    """Take what comes, and do without the rest."""
    futures = submit_all(kit, list(range(tasks)))
    kit.observe("tasks lost", len(lost(futures)))


def corrected(kit: Kit, tasks: int) -> None:
    """Submit again what was given up; the tasks are such that this does no harm."""
    missing = list(range(tasks))
    while missing:
        missing = lost(submit_all(kit, missing))
    kit.observe("tasks lost", len(missing))


def truth(tasks: int) -> Truth:
    """The task that was running is lost, and those behind it with it."""
    return Truth(OutcomeKind.EXITED, observed=(Observed("tasks lost", tasks, tasks),))


def healthy(tasks: int) -> Truth:
    """Nothing is lost."""
    del tasks
    return Truth(OutcomeKind.EXITED, observed=(Observed("tasks lost", 0, 0),))


SCENARIO = Scenario(
    name="executor-worker",
    title="An executor's process killed in its task",
    plants="One process dies, and the executor gives up the tasks of all.",
    why=(
        "BrokenProcessPool comes at once and to every future alike: the task that killed its "
        "process and those that had not begun look the same, and neither pid nor signal is told. "
        "An executor of threads has no such error: no thread of it can be killed alone."
    ),
    cure="Make tasks repeatable, and submit those that were given up to a new executor.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    healthy=healthy,
    faults=("kill:worker@task",),
    parameters=(Parameter("tasks", 4, "tasks for the executor", minimum=1, maximum=100),),
    variants=(Workers.PROCESSES,),
    tags=("killed", "pool"),
    claims=("P6",),
)
