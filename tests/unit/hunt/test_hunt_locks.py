"""Locks, and what threading builds on them, under control and unmodified."""

from __future__ import annotations

import threading
import time
from threading import Lock as NamedLock

import pytest

from lab.hunt import Settings, hunt
from tests.unit.hunt.bodies import Tally, found, run_all, silent

MODULE_LOCK = threading.Lock()
MODULE_CONDITION = threading.Condition()
LOCKS = [threading.Lock(), threading.RLock()]


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


def test_a_semaphore_that_lets_two_in_is_no_lock():
    def body():
        guard, tally = threading.Semaphore(2), Tally()

        def work():
            with guard:
                tally.add()

        run_all(work, work)
        assert tally.value == 2

    found(body, "assertion")


def test_a_semaphore_counts():
    def body():
        guard, inside, most = threading.Semaphore(2), [], []

        def work():
            with guard:
                inside.append(1)
                most.append(len(inside))
                inside.pop()

        run_all(work, work, work)
        assert max(most) <= 2

    silent(body, executions=60)


def test_a_bounded_semaphore_given_back_twice_says_so():
    def body():
        guard, given = threading.BoundedSemaphore(1), []

        def work():
            guard.acquire(blocking=False)
            if not given:
                given.append(1)
                guard.release()

        run_all(work, work)

    assert "ValueError" in found(body, "exception").message


def test_an_event_cleared_by_its_waiter_may_have_been_meant_for_another():
    def body():
        event = threading.Event()

        def work():
            event.wait()
            event.clear()

        run_all(work, work, event.set)

    assert "Event.wait" in found(body, "deadlock").message


def test_a_barrier_with_too_few_parties_keeps_them():
    def body():
        barrier = threading.Barrier(3)
        run_all(barrier.wait, barrier.wait)

    assert "Barrier" in found(body, "deadlock").message


def test_a_barrier_times_out_and_is_broken_for_all():
    def body():
        barrier, ended = threading.Barrier(3), []

        def work():
            try:
                barrier.wait(timeout=10)
            except threading.BrokenBarrierError:
                ended.append(barrier.broken)

        run_all(work, work)
        assert ended == [True, True]
        barrier.reset()
        assert not barrier.broken

    silent(body, executions=40)


def test_a_condition_waits_for_a_predicate_and_times_out():
    def body():
        condition, ready = threading.Condition(), []

        def waits():
            with condition:
                assert condition.wait_for(lambda: ready, timeout=60)

        def tells():
            with condition:
                ready.append(1)
                condition.notify_all()

        run_all(waits, waits, tells)
        with condition:
            assert not condition.wait(timeout=5)
            assert not condition.wait_for(lambda: False, timeout=5)

    silent(body, executions=60)


def test_notifying_one_of_two_kinds_of_waiter_is_a_deadlock():
    def body():
        condition, items = threading.Condition(), []

        def take(kind):
            with condition:
                condition.wait_for(lambda: kind in items)
                items.remove(kind)

        def put(kind):
            with condition:
                items.append(kind)
                condition.notify()

        run_all(lambda: take("a"), lambda: take("b"), lambda: put("a"), lambda: put("b"))

    found(body, "deadlock")


def test_a_re_entrant_lock_belongs_to_its_owner():
    def body():
        lock, refused = threading.RLock(), []
        lock.acquire()

        def work():
            assert not lock.acquire(blocking=False)
            try:
                lock.release()
            except RuntimeError:
                refused.append(1)

        run_all(work)
        lock.release()
        assert refused == [1]

    silent(body, executions=20)


def test_a_lock_made_in_a_hunt_works_after_it():
    made = []

    def body():
        made.append(threading.RLock())
        with made[-1]:
            pass

    silent(body, executions=3)
    for lock in made:
        with lock, lock:
            assert not lock.acquire(blocking=False) or lock.release() is None
