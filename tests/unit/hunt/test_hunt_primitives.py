"""Every primitive of threading, queue and concurrent.futures, under control and unmodified.

Each body is run under all strategies' random schedules: it asserts what the primitive promises, so
a stand-in that differs from the real one fails here as a found bug.
"""

from __future__ import annotations

import concurrent.futures
import contextvars
import queue
import sys
import threading
import time
from queue import SimpleQueue as NamedQueue
from threading import Lock as NamedLock
from time import monotonic as named_monotonic
from time import sleep as named_sleep

import pytest

from lab.hunt import Settings, hunt

MODULE_LOCK = threading.Lock()
MODULE_CONDITION = threading.Condition()
MODULE_LOCAL = threading.local()
LOCKS = [threading.Lock(), threading.RLock()]
MODELS = ("free-threaded", "gil")


def silent(body, executions=150, **more):
    """Hunt ``body`` under both models; it must hold in every execution."""
    for model in MODELS:
        result = hunt(body, Settings(model=model, executions=executions, **more))
        assert result.kind is None, (model, result.message, result.failure)
        assert not result.explored.stuck
        assert result.explored.cut_off == 0


def run_all(*targets):
    threads = [threading.Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class Tally:
    def __init__(self):
        self.value = 0

    def add(self):
        value = self.value
        self.value = value + 1


@pytest.mark.parametrize(
    "lock",
    [
        pytest.param(lambda: threading.Lock(), id="Lock"),
        pytest.param(lambda: threading.RLock(), id="RLock"),
        pytest.param(lambda: threading.Condition(), id="Condition"),
        pytest.param(lambda: threading.Semaphore(1), id="Semaphore"),
        pytest.param(lambda: threading.BoundedSemaphore(1), id="BoundedSemaphore"),
        pytest.param(lambda: NamedLock(), id="imported by name"),
        pytest.param(lambda: MODULE_LOCK, id="made at import"),
        pytest.param(lambda: LOCKS[0], id="made at import, in a list"),
        pytest.param(lambda: MODULE_CONDITION, id="condition made at import"),
    ],
)
def test_mutual_exclusion(lock):
    def body():
        guard, tally = lock(), Tally()

        def work():
            with guard:
                tally.add()

        run_all(work, work, work)
        assert tally.value == 3

    silent(body)


def test_a_missing_lock_is_still_found_beside_a_lock_made_at_import():
    def body():
        tally = Tally()

        def work():
            with MODULE_LOCK:
                pass
            tally.add()

        run_all(work, work)
        assert tally.value == 2

    assert hunt(body, Settings(model="free-threaded", executions=300)).found


def test_a_re_entrant_lock_is_taken_twice_by_its_owner_only():
    def body():
        lock, taken = threading.RLock(), []

        def work():
            with lock, lock:
                taken.append(1)
                taken.append(len(taken))

        run_all(work, work)
        assert taken == [1, 1, 1, 3]

    silent(body)


def test_lock_time_outs_are_virtual():
    def body():
        lock = threading.Lock()
        lock.acquire()
        began = time.monotonic()
        assert not lock.acquire(timeout=1000)
        assert 1000 <= time.monotonic() - began < 1001
        assert not lock.acquire(blocking=False)
        assert lock.locked()

    started = time.perf_counter()
    silent(body, executions=5)
    assert time.perf_counter() - started < 100


def test_an_event_wakes_every_waiter():
    def body():
        event, woken = threading.Event(), []

        def waits():
            assert event.wait()
            woken.append(1)

        run_all(waits, waits, event.set)
        assert len(woken) == 2

    silent(body)


def test_a_condition_hands_items_over():
    def body():
        condition, items, got = threading.Condition(), [], []

        def take():
            with condition:
                condition.wait_for(lambda: items)
                got.append(items.pop())

        def give():
            for item in (1, 2):
                with condition:
                    items.append(item)
                    condition.notify()

        run_all(take, take, give)
        assert sorted(got) == [1, 2]

    silent(body)


def test_a_lost_wake_up_is_a_deadlock():
    def body():
        condition, ready = threading.Condition(), []

        def waits():
            if not ready:
                with condition:
                    condition.wait()

        def signals():
            ready.append(1)
            with condition:
                condition.notify()

        run_all(waits, signals)

    result = hunt(body, Settings(model="free-threaded", executions=500))
    assert result.kind == "deadlock"
    assert "Condition.wait" in result.message


def test_a_barrier_lets_all_through_together():
    def body():
        barrier, before, after = threading.Barrier(3), [], []

        def work():
            before.append(1)
            barrier.wait()
            after.append(len(before))

        run_all(work, work, work)
        assert after == [3, 3, 3]

    silent(body)


def test_a_timer_fires_in_virtual_time():
    def body():
        fired = []
        timer = threading.Timer(3600, fired.append, [1])
        began = time.monotonic()
        timer.start()
        timer.join()
        assert fired == [1]
        assert time.monotonic() - began >= 3600

    silent(body, executions=20)


def test_a_cancelled_timer_does_not_fire():
    def body():
        fired = []
        timer = threading.Timer(3600, fired.append, [1])
        timer.start()
        timer.cancel()
        timer.join()
        assert fired == []

    silent(body, executions=50)


def test_a_timed_join_returns_before_a_sleeper_ends():
    def body():
        thread = threading.Thread(target=time.sleep, args=(10,))
        thread.start()
        thread.join(timeout=1)
        assert thread.is_alive()
        thread.join()
        assert not thread.is_alive()

    silent(body, executions=50)


def test_sleepers_wake_in_order():
    def body():
        woken = []

        def work(delay):
            named_sleep(delay)
            woken.append(delay)

        run_all(lambda: work(3), lambda: work(1), lambda: work(2))
        assert woken == [1, 2, 3]

    silent(body)


def test_polling_the_clock_ends():
    def body():
        end = named_monotonic() + 5
        while named_monotonic() < end:
            pass

    silent(body, executions=3)


@pytest.mark.parametrize("kind", [queue.Queue, queue.LifoQueue, queue.PriorityQueue])
def test_queues_lose_nothing(kind):
    def body():
        channel, got = kind(maxsize=1), []

        def produce():
            for item in range(3):
                channel.put(item)

        def consume():
            for _ in range(3):
                got.append(channel.get())
                channel.task_done()

        run_all(produce, consume, channel.join)
        assert sorted(got) == [0, 1, 2]

    silent(body, executions=60)


@pytest.mark.parametrize("kind", [queue.SimpleQueue, NamedQueue])
def test_a_simple_queue_blocks_and_times_out(kind):
    def body():
        channel, got = kind(), []
        with pytest.raises(queue.Empty):
            channel.get(timeout=5)
        with pytest.raises(queue.Empty):
            channel.get_nowait()

        def consume():
            got.append(channel.get())

        run_all(consume, consume, lambda: (channel.put(1), channel.put(2)))
        assert sorted(got) == [1, 2]
        assert channel.empty()
        assert channel.qsize() == 0

    silent(body, executions=60)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="Queue.shutdown is new in 3.13")
def test_a_queue_shut_down_releases_its_waiters():
    def body():
        channel, ended = queue.Queue(), []

        def consume():
            try:
                channel.get()
            except queue.ShutDown:
                ended.append(1)

        run_all(consume, consume, channel.shutdown)
        assert ended == [1, 1]

    silent(body, executions=60)


def test_a_thread_pool_runs_what_it_is_given():
    def body():
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            futures = [pool.submit(pow, n, 2) for n in range(3)]
            assert [future.result() for future in futures] == [0, 1, 4]
            assert list(pool.map(abs, [-1, 2])) == [1, 2]

    silent(body, executions=40)


def test_a_thread_pool_that_is_not_shut_down_is_no_deadlock():
    def body():
        pool = concurrent.futures.ThreadPoolExecutor(2)
        assert pool.submit(pow, 2, 3).result() == 8

    silent(body, executions=40)


def test_a_future_carries_an_exception_and_a_callback():
    def body():
        seen = []
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            future = pool.submit(int, "x")
            future.add_done_callback(seen.append)
            assert isinstance(future.exception(), ValueError)
        assert seen == [future]

    silent(body, executions=40)


def test_thread_local_data_is_not_passed_on():
    own = threading.local()

    def body():
        def work():
            for place in (own, MODULE_LOCAL):
                assert not hasattr(place, "name")
                place.name = threading.current_thread().name
            assert own.name == threading.current_thread().name

        run_all(work, work)

    silent(body)


def test_a_thread_starts_with_an_empty_context():
    variable = contextvars.ContextVar("variable", default=0)

    def body():
        def work():
            assert variable.get() == 0
            variable.set(1)

        run_all(work, work)

    silent(body)


def test_names_daemons_identities_and_enumeration():
    def body():
        seen = []

        def work():
            me = threading.current_thread()
            seen.append((me.name, me.daemon, me.ident == threading.get_ident()))
            assert me in threading.enumerate()

        first = threading.Thread(target=work, name="first")
        second = threading.Thread(target=work, name="second", daemon=True)
        assert first.ident is None
        assert not first.is_alive()
        for thread in (first, second):
            thread.start()
        for thread in (first, second):
            thread.join()
        assert sorted(seen) == [("first", False, True), ("second", True, True)]
        with pytest.raises(RuntimeError):
            first.start()

    silent(body)


def test_a_subclass_of_thread_is_controlled():
    class Worker(threading.Thread):
        def __init__(self, tally):
            super().__init__()
            self.tally = tally

        def run(self):
            self.tally.add()

    def body():
        tally = Tally()
        workers = [Worker(tally) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert tally.value == 2

    assert hunt(body, Settings(model="free-threaded", executions=300)).found


def test_threads_that_threads_start_are_controlled():
    def body():
        tally = Tally()

        def outer():
            inner = threading.Thread(target=tally.add)
            inner.start()
            tally.add()
            inner.join()

        run_all(outer)
        assert tally.value == 2

    assert hunt(body, Settings(model="free-threaded", executions=300)).found


def test_an_excepthook_of_the_tests_own_is_called():
    def body():
        caught = []
        before, threading.excepthook = threading.excepthook, caught.append
        try:
            run_all(lambda: 1 / 0)
        finally:
            threading.excepthook = before
        assert [args.exc_type for args in caught] == [ZeroDivisionError]

    silent(body, executions=10)


def test_a_daemon_left_behind_is_no_failure_and_does_not_stay():
    def body():
        forever = threading.Event()
        threading.Thread(target=forever.wait, daemon=True).start()

    silent(body, executions=20)


def test_a_thread_left_blocked_for_ever_is_a_failure():
    def body():
        threading.Thread(target=threading.Event().wait, name="stray").start()

    result = hunt(body, Settings(model="free-threaded", executions=5))
    assert result.kind == "deadlock"
    assert "stray" in result.message
    assert "Event.wait" in result.message


def test_a_lock_that_a_failed_execution_left_taken_is_free_in_the_next():
    def body():
        assert not MODULE_LOCK.locked()
        MODULE_LOCK.acquire()

        def blocks():
            MODULE_LOCK.acquire()

        thread = threading.Thread(target=blocks, daemon=True)
        thread.start()

    silent(body, executions=20)
    assert not MODULE_LOCK.locked()
