"""The garbage collector as a scheduled step: what finalisers do at awkward moments is found."""

from __future__ import annotations

import gc
import sys
import threading
import weakref

import pytest

from lab.hunt import Settings, hunt, replay
from lab.hunt import loop as loop_module
from lab.hunt.schedule import parse
from lab.report.interleaving_text import failure_text

MODELS = ("free-threaded", "gil", "both")


class Pool:
    """Hands out numbers under a lock; a lease that dies in a cycle gives its number back."""

    def __init__(self, lock):
        self.lock = lock
        self.free = []
        self.made = 0

    def take(self):
        with self.lock:
            if self.free:
                return self.free.pop()
            self.made += 1
            return self.numbered(self.made)

    def numbered(self, number):
        return number

    def give(self, number):
        with self.lock:
            self.free.append(number)


class Lease:
    number = 0  # of one that was broken off

    def __init__(self, pool):
        self.pool = pool
        self.number = pool.take()
        self.itself = self  # only the collector can end it

    def __del__(self):
        self.pool.give(self.number)


def leasing(make_lock):
    def body():
        pool = Pool(make_lock())

        def work():
            for _ in range(3):
                Lease(pool)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert pool.made <= 3

    return body


@pytest.mark.parametrize("model", MODELS)
def test_a_finaliser_that_takes_the_lock_its_own_thread_holds_is_a_deadlock(model):
    body = leasing(threading.Lock)
    result = hunt(body, Settings(model=model, executions=400))
    assert result.found, result.closing_line()
    assert result.kind == "deadlock"
    assert result.models["gil"] == "found"
    assert "in a finaliser, during garbage collection" in result.message
    stack = next(each.stack for each in result.failure.blocked if "Lock" in each.waits_for)
    assert stack.index("garbage collection") < len(stack) - 1
    schedule = parse(result.schedule)
    assert (schedule.preemptions, schedule.collections) == (0, 1)
    assert replay(body, result.schedule, times=20).failed == 20
    text = failure_text(result, "lab replay")
    assert "garbage collection here" in text
    assert "0 switches, 1 garbage collection" in text


@pytest.mark.parametrize("model", MODELS)
def test_a_finaliser_with_a_re_entrant_lock_is_silent(model):
    result = hunt(leasing(threading.RLock), Settings(model=model, executions=100))
    assert result.kind is None, result.message
    assert result.conclusive
    assert result.executions == 100


def test_a_weak_reference_s_callback_runs_in_the_middle_of_a_loop():
    class Watched:
        def __init__(self):
            self.itself = self

    def body():
        registry = {}

        def forget(reference):
            registry.pop(reference, None)

        def fill():
            for number in range(4):
                registry[weakref.ref(Watched(), forget)] = number

        def count():
            return sum(abs(number) for number in registry.values())

        fill()
        thread = threading.Thread(target=count)
        thread.start()
        thread.join()

    result = hunt(body, Settings(executions=400))
    assert result.found, result.closing_line()
    assert "changed size during iteration" in result.message


def test_a_finalizer_of_weakref_is_run_too():
    class Watched:
        def __init__(self):
            self.itself = self

    def body():
        lock = threading.Lock()

        def release():
            with lock:
                pass

        def work():
            weakref.finalize(Watched(), release)
            with lock:
                len([])

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    result = hunt(body, Settings(executions=100))
    assert result.found, result.closing_line()
    assert result.kind == "deadlock"


def test_the_collector_runs_in_whichever_thread_comes_by():
    def body():
        lock = threading.Lock()
        ended = []

        class Ending:
            def __init__(self):
                self.itself = self

            def __del__(self):
                with lock:
                    ended.append(1)

        def leave():
            Ending()
            len(ended)

        def hold():
            with lock:
                len(ended)

        threads = [threading.Thread(target=target) for target in (leave, hold)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    found = hunt(body, Settings(model="gil", executions=600))
    # The thread that made the garbage is not the one that waits for itself.
    assert found.found
    assert "hold" in found.failure.blocked[-1].thread
    held = parse(found.schedule)
    assert held.collections == 1


@pytest.mark.parametrize("cyclic", [False, True])
def test_harmless_finalisers_are_silent(cyclic):
    class Counted:
        ended = 0

        def __init__(self):
            self.itself = self if cyclic else None

        def __del__(self):
            type(self).ended += 1

    def body():
        lock = threading.Lock()

        def work():
            with lock:
                Counted()
                len([])

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    result = hunt(body, Settings(executions=100))
    assert result.kind is None, result.message


def test_without_such_garbage_the_collector_stays_out(monkeypatch):
    collecting = []
    usual = loop_module._session

    def session(*args, **kwargs):
        collecting.append(kwargs.get("collecting", False))
        return usual(*args, **kwargs)

    monkeypatch.setattr(loop_module, "_session", session)

    def body():
        lock, cycle = threading.Lock(), []
        cycle.append(cycle)

        def work():
            with lock:
                len(cycle)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    hunt(body, Settings(executions=50))
    assert collecting == [False]
    hunt(leasing(threading.RLock), Settings(executions=50))
    assert collecting == [False, False, True, False]


def test_the_same_seed_collects_at_the_same_places():
    first, second = (
        hunt(leasing(threading.Lock), Settings(model="gil", executions=300, seed=7))
        for _ in range(2)
    )
    assert first.schedule == second.schedule
    assert first.executions == second.executions


def test_what_a_finaliser_raises_is_ignored_as_by_the_interpreter(monkeypatch):
    ignored = []
    monkeypatch.setattr(sys, "unraisablehook", lambda event: ignored.append(event.exc_type))

    class Failing:
        def __init__(self):
            self.itself = self

        def __del__(self):
            raise ValueError("in a finaliser")

    def body():
        thread = threading.Thread(target=Failing)
        thread.start()
        thread.join()
        len("point")

    result = hunt(body, Settings(model="gil", executions=30))
    gc.collect()
    assert not result.found
    assert set(ignored) == {ValueError}
