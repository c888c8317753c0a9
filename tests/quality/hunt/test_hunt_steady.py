"""A long hunt takes no more than a short one: memory, threads and descriptors stay flat.

Resident memory is read from ``/proc/self/statm`` once everything is warm, and at the end. What it
may grow by in between would be used up by a leak of 27 bytes an execution in the long hunt, and of
1,400 in the mixed ones.
"""

from __future__ import annotations

import os
import queue
import resource
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from lab import procfs
from lab.hunt import Settings, hunt

GROWTH = 2 << 20
"""Bytes of resident memory that the allocator may take without anything having leaked."""
WARM = 0.2
"""The share of the executions after which whatever is made once has been made."""

pytestmark = pytest.mark.skipif(not procfs.AVAILABLE, reason="reads /proc/self")


class Held(NamedTuple):
    resident: int
    threads: int
    descriptors: int


def held() -> Held:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    threads, descriptors = (len(os.listdir(f"/proc/self/{name}")) for name in ("task", "fd"))
    return Held(pages * resource.getpagesize(), threads, descriptors)


class Watched:
    """A test that notes what its process holds, early and at its last execution."""

    def __init__(self, body: Callable[[], None], executions: int) -> None:
        self.body, self.last, self.count = body, executions, 0
        self.warm: Held | None = None
        self.end: Held | None = None

    def __call__(self) -> None:
        self.count += 1
        if self.count == int(self.last * WARM):
            self.warm = held()
        elif self.count == self.last:
            self.end = held()
        self.body()


def counter() -> None:
    value, lock = 0, threading.Lock()

    def increment() -> None:
        nonlocal value
        with lock:
            value += 1

    workers = [threading.Thread(target=increment) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert value == 2


def mixed() -> None:
    """A pool, a queue, an event with a time-out, a timer, thread-local data, a pair of sockets."""
    lines: queue.Queue[bytes] = queue.Queue()
    done, own = threading.Event(), threading.local()
    left, right = socket.socketpair()

    def serve() -> None:
        own.line = right.recv(10)
        lines.put(own.line)
        done.wait(timeout=1)

    timer = threading.Timer(3, done.set)
    timer.start()
    with ThreadPoolExecutor(2) as pool:
        served = pool.submit(serve)
        left.sendall(b"a line")
        assert lines.get() == b"a line"
        assert served.result() is None
    timer.cancel()
    left.close()
    right.close()


@pytest.mark.parametrize(
    ("body", "model", "executions"),
    [
        (counter, "free-threaded", 100_000),
        (mixed, "free-threaded", 2_000),
        (mixed, "gil", 2_000),
    ],
)
def test_what_a_hunt_holds_stays_flat(body, model, executions):
    watched = Watched(body, executions)
    result = hunt(watched, Settings(model=model, executions=executions, roots=(__file__,)))
    assert not result.found, result.message
    assert result.executions == executions
    assert watched.warm is not None
    assert watched.end is not None
    assert watched.end.threads == watched.warm.threads
    assert watched.end.descriptors == watched.warm.descriptors
    assert watched.end.resident - watched.warm.resident < GROWTH
