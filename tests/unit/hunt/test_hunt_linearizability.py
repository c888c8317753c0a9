"""Linearizability on a buffer, a cache and a counter: broken ones break, sound ones hold."""

from __future__ import annotations

import queue
import threading
import time

import pytest
from hypothesis import strategies as st

from lab.errors import UsageError
from lab.hunt import NotLinearizable, linearizable

NUMBERS = st.integers(0, 3)


class Counter:
    def __init__(self):
        self.value = 0

    def add(self):
        value = self.value + 1
        self.value = value
        return value


class GuardedCounter(Counter):
    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()

    def add(self):
        with self.lock:
            return super().add()


class Buffer:
    """Bounded; ``put`` notifies before the item is in when ``hasty``."""

    hasty = False

    def __init__(self):
        self.items = []
        self.changed = threading.Condition()

    def put(self, item):
        with self.changed:
            while len(self.items) >= 2:
                self.changed.wait()
            if not self.hasty:
                self.items.append(item)
            self.changed.notify_all()
        if self.hasty:
            self.items.append(item)

    def get(self):
        with self.changed:
            while not self.items:
                self.changed.wait()
            item = self.items.pop(0)
            self.changed.notify_all()
            return item


class HastyBuffer(Buffer):
    hasty = True


class Cache:
    """Keeps a value for a minute; ``get`` looks twice without the lock when ``careless``."""

    careless = False

    def __init__(self):
        self.kept = {}
        self.lock = threading.Lock()

    def set(self, key, value):
        with self.lock:
            self.kept[key] = (value, time.monotonic() + 60)

    def drop(self, key):
        with self.lock:
            self.kept.pop(key, None)

    def get(self, key):
        if self.careless:
            return self._look(key)
        with self.lock:
            return self._look(key)

    def _look(self, key):
        if key in self.kept:
            value, end = self.kept[key]
            return value if time.monotonic() < end else None
        return None


class CarelessCache(Cache):
    careless = True


BUFFER = {"put": (NUMBERS,), "get": ()}
CACHE = {"set": (st.just(0), NUMBERS), "get": (st.just(0),), "drop": (st.just(0),)}


def test_a_counter_without_a_lock_is_not_linearizable():
    with pytest.raises(NotLinearizable) as caught:
        linearizable(Counter, {"add": ()})
    found = caught.value
    assert [len(calls) for calls in found.plan.threads] == [1, 1]
    assert found.plan.before == ()
    assert found.result.switches == 1
    assert "T1: add() -> 1 | T2: add() -> 1" in str(found)


def test_a_buffer_that_notifies_too_early_is_not_linearizable():
    with pytest.raises(NotLinearizable, match="put"):
        linearizable(HastyBuffer, BUFFER)


def test_a_cache_read_without_the_lock_is_not_linearizable():
    with pytest.raises(NotLinearizable, match="raises KeyError"):
        linearizable(CarelessCache, CACHE)


@pytest.mark.parametrize(
    ("type_", "operations"),
    [(GuardedCounter, {"add": ()}), (Buffer, BUFFER), (Cache, CACHE)],
)
def test_sound_ones_are_passed(type_, operations):
    linearizable(type_, operations, examples=8)


def test_a_model_says_what_is_right():
    class Always:
        def add(self):
            return 7

    with pytest.raises(NotLinearizable):
        linearizable(GuardedCounter, {"add": ()}, model=Always)


def test_a_queue_of_the_library_holds():
    operations = {"put_nowait": (NUMBERS,), "get_nowait": (), "qsize": ()}
    linearizable(queue.Queue, operations, examples=5)


def test_no_operations_is_a_usage_error():
    with pytest.raises(UsageError):
        linearizable(Counter, {})
