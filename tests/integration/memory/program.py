"""A program for the heap trackers: each worker allocates, reports, and then does as it is told.

``program.py REPORT_FD DIRECTORY TOOL VARIANT MEBIBYTES ENDING``. One byte is written to the
descriptor when all workers hold their memory. ``ENDING`` is ``hang`` (everybody blocks for ever),
``finish``, ``exit`` (``os._exit`` in the workers), ``unmeasured`` (no worker is wrapped, and they
hang), ``vanished`` (the directory is removed first), ``raise`` (the program ends with an
exception), ``forks`` (a fork of the main process leaves the block as well), ``stops`` (each worker
turns tracemalloc off) or ``limited`` (no file may grow any more).
"""

from __future__ import annotations

import os
import resource
import shutil
import sys
import tracemalloc
from typing import Any

from lab import Kit, StartMethod, Variant, Workers
from lab.capture.tracker import tracker

WORKERS = 2
HANGS = ("hang", "unmeasured")


def work(number: int, mebibytes: int, ready: Any, never: Any, ending: str) -> None:
    memory = bytearray(number * mebibytes << 20)
    ready.release()
    if ending == "exit":
        os._exit(0)
    if ending == "stops":
        tracemalloc.stop()
    if ending in HANGS:
        never.acquire()
    del memory


def main(fd: int, directory: str, tool: str, method: str, mebibytes: int, ending: str) -> None:
    tracked = tracker(directory=directory, tool=tool)
    if ending == "vanished":
        shutil.rmtree(directory)
    variant = (
        Variant(Workers.THREADS)
        if method == "threads"
        else Variant(Workers.PROCESSES, StartMethod(method))
    )
    wrapper = None if ending == "unmeasured" else tracked.worker
    with tracked.main():
        run(Kit(variant, wrapper=wrapper), fd, mebibytes, ending)


def run(kit: Kit, fd: int, mebibytes: int, ending: str) -> None:
    ready, never = kit.semaphore(0), kit.lock()
    never.acquire()
    crew = [
        kit.worker(work, number, mebibytes, ready, never, ending, name=f"worker-{number}")
        for number in range(1, WORKERS + 1)
    ]
    if ending == "limited":
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))
    for worker in crew:
        worker.start()
    for _ in crew:
        ready.acquire()
    os.write(fd, b"!")
    for worker in crew:
        worker.join()
    if ending == "raise":
        raise ZeroDivisionError
    if ending == "forks" and (child := os.fork()):
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:5], int(sys.argv[5]), sys.argv[6])
