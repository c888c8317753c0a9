"""Every execution begins as the first: what modules keep is put back, and only that."""

from __future__ import annotations

import functools
import threading
from collections import Counter, OrderedDict, deque
from concurrent.futures import ThreadPoolExecutor

import pytest

from lab.hunt import Settings, hunt
from lab.hunt.checkpoint import Checkpoint
from lab.hunt.sites import Scope
from lab.hunts.answers import ask

ONE = None
REGISTRY = {}
COUNTS = Counter(a=1)
ORDERED = OrderedDict(a=1, b=2)
ROW, QUEUE, SEEN, BYTES = [1], deque([1]), {1}, bytearray(b"a")
POOL = None
GUARD = threading.Lock()


class Service:
    made = 0

    def __init__(self):
        self.link = None
        self.jobs = []

    def connect(self):
        if self.link is None:
            self.link = object()
        return self.link


class Slotted:
    __slots__ = ("value",)


SERVICE, SLOTTED = Service(), Slotted()


def memoised(function):
    known = {}

    @functools.wraps(function)
    def inner(key):
        if key not in known:
            known[key] = function(key)
        return known[key]

    return inner


@memoised
def made_for(key):
    return object()


def defaulted(key, known={}):  # noqa: B006 - the trap itself
    return known.setdefault(key, object())


@functools.lru_cache
def cached(key):
    return object()


def only_one():
    global ONE
    if ONE is None:
        ONE = object()
    return ONE


def guarded_one():
    with GUARD:
        return only_one()


def pool():
    global POOL
    if POOL is None:
        POOL = ThreadPoolExecutor(2)
    return POOL


def twice(make):
    def test():
        got = []
        threads = [threading.Thread(target=lambda: got.append(make())) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert got[0] is got[1]

    return test


def uses_a_kept_pool():
    assert [future.result() for future in [pool().submit(pow, 2, 2)]] == [4]


def here(**settings):
    return Settings(roots=(__file__,), **settings)


@pytest.mark.parametrize("make", [only_one, SERVICE.connect, lambda: made_for(1)])
def test_the_race_to_make_what_a_module_keeps_is_there_in_every_execution(make):
    result = hunt(twice(make), here(executions=300))
    assert result.found
    assert result.switches == 1


def test_what_is_made_under_a_lock_is_made_once():
    assert not hunt(twice(guarded_one), here(executions=300)).found


def test_threads_that_a_module_keeps_are_not_missed_by_the_next_execution():
    answer = ask(uses_a_kept_pool, here(executions=100), sound=False)
    assert not answer.result.found
    assert not answer.inconclusive
    assert POOL is None


def test_a_hunt_leaves_no_trace_in_the_module():
    assert hunt(twice(guarded_one), here(executions=20)).executions == 20
    assert ONE is None


def change_everything():
    global ONE, NEW
    ONE = NEW = object()
    REGISTRY["a"] = 1
    COUNTS.update(["a", "b"])
    ORDERED.move_to_end("a")
    ROW.append(2)
    QUEUE.clear()
    SEEN.add(2)
    BYTES.extend(b"b")
    Service.made = Service.added = 1
    SERVICE.jobs.append(1)
    SERVICE.extra = 1
    SLOTTED.value = 1
    made_for("x")
    defaulted("x")
    cached("x")


def test_all_kinds_of_state_are_put_back():
    checkpoint = Checkpoint(Scope((__file__,), "nowhere"), __file__)
    checkpoint.take([])
    change_everything()
    assert checkpoint.restore()
    assert ONE is None
    assert "NEW" not in globals()
    assert ({}, Counter(a=1)) == (REGISTRY, COUNTS)
    assert list(ORDERED) == ["a", "b"]
    assert (ROW, list(QUEUE), SEEN, BYTES) == ([1], [1], {1}, b"a")
    assert Service.made == 0
    assert not hasattr(Service, "added")
    assert vars(SERVICE) == {"link": None, "jobs": []}
    assert not hasattr(SLOTTED, "value")
    assert made_for.__closure__[1].cell_contents == {}
    assert defaulted.__defaults__ == ({},)
    assert cached.cache_info().currsize == 0
    assert not checkpoint.restore()


def test_what_lies_outside_the_scope_is_left_alone(tmp_path):
    checkpoint = Checkpoint(Scope((str(tmp_path),), "nowhere"), "")
    checkpoint.take([])
    ROW.append(2)
    assert not checkpoint.restore()
    assert ROW.pop() == 2


def test_a_test_that_cannot_live_with_its_state_put_back_is_left_alone():
    elsewhere = set()

    def register():
        global ONE
        if ONE is None:
            assert "me" not in elsewhere, "registered twice"
            elsewhere.add("me")
            ONE = "registered"

    def test():
        thread = threading.Thread(target=register)
        thread.start()
        thread.join()

    answer = ask(test, here(executions=50, model="free-threaded"), sound=False)
    globals()["ONE"] = None
    assert not answer.result.found
    assert "could not be put back" in answer.result.closing_line()
