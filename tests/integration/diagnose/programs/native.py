"""Programs that are blocked or busy in C code; ``#: name`` marks the lines that matter.

Run as ``python native.py NAME``. Each says ``ready`` when nothing but the last step is left.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
import threading
import time

KEEPS_GIL = ctypes.PyDLL(None)
"""Functions that are called by it keep the GIL while they run."""


def ready() -> None:
    print("ready", flush=True)


def background(name: str, target, *args) -> None:
    threading.Thread(target=target, args=args, name=name, daemon=True).start()


def count() -> None:
    n = 0
    while True:
        n = n + 1  #: counts


def sleep_with_gil() -> None:
    """A C library that sleeps without giving the GIL back."""
    background("counter", count)
    ready()
    KEEPS_GIL.sleep(3600)  #: sleeps-in-c


def regex() -> None:
    """A regular expression that takes for ever."""
    background("counter", count)
    ready()
    re.fullmatch(r"(a*)*b", "a" * 40)  #: matches


def read_with_gil() -> None:
    """It waits, with the GIL in its hand, for a byte that another thread would write."""
    reader, writer = os.pipe()
    parts = threading.Event()

    def write(fd) -> None:
        parts.wait()
        os.write(fd, b"x")

    background("writer", write, writer)
    buffer = ctypes.create_string_buffer(1)
    ready()
    parts.set()
    KEEPS_GIL.read(reader, buffer, 1)  #: reads-in-c


def mutex_in_c() -> None:
    """A C library that waits for a lock of its own."""

    def lock_twice() -> None:
        library = ctypes.CDLL(None)
        mutex = ctypes.create_string_buffer(64)
        library.pthread_mutex_lock(mutex)
        library.pthread_mutex_lock(mutex)  #: locks-in-c

    thread = threading.Thread(target=lock_twice, name="native")
    thread.start()
    ready()
    thread.join()


# -- what only looks so


def taking_turns() -> None:
    """Threads that compute, and give the GIL to each other all the time."""
    for i in range(3):
        background(f"counter-{i}", count)
    ready()
    count()


def short_calls() -> None:
    background("counter", count)
    ready()
    while True:
        sum(range(1000))


def sleep_without_gil() -> None:
    background("counter", count)
    ready()
    time.sleep(3600)


if __name__ == "__main__":
    globals()[sys.argv[1]]()
