"""Programs without a bug: whatever the schedule, silence is the only right answer."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.quality.hunt.programs.races import Box, run_all

CORRECT: dict[str, Callable[[], None]] = {}


def correct(function):
    CORRECT[function.__name__] = function
    return function


@correct
def guarded_update():
    lock, box = threading.Lock(), Box(n=0)

    def add():
        with lock:
            box.n += 1

    run_all(add, add, add)
    assert box.n == 3


@correct
def petersons_mutual_exclusion():
    """Spins without yielding: Peterson, "Myths about the mutual exclusion problem", 1981."""
    wants, box = [False, False], Box(turn=0, inside=0, n=0)

    def work(me):
        other = 1 - me
        wants[me] = True
        box.turn = other
        while wants[other] and box.turn == other:
            pass
        box.inside += 1
        assert box.inside == 1
        box.inside -= 1
        wants[me] = False

    run_all(lambda: work(0), lambda: work(1))


@correct
def spin_that_yields():
    box = Box(ready=False, value=0)

    def wait():
        while not box.ready:
            time.sleep(0)
        assert box.value == 1

    def tell():
        box.value = 1
        box.ready = True

    run_all(wait, wait, tell)


@correct
def buffer_checked_in_a_loop():
    condition, items, got = threading.Condition(), [], []

    def take():
        with condition:
            while not items:
                condition.wait()
            got.append(items.pop())

    def put():
        for item in range(2):
            with condition:
                items.append(item)
                condition.notify()

    run_all(take, take, put)
    assert sorted(got) == [0, 1]


@correct
def locks_in_one_order():
    a, b = threading.Lock(), threading.Lock()

    def work():
        with a, b:
            pass

    run_all(work, work, work)


@correct
def philosophers_with_a_waiter():
    forks = [threading.Lock() for _ in range(3)]
    waiter = threading.Semaphore(2)

    def eat(me):
        with waiter, forks[me], forks[(me + 1) % 3]:
            pass

    run_all(*(lambda me=me: eat(me) for me in range(3)))


@correct
def pipeline_of_queues():
    first, second, got = queue.Queue(1), queue.SimpleQueue(), []

    def produce():
        for item in (1, 2, None):
            first.put(item)

    def work():
        while (item := first.get()) is not None:
            second.put(item * 2)
        second.put(None)

    def collect():
        while (item := second.get()) is not None:
            got.append(item)

    run_all(produce, work, collect)
    assert got == [2, 4]


@correct
def phases_behind_a_barrier():
    barrier, done = threading.Barrier(2), [0, 0]

    def work(me):
        done[me] = 1
        barrier.wait()
        assert done == [1, 1]

    run_all(lambda: work(0), lambda: work(1))


@correct
def pool_with_its_results():
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(abs, [-1, -2, -3])) == [1, 2, 3]


@correct
def event_with_a_generous_time_out():
    event = threading.Event()

    def work():
        time.sleep(1)
        event.set()

    thread = threading.Thread(target=work)
    thread.start()
    assert event.wait(timeout=5)
    thread.join()


@correct
def once_under_double_check():
    lock, made, holder = threading.Lock(), [], Box(instance=None)

    def get():
        if holder.instance is None:
            with lock:
                if holder.instance is None:
                    made.append(1)
                    holder.instance = Box(ready=True)
        assert holder.instance.ready

    run_all(get, get, get)
    assert made == [1]
