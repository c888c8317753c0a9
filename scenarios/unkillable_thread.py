"""A thread that cannot be ended from outside.

A process is ended by a signal, wherever it is. For a thread there is only the asynchronous
exception of the C API, which it raises when it next runs bytecode. One that waits for a lock runs
none.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from typing import Any

from lab import (
    Cause,
    Kit,
    LockLike,
    Observed,
    OutcomeKind,
    Scenario,
    Truth,
    Variant,
    Wait,
    Workers,
)

SLICE_S = 0.01


def wait_for(lock: LockLike) -> None:
    """Wait for a lock for as long as it takes."""
    lock.acquire()  # lab: waits


def wait_in_slices(lock: LockLike) -> None:
    """Wait for it a little at a time, so that now and then bytecode is run."""
    while not lock.acquire(timeout=SLICE_S):
        pass


def end(worker: Any) -> None:
    """End a worker, by the only means that there is for its kind."""
    if isinstance(worker, threading.Thread):
        ident = ctypes.c_ulong(worker.ident or 0)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(SystemExit))
    else:
        worker.terminate()


def is_inside(worker: Any, function: Any) -> bool:
    """Say whether a thread is past the first line of its function."""
    frame = sys._current_frames().get(worker.ident)
    while frame is not None and frame.f_code is not function.__code__:
        frame = frame.f_back
    return frame is not None and frame.f_lineno > function.__code__.co_firstlineno


def faulty(kit: Kit) -> None:
    """End a worker that waits for a lock of ours."""
    run(kit, wait_for)


def corrected(kit: Kit) -> None:
    """End one that waits in slices."""
    run(kit, wait_in_slices)


def run(kit: Kit, way: Any) -> None:
    """Start a worker, end it when it waits, and wait for its end."""
    lock, nothing = kit.lock(), threading.Event()
    with lock:  # lab: holds
        worker = kit.worker(way, lock, name="worker-1")
        worker.start()
        while isinstance(worker, threading.Thread) and not is_inside(worker, way):
            nothing.wait(SLICE_S)
        end(worker)
        worker.join()  # lab: joins
    kit.observe("workers ended", 1)


def truth(variant: Variant) -> Truth:
    """A thread waits on; a process ends."""
    if variant.workers is Workers.PROCESSES:
        return Truth(OutcomeKind.EXITED, observed=(Observed("workers ended", 1, 1),))
    return Truth(
        OutcomeKind.DEADLOCKED,
        Cause.WAIT_CYCLE,
        (
            Wait("worker-1", at="waits", holder="main", held_at="holds"),
            Wait("main", at="joins", holder="worker-1"),
        ),
    )


def healthy() -> Truth:
    """Either ends."""
    return Truth(OutcomeKind.EXITED, observed=(Observed("workers ended", 1, 1),))


SCENARIO = Scenario(
    name="unkillable-thread",
    title="A thread that cannot be ended from outside",
    plants="A thread in lock.acquire() is given an exception, and its parent joins it.",
    why=(
        "The exception is only noted down, to be raised between two bytecodes of the thread. In "
        "a call into C that does not return there are none. A process in the same wait ends at "
        "once: the kernel needs no help of it."
    ),
    cure="Wait with a time-out and look at a flag in between; or use a process.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    healthy=healthy,
    tags=("broken", "exception"),
    claims=("P6", "T8"),
)
