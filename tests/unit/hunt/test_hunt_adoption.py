"""Locks made before a hunt are taken over wherever they are, and nothing else is touched."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import deque
from typing import Any, NamedTuple

import pytest

from tests.unit.hunt.bodies import Tally, run_all, silent

SOURCE = """
import asyncio
import threading

from lab.hunt import Settings, hunt


async def leaf():
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.set_result, 1)
    await future


async def many():
    await asyncio.gather(*(leaf() for _ in range(50)))


LOCKS = [threading.Lock() for _ in range(100)]


def body():
    thread = threading.Thread(target=LOCKS[0].locked)
    thread.start()
    thread.join()


asyncio.run(many())
for _ in range(3):
    assert hunt(body, Settings(executions=3)).conclusive
asyncio.run(many())
"""


def test_the_free_list_of_asyncio_survives_a_search_through_all_objects():
    """On 3.12 its module shows dead future iterators to whoever asks what it refers to."""
    done = subprocess.run([sys.executable, "-c", SOURCE], timeout=120, check=False)
    assert done.returncode == 0


class Pair(NamedTuple):
    lock: Any
    name: str


class Keeper:
    lock = threading.Lock()
    __slots__ = ("held",)

    def __init__(self):
        self.held = threading.RLock()


IN_A_TUPLE = (threading.Lock(), 1)
NESTED = {"inner": ((threading.Lock(),), 1)}
NAMED = Pair(threading.Lock(), "named")
IN_A_DEQUE = deque([threading.Lock()])
FROZEN = frozenset([threading.Lock()])
IN_A_SET = {threading.Lock()}
KEEPER = Keeper()
TAKE, GIVE = (lock := threading.Lock()).acquire, lock.release


DEFAULT = threading.Lock()


def by_default(held=(DEFAULT,)):
    return held[0]


class Methods:
    def __enter__(self):
        TAKE()

    def __exit__(self, *error):
        GIVE()


@pytest.mark.parametrize(
    "lock",
    [
        pytest.param(lambda: IN_A_TUPLE[0], id="tuple"),
        pytest.param(lambda: NESTED["inner"][0][0], id="tuple in a tuple in a dictionary"),
        pytest.param(lambda: NAMED.lock, id="named tuple"),
        pytest.param(lambda: IN_A_DEQUE[0], id="deque"),
        pytest.param(lambda: next(iter(FROZEN)), id="frozen set"),
        pytest.param(lambda: next(iter(IN_A_SET)), id="set"),
        pytest.param(lambda: KEEPER.held, id="slot"),
        pytest.param(lambda: KEEPER.lock, id="class"),
        pytest.param(by_default, id="default argument"),
        pytest.param(Methods, id="bound methods"),
    ],
)
def test_a_lock_made_before_the_hunt_is_taken_over_wherever_it_is(lock):
    real = lock()

    def body():
        guard, tally = lock(), Tally()

        def work():
            with guard:
                tally.add()

        run_all(work, work)
        assert tally.value == 2
        if not isinstance(guard, Methods):
            assert type(guard).__module__ == "lab.hunt.locks"

    silent(body, executions=60)
    after = lock()
    assert after is real or isinstance(after, Methods)
