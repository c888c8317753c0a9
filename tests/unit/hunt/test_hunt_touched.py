"""What threads share is seen however it is reached: in place, by a module, below an argument."""

from __future__ import annotations

import copy
import heapq
import io
import os
import sys
import tempfile
import threading
from types import SimpleNamespace

import pytest

from lab.hunt import Settings, hunt
from tests.unit.hunt.bodies import run_all

HERE = sys.modules[__name__]
total = 0
other = 0


class Point:
    __match_args__ = ("x", "y")

    def __init__(self):
        self.x = self.y = 0


def in_place(lock):
    state = SimpleNamespace(seen=set(), log=[])

    def once():
        with lock:
            seen = state.seen
            if 1 not in seen:
                seen |= {1}
                state.log.append(1)

    run_all(once, once)
    assert state.log == [1]


def global_and_attribute(lock):
    global total
    total = 0

    def by_name():
        global total
        with lock:
            total = total + 1

    def by_module():
        with lock:
            HERE.total = HERE.total + 1

    run_all(by_name, by_module)
    assert total == 2


def import_in_a_function(lock):
    global total, other
    total = other = 0

    def write():
        global total, other
        with lock:
            total = 1
            other = 1

    def read():
        with lock:
            from tests.unit.hunt.test_hunt_touched import other, total
        assert total <= other

    run_all(write, read)


def module_function(lock):
    heap = [5]

    def take():
        with lock:
            if heap:
                heapq.heappop(heap)

    run_all(take, take)


def below_an_argument(lock):
    kept = {"rows": [1, 1]}

    def write():
        with lock:
            kept["rows"][0] = 2
            kept["rows"][1] = 2

    def read():
        with lock:
            found = copy.deepcopy(kept)
        assert found["rows"][0] == found["rows"][1]

    run_all(write, read)


def compared(lock):
    state = SimpleNamespace(left=[], right=[])

    def write():
        with lock:
            state.left.append(1)
            state.right.append(1)

    def read():
        with lock:
            assert state.left == state.right

    run_all(write, read)


def matched(lock):
    point = Point()

    def write():
        with lock:
            point.x = 1
            point.y = 1

    def read():
        with lock:
            match point:
                case Point(1, 0):
                    raise AssertionError("half written")

    run_all(write, read)


def printed(lock):
    page = io.StringIO()

    def write(letter):
        with lock:
            print(letter, file=page)
            print(letter, file=page)

    run_all(lambda: write("a"), lambda: write("b"))
    assert page.getvalue() in ("a\na\nb\nb\n", "b\nb\na\na\n")


def world(lock):
    path = tempfile.mkdtemp()

    def remove():
        with lock:
            try:
                os.stat(path)  # noqa: PTH116 - C, unlike Path
            except FileNotFoundError:
                return
            os.rmdir(path)  # noqa: PTH106

    run_all(remove, remove)


class NoLock:
    def __enter__(self):
        return None

    def __exit__(self, *_):
        return None


BODIES = (
    in_place, global_and_attribute, import_in_a_function, module_function, below_an_argument,
    compared, matched, printed, world,
)  # fmt: skip


def here(**settings):
    return Settings(roots=(__file__,), model="free-threaded", **settings)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("body", BODIES)
def test_a_race_is_found_among_the_places_seen_to_race(body, seed):
    result = hunt(lambda: body(NoLock()), here(executions=100, seed=seed))
    assert result.found
    assert result.switches == 1


@pytest.mark.parametrize("body", BODIES)
def test_under_a_lock_nothing_is_found(body):
    assert not hunt(lambda: body(threading.Lock()), here(executions=200)).found


@pytest.mark.parametrize("body", BODIES)
def test_the_exhaustive_search_never_calls_a_race_complete(body):
    asked = here(executions=5000, strategy="exhaustive", bound=1)
    result = hunt(lambda: body(NoLock()), asked)
    assert result.found or result.explored.complete is False
