"""The search for locks leaves the interpreter's own objects alone."""

from __future__ import annotations

import subprocess
import sys

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
