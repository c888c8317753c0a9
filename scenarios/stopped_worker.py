"""A worker that is stopped while it holds a lock, and that nobody continues.

SIGSTOP takes a process off the CPU without ending it. It keeps its locks, its memory and its place
in every queue.
"""

from __future__ import annotations

import os
import signal
from typing import Any

import lab
from lab import (
    Cause,
    Kit,
    LockLike,
    Observed,
    OutcomeKind,
    Scenario,
    StartMethod,
    Truth,
    Wait,
    Workers,
)


def first(lock: LockLike, inside: Any) -> None:
    """Enter, and be stopped there."""
    with lock:  # lab: holds
        inside.set()
        lab.point("inside")


def second(lock: LockLike) -> None:
    """Do the same work after it."""
    with lock:  # lab: wants
        pass


def start(kit: Kit, lock: LockLike) -> list[Any]:
    """Start both, the second when the first is inside."""
    inside = kit.event()
    crew = [kit.worker(first, lock, inside, name="worker-1")]
    crew.append(kit.worker(second, lock, name="worker-2"))
    crew[0].start()
    inside.wait()
    crew[1].start()
    return crew


def faulty(kit: Kit) -> None:
    """Wait for both."""
    lock = kit.lock()
    for worker in start(kit, lock):
        worker.join()


def corrected(kit: Kit) -> None:
    """Ask the kernel also about stops, which it tells a parent, and continue who is stopped."""
    lock = kit.lock()
    crew = start(kit, lock)
    continued = 0
    for worker in crew:
        wanted = os.WEXITED | os.WSTOPPED | os.WNOWAIT
        while (told := os.waitid(os.P_PID, worker.pid, wanted)) and told.si_code == os.CLD_STOPPED:
            os.waitid(os.P_PID, worker.pid, os.WSTOPPED)
            os.kill(worker.pid, signal.SIGCONT)
            continued += 1
        worker.join()
    kit.observe("workers continued", continued)


def truth() -> Truth:
    """Nothing runs, but anybody could still send a SIGCONT: that is no deadlock."""
    wait = Wait("worker-2", at="wants", holder="worker-1", held_at="holds")
    return Truth(OutcomeKind.QUIET, Cause.STOPPED, (wait,))


def healthy() -> Truth:
    """The stopped one was continued, and both finished."""
    return Truth(OutcomeKind.EXITED, observed=(Observed("workers continued", 1, 1),))


SCENARIO = Scenario(
    name="stopped-worker",
    title="A worker stopped while it holds a lock",
    plants="The holder of a lock gets a SIGSTOP, and nobody continues it.",
    why=(
        "A stopped process is alive by every test that a program usually makes: its pid is there, "
        "is_alive() is true, join() waits. What it holds stays held. It can be continued at any "
        "time, which makes this a pause and not a deadlock. Only its own parent is told; that of "
        "a fork server's workers is the server. Threads cannot be stopped one by one."
    ),
    cure="Let the parent wait for stops as well, by waitid(), and continue or replace the worker.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    healthy=healthy,
    faults=("stop:worker-1@inside",),
    variants=(Workers.PROCESSES,),
    start_methods=(StartMethod.FORK, StartMethod.SPAWN),
    tags=("broken", "lock"),
    claims=("P6", "T8"),
    timeout_s=2.5,
)
