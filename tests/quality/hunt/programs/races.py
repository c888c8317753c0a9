"""Small programs with one known concurrency bug each, written for these tests.

The families are those of the SCTBench and CHESS studies (lost update, two-stage access, reordered
writes, wrong lock, lock order, work stealing, stale check), told anew; ``RACY`` maps a name to a
body that fails by itself, an exception or a deadlock, under some interleaving.
"""

from __future__ import annotations

import collections
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

RACY: dict[str, Callable[[], None]] = {}


def racy(function):
    RACY[function.__name__] = function
    return function


def run_all(*targets):
    threads = [threading.Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class Box:
    def __init__(self, **values):
        self.__dict__.update(values)


@racy
def lost_update():
    box = Box(n=0)

    def add():
        box.n += 1

    run_all(add, add, add)
    assert box.n == 3


@racy
def check_then_act_on_a_dict():
    made, cache = [], {}

    def get():
        if "key" not in cache:
            made.append(1)
            cache["key"] = object()

    run_all(get, get)
    assert len(made) == 1


@racy
def truth_of_a_deque_then_pop():
    waiting = collections.deque([1])

    def take():
        if waiting:
            waiting.popleft()

    run_all(take, take)


@racy
def dict_changed_while_iterated():
    table = {1: 1, 2: 2}

    def read():
        for key in table:
            assert table[key]

    def write():
        table[3] = 3

    run_all(read, write)


@racy
def torn_pair_among_writers():
    pair = Box(left=0, right=0)

    def write():
        pair.left = 1
        pair.right = 1

    def read():
        left = pair.left
        right = pair.right
        assert left == right

    run_all(write, write, write, write, read)


@racy
def two_stages_under_two_locks():
    first, second = threading.Lock(), threading.Lock()
    box = Box(a=0, b=0)

    def write():
        with first:
            box.a = 1
        with second:
            box.b = 1

    def read():
        with first:
            a = box.a
        with second:
            b = box.b
        assert a == b or not a

    run_all(write, read, read)


@racy
def guarded_by_the_wrong_lock():
    right, wrong = threading.Lock(), threading.Lock()
    box = Box(n=0)

    def careful():
        with right:
            n = box.n
            box.n = n + 1

    def careless():
        with wrong:
            n = box.n
            box.n = n + 1

    run_all(careful, careful, careless)
    assert box.n == 3


@racy
def lock_order_of_three():
    a, b, c = threading.Lock(), threading.Lock(), threading.Lock()

    def worker(first, second):
        with first, second:
            pass

    run_all(lambda: worker(a, b), lambda: worker(b, c), lambda: worker(c, a))


@racy
def notification_before_the_wait():
    condition = threading.Condition()
    box = Box(ready=False)

    def wait():
        if not box.ready:
            with condition:
                condition.wait()

    def tell():
        with condition:
            box.ready = True
            condition.notify_all()

    run_all(wait, tell)


@racy
def buffer_not_checked_again():
    lock, items = threading.Lock(), []

    def put():
        with lock:
            items.append(1)

    def take():
        with lock:
            some = bool(items)
        if some:
            with lock:
                items.pop()

    run_all(put, take, take)


@racy
def double_checked_and_published_early():
    holder = Box(instance=None)
    lock = threading.Lock()

    def get():
        if holder.instance is None:
            with lock:
                if holder.instance is None:
                    holder.instance = Box(ready=False)
                    holder.instance.ready = True
        assert holder.instance.ready

    run_all(get, get)


@racy
def two_exact_preemptions_among_lock_steps():
    """Each of 2 x 20 steps takes a lock; only two of them matter."""
    lock = threading.Lock()
    box = Box(ticks=0, door=0, inside=0)

    def tick():
        with lock:
            box.ticks += 1

    def walk():
        for step in range(20):
            tick()
            if step == 12:
                inside = box.inside
                box.inside = inside + 1

    run_all(walk, walk)
    assert box.inside == 2


@racy
def stopped_while_counting_in():
    box = Box(stopping=False, users=1, stopped=False)
    lock = threading.Lock()

    def leave():
        with lock:
            box.users -= 1
            last = box.users == 0
        if last:
            box.stopped = True

    def use():
        if not box.stopping:
            with lock:
                box.users += 1
            assert not box.stopped
            leave()

    def stop():
        box.stopping = True
        leave()

    run_all(use, stop)


@racy
def pool_of_workers_on_one_total():
    box = Box(total=0)

    def add(n):
        seen = box.total
        box.total = seen + n

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(add, n) for n in (1, 2)]:
            future.result()
    assert box.total == 3


@racy
def queue_checked_then_taken():
    channel = queue.Queue()
    channel.put(1)

    def take():
        if not channel.empty():
            channel.get()

    run_all(take, take)


@racy
def timer_against_cancel():
    box = Box(fired=False, cancelled=False)

    def fire():
        if not box.cancelled:
            box.fired = True

    timer = threading.Thread(target=lambda: (time.sleep(0.1), fire()))
    other = threading.Thread(target=lambda: (time.sleep(0.1), setattr(box, "cancelled", True)))
    for thread in (timer, other):
        thread.start()
    for thread in (timer, other):
        thread.join()
    assert box.fired or not box.cancelled
    assert not (box.fired and box.cancelled)
