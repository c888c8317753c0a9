"""Programs whose locks have names that are hard to follow, or that lead astray.

Run as ``python tricky.py NAME``; ``#: name`` marks the lines that matter.
"""

from __future__ import annotations

import contextlib
import functools
import queue
import sys
import threading
from collections import defaultdict


def ready() -> None:
    print("ready", flush=True)


def crew(*targets):
    threads = [
        threading.Thread(target=target, args=args, name=f"worker-{i}")
        for i, (target, *args) in enumerate(targets, 1)
    ]
    for thread in threads:
        thread.start()
    return threads


def finish(threads) -> None:
    ready()
    for thread in threads:
        thread.join()


def closure() -> None:
    a, b, both = threading.Lock(), threading.Lock(), threading.Barrier(2)

    def forward() -> None:
        with a:  #: closure-a
            both.wait()
            with b:  #: closure-wants-b
                pass

    def backward() -> None:
        with b:  #: closure-b
            both.wait()
            with a:  #: closure-wants-a
                pass

    finish(crew((forward,), (backward,)))


class Registry:
    first = threading.Lock()
    second = threading.Lock()

    @classmethod
    def forward(cls, both) -> None:
        with cls.first:  #: class-first
            both.wait()
            with cls.second:  #: class-wants-second
                pass

    @staticmethod
    def backward(both) -> None:
        with Registry.second:  #: class-second
            both.wait()
            with Registry.first:  #: class-wants-first
                pass


def class_attributes() -> None:
    both = threading.Barrier(2)
    finish(crew((Registry.forward, both), (Registry.backward, both)))


def synchronized(lock):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args):
            with lock:  #: decorated
                return function(*args)

        return wrapper

    return decorate


BOTH = threading.Barrier(2)


@synchronized(threading.Lock())
def left(first: bool) -> None:
    if first:
        BOTH.wait()
        right(False)


@synchronized(threading.Lock())
def right(first: bool) -> None:
    if first:
        BOTH.wait()
        left(False)


def decorator() -> None:
    finish(crew((left, True), (right, True)))


class Worker(threading.Thread):
    def __init__(self, name, mine, theirs, both) -> None:
        super().__init__(name=name)
        self.mine, self.theirs, self.both = mine, theirs, both

    def run(self) -> None:
        with self.mine:  #: subclass-holds
            self.both.wait()
            with self.theirs:  #: subclass-wants
                pass


def thread_subclass() -> None:
    a, b, both = threading.Lock(), threading.Lock(), threading.Barrier(2)
    workers = [Worker("worker-1", a, b, both), Worker("worker-2", b, a, both)]
    for worker in workers:
        worker.start()
    finish(workers)


def notify(mine, theirs, both) -> None:
    with mine:  #: condition-holds
        both.wait()
        with theirs:  #: condition-wants
            theirs.notify()


def conditions() -> None:
    a, b = threading.Condition(), threading.Condition(threading.Lock())
    both = threading.Barrier(2)
    finish(crew((notify, a, b, both), (notify, b, a, both)))


def take(items) -> None:
    items.get()  #: simple-gets


def simple_queue() -> None:
    finish(crew((take, queue.SimpleQueue())))


# -- what cannot be followed: the answer must be "not known", and never a wrong name


def acquire_all(locks, both) -> None:
    for lock in locks:
        lock.acquire()  #: all-wants
        if lock is locks[0]:
            both.wait()


def loop_over_locks() -> None:
    locks, both = [threading.Lock() for _ in range(3)], threading.Barrier(2)
    finish(crew((acquire_all, locks, both), (acquire_all, locks[::-1], both)))


def enter_all(locks, both) -> None:
    stack = contextlib.ExitStack()
    for lock in locks:
        stack.enter_context(lock)  #: enter-wants
        if lock is locks[0]:
            both.wait()


def loop_over_stack() -> None:
    a, b, both = threading.Lock(), threading.Lock(), threading.Barrier(2)
    finish(crew((enter_all, (a, b), both), (enter_all, (b, a), both)))


def swap(x, y, both) -> None:
    lock = x
    lock.acquire()
    lock = y
    both.wait()
    lock.acquire()  #: swap-wants


def rebound() -> None:
    a, b, both = threading.Lock(), threading.Lock(), threading.Barrier(2)
    finish(crew((swap, a, b, both), (swap, b, a, both)))


def misnamed() -> None:
    """Worker 1 holds ``a`` under a name that by now stands for ``c``, which worker 2 wants."""
    a, b, c = threading.Lock(), threading.Lock(), threading.Lock()
    b.acquire()
    c.acquire()  #: main-takes-c

    def one() -> None:
        lock = a
        lock.acquire()
        lock = c
        b.acquire()
        lock.release()

    def two() -> None:
        c.acquire()  #: misnamed-wants

    finish(crew((one,), (two,)))


def computed() -> None:
    locks, both = defaultdict(threading.Lock), threading.Barrier(2)

    def find(key):
        return locks[key]

    def hold(mine, theirs) -> None:
        with find(mine):
            both.wait()
            with find(theirs):  #: computed-wants
                pass

    finish(crew((hold, 1, 2), (hold, 2, 1)))


if __name__ == "__main__":
    globals()[sys.argv[1]]()
