"""Forked workers that only read what their parent built, under memray.

``cow.py REPORT_FD DIRECTORY TOOL NUMBERS``. A byte is written when the workers wait, and another
when each has looked at every number, which a byte on stdin makes them do.
"""

from __future__ import annotations

import os
import sys

from lab import Kit, StartMethod, Variant, Workers
from lab.capture.tracker import tracker

WORKERS = 2


def look(numbers, begin, done, never):
    begin.acquire()
    total = 0.0
    for number in numbers:
        total += number
    done.release()
    never.acquire()


def main(fd, directory, tool, count):
    tracked = tracker(directory=directory, tool=tool)
    with tracked.main():
        kit = Kit(Variant(Workers.PROCESSES, StartMethod.FORK), wrapper=tracked.worker)
        run(kit, fd, [float(number) for number in range(count)])


def run(kit, fd, numbers):
    begin, done, never = kit.semaphore(0), kit.semaphore(0), kit.semaphore(0)
    crew = [
        kit.worker(look, numbers, begin, done, never, name=f"worker-{number}")
        for number in range(1, WORKERS + 1)
    ]
    for worker in crew:
        worker.start()
    os.write(fd, b"1")
    os.read(0, 1)
    for _ in crew:
        begin.release()
    for _ in crew:
        done.acquire()
    os.write(fd, b"2")
    never.acquire()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]))
