"""Trees of several programs: other versions of Python, shells, managers; ``#: name`` marks lines.

Run as ``python trees.py NAME [ARGUMENT]``. Each says ``ready`` before its last step.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

FORK = multiprocessing.get_context("fork")
LONG = 3600.0


def ready() -> None:
    print("ready", flush=True)


def mixed(other: str) -> None:
    """This Python, a shell, another Python, which waits for input that nobody sends."""
    work = f"{other} -c 'import sys\nsys.stdin.readline()'; true"
    with subprocess.Popen(["sh", "-c", work], stdin=subprocess.PIPE) as child:
        ready()
        child.wait()  #: mixed-waits


def mixed_and_busy(other: str) -> None:
    work = f"{other} -c 'import time\ntime.sleep({LONG})'; true"
    with subprocess.Popen(["sh", "-c", work], stdin=subprocess.PIPE) as child:
        ready()
        child.wait()  #: busy-waits


def use(lock, taken) -> None:
    with lock:
        taken.set()
        time.sleep(LONG)


def want(lock) -> None:
    with lock:  #: proxy-wants
        pass


def proxies(context, target, *args) -> None:
    context.Process(target=target, args=args, name="other", daemon=True).start()


def manager_lock(method: str) -> None:
    """A lock of a manager, which another process has and will give back some time."""
    context = multiprocessing.get_context(method)
    with context.Manager() as manager:
        lock, taken = manager.Lock(), context.Event()
        proxies(context, use, lock, taken)
        taken.wait()
        ready()
        want(lock)


def manager_lock_twice(method: str) -> None:
    """A lock of a manager, taken twice by one process: the manager does not know by whom."""
    with multiprocessing.get_context(method).Manager() as manager:
        lock = manager.Lock()
        lock.acquire()
        ready()
        want(lock)


def executor_task() -> None:
    """A future whose task, in a thread, waits for what its waiter holds."""
    lock = threading.Lock()

    def task() -> None:
        with lock:  #: task-wants
            pass

    with ThreadPoolExecutor(2, thread_name_prefix="pool") as pool, lock:  #: waiter-holds
        future = pool.submit(task)
        ready()
        future.result()  #: result-waits


def lost_pool_task() -> None:
    """A worker of a pool is killed: its task is lost, and map() waits for ever."""
    with FORK.Pool(1) as pool:
        results = pool.map_async(die, [0])
        time.sleep(0.5)
        ready()
        results.get()  #: pool-waits


def die(_: int) -> None:
    os._exit(1)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
