"""Every test of the hunt must leave the process as it found it: no thread, no patched name."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

_NAMES = ("Lock", "RLock", "Thread", "Condition", "Event")


@pytest.fixture(autouse=True)
def leaves_nothing_behind():
    before = {name: getattr(threading, name) for name in _NAMES}
    start = threading.Thread.start
    clock = time.monotonic
    affinity = os.sched_getaffinity(0)
    threads = _threads()
    yield
    assert {name: getattr(threading, name) for name in _NAMES} == before
    assert threading.Thread.start is start
    assert time.monotonic is clock
    assert os.sched_getaffinity(0) == affinity
    _settle(threads)
    assert _threads() <= threads


def _threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def _settle(wanted: int) -> None:
    """A retired thread needs a moment to leave the kernel's list."""
    for _ in range(200):
        if _threads() <= wanted:
            return
        time.sleep(0.005)
