"""``Queue.join`` without ``task_done``.

A queue counts what was put and what was reported as done; ``join`` waits until the two are equal.
A worker that takes a job, does it and reports nothing leaves the count above zero for ever.
"""

from __future__ import annotations

import multiprocessing
import queue
from typing import Any

from lab import Cause, Kit, OutcomeKind, Parameter, Scenario, Truth, Wait

STOP = "stop"


def work(jobs: Any) -> None:
    """Do the jobs, and stop when told to. Nobody learns that they are done."""
    while jobs.get() != STOP:
        pass


def work_and_report(jobs: Any) -> None:
    """Report every item, also that which ends the work."""
    while True:
        try:
            if jobs.get() == STOP:
                return
        finally:
            jobs.task_done()


def faulty(kit: Kit, jobs: int) -> None:
    """Hand out the jobs to one that reports nothing."""
    hand_out(kit, work, jobs)


def corrected(kit: Kit, jobs: int) -> None:
    """Hand them out to one that reports each."""
    hand_out(kit, work_and_report, jobs)


def hand_out(kit: Kit, way: Any, count: int) -> None:
    """Put all jobs, let a worker do them, and wait until they are done."""
    jobs = joinable_queue(kit)
    worker = kit.worker(way, jobs, name="worker")
    for number in range(count):
        jobs.put(number)
    jobs.put(STOP)
    worker.start()
    worker.join()
    jobs.join()  # lab: joins


def joinable_queue(kit: Kit) -> Any:
    """Return a queue with ``join``: every one between threads has it, one class of processes."""
    method = kit.variant.start_method
    return multiprocessing.get_context(method).JoinableQueue() if method else queue.Queue()


def truth(jobs: int) -> Truth:
    """The main thread waits for reports, and the worker has ended without one."""
    del jobs
    return Truth(
        outcome=OutcomeKind.DEADLOCKED,
        cause=Cause.UNSATISFIED_WAIT,
        waits=(Wait(waiter="main", at="joins"),),
    )


SCENARIO = Scenario(
    name="queue-join",
    title="Queue.join without task_done",
    plants="All jobs are done and their worker has ended, but the queue was never told.",
    why=(
        "get() hands an item out and does not know what becomes of it, so join() counts reports "
        "instead. A worker that forgets one, or raises before it, makes the count wrong for good; "
        "the queue is empty by then and looks innocent."
    ),
    cure="Call task_done() in a finally, once for every get().",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    parameters=(Parameter("jobs", 3, "jobs to be done", minimum=0, maximum=1000),),
    tags=("deadlock", "queue"),
    claims=("T7", "T8", "P6"),
)
