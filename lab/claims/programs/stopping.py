"""Stopping one worker that computes, waits for a lock, or sleeps.

A process is sent a signal. For a thread there is only an exception that the interpreter raises in
it when it next runs Python code: ``PyThreadState_SetAsyncExc``.
"""

from __future__ import annotations

import ctypes
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.kit import Kit
from lab.scenario import OutcomeKind, Parameter, Scenario, Truth

DEADLINE_S = 0.6
"""After this long a worker counts as not stopped."""
SLEEP_S = 1.5
"""How long a sleeping worker sleeps: longer than the deadline."""


class Stop(BaseException):
    """Raised in a thread from outside."""


def compute(_lock: Any) -> None:
    """Run Python code without end."""
    while True:
        sum(range(100))


def wait_for_lock(lock: Any) -> None:
    """Wait for a lock that somebody else holds."""
    lock.acquire()


def sleep(_lock: Any) -> None:
    """Sleep in a system call."""
    time.sleep(SLEEP_S)


def hold(lock: Any) -> None:
    """Compute while holding the lock."""
    with lock:
        compute(lock)


STATES: dict[str, Callable[[Any], None]] = {
    "busy": compute,
    "lock-blocked": wait_for_lock,
    "sleeping": sleep,
    "lock-holding": hold,
}


def be(state: str, lock: Any, where: Any) -> None:
    """Be in a state until something ends it; say first who is."""
    where.put((os.getpid(), threading.get_native_id(), threading.get_ident()))
    try:
        STATES[state](lock)
    except (KeyboardInterrupt, Stop):
        return


def is_asleep(pid: int, tid: int) -> bool:
    """Whether the thread waits in the kernel."""
    text = Path(f"/proc/{pid}/task/{tid}/stat").read_text()
    return text.rpartition(")")[2].split()[0] == "S"


def means_of(kit: Kit) -> dict[str, Callable[[int, int], None]]:
    """Return the ways to stop a worker of this variant: ``(pid, ident)``."""
    if kit.variant.start_method is None:
        return {"exception": lambda _pid, ident: raise_in_thread(ident)}
    return {
        "interrupt": lambda pid, _ident: os.kill(pid, signal.SIGINT),
        "kill": lambda pid, _ident: os.kill(pid, signal.SIGKILL),
    }


def raise_in_thread(ident: int) -> None:
    """Have :class:`Stop` raised in a thread of this process."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(Stop))


def stop(kit: Kit, state: str, means: str) -> None:
    """Stop a worker that is in ``state`` and report whether it was, and in which time."""
    lock, where = kit.lock(), kit.queue()
    blocked = state in ("lock-blocked", "sleeping")
    if state == "lock-blocked":
        lock.acquire()
    worker = kit.worker(be, state, lock, where, name=state)
    worker.start()
    pid, tid, ident = where.get()
    while blocked and not is_asleep(pid, tid):
        time.sleep(0.001)
    if state == "lock-holding":
        while lock.acquire(timeout=0.001):
            lock.release()
    began = time.perf_counter()
    means_of(kit)[means](pid, ident)
    worker.join(DEADLINE_S)
    took = time.perf_counter() - began
    stopped = not worker.is_alive()
    kit.observe(f"{state} stopped by {means}", stopped)
    if stopped:
        kit.observe(f"{state} stopped by {means} after", took, "s")
    if state == "lock-holding":
        kit.observe(f"lock free after {means}", lock.acquire(timeout=0.1))
    elif state == "lock-blocked":
        lock.release()  # a thread that could not be stopped goes on and meets the exception
    worker.join()


def program(kit: Kit, means: str) -> None:
    """Stop one worker after the other."""
    for way in means_of(kit):
        for state in STATES:
            if means in ("all", way):
                stop(kit, state, way)


SCENARIO = Scenario(
    name="stopping",
    title="Stopping one worker",
    plants="A worker is stopped from outside while it computes, waits, sleeps or holds a lock.",
    why="The kernel ends processes; a thread is ended by the interpreter, if it runs Python code.",
    cure="Ask a thread to stop, by an event that it looks at.",
    faulty=program,
    corrected=program,
    truth=lambda **_: Truth(OutcomeKind.EXITED),
    parameters=(Parameter("means", "all", "only this one: interrupt, kill or exception"),),
    claims=("P6",),
)
