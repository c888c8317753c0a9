"""What it takes to begin: a new worker for every task, or a few workers for all of them."""

from __future__ import annotations

import multiprocessing
import statistics
import time
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

from lab import Kit, Observed, OutcomeKind, Parameter, Scenario, Truth

WORKERS = 2


def say_when(answers: Any) -> None:
    """Do a task that is next to nothing: say when it ran."""
    answers.put(time.perf_counter())


def now() -> float:
    """Do the same and return it."""
    return time.perf_counter()


def report(kit: Kit, until_it_runs: list[float], whole: list[float]) -> None:
    """Report the first task on its own: it may pay for what later ones find there."""
    kit.observe("until the first runs", until_it_runs[0], "s")
    kit.observe("until a task runs", statistics.median(until_it_runs[1:]), "s")
    kit.observe("a whole task", statistics.median(whole[1:]), "s")


def faulty(kit: Kit, tasks: int) -> None:
    """Start a worker for every task, and wait for its end."""
    until_it_runs, whole = [], []
    answers = kit.queue()
    for i in range(tasks):
        began = time.perf_counter()
        worker = kit.worker(say_when, answers, name=f"worker-{i + 1}")
        worker.start()
        until_it_runs.append(answers.get() - began)
        worker.join()
        whole.append(time.perf_counter() - began)
    report(kit, until_it_runs, whole)


def pool_of(kit: Kit) -> Executor:
    """Return a pool of threads or of processes."""
    if kit.variant.start_method is None:
        return ThreadPoolExecutor(WORKERS)
    context = multiprocessing.get_context(kit.variant.start_method)
    return ProcessPoolExecutor(WORKERS, context)


def corrected(kit: Kit, tasks: int) -> None:
    """Hand every task to a pool, whose workers stay."""
    until_it_runs, whole = [], []
    with pool_of(kit) as pool:
        for _ in range(tasks):
            began = time.perf_counter()
            until_it_runs.append(pool.submit(now).result() - began)
            whole.append(time.perf_counter() - began)
    report(kit, until_it_runs, whole)


def truth() -> Truth:
    """It ends, and says what a task takes."""
    figures = ("until the first runs", "until a task runs", "a whole task")
    return Truth(OutcomeKind.EXITED, observed=tuple(Observed(name, minimum=0) for name in figures))


SCENARIO = Scenario(
    name="start-up",
    title="What it takes to start a worker",
    plants="Every task, however small, is given a worker of its own.",
    why=(
        "A thread needs a stack and an entry in the kernel's table. A forked process needs a copy "
        "of its parent's page tables, and one that is spawned begins a new interpreter and imports "
        "the program again. Whoever pays that for each task may pay more than the task is worth."
    ),
    cure="Keep a few workers and hand them the tasks, as a pool does.",
    faulty=faulty,
    corrected=corrected,
    truth=lambda **_: truth(),
    healthy=lambda **_: truth(),
    parameters=(Parameter("tasks", 10, "tasks, one after the other", minimum=2, maximum=1000),),
    tags=("cost", "start"),
    claims=("T6", "P1"),
)
