"""The program that :mod:`tests.benchmarks.memory` measures: n workers that wait and do nothing.

``_memory_program.py VARIANT WORKERS``. Prints a line when it is about to make its first worker,
and another when all of them are there. In between, and at the end, it waits for a line on stdin.
It imports as little as a program with workers can: what is loaded here would be counted.
"""

import sys

from lab.kit import Kit
from lab.scenario import StartMethod, Variant, Workers


def wait(ready, never):
    ready.release()
    never.acquire()


def main(variant, count):
    kit = Kit(
        Variant(Workers.THREADS)
        if variant == "threads"
        else Variant(Workers.PROCESSES, StartMethod(variant))
    )
    ready, never = kit.semaphore(0), kit.semaphore(0)
    print("before", flush=True)
    sys.stdin.readline()
    crew = [kit.worker(wait, ready, never, name=f"worker-{i + 1}") for i in range(count)]
    for worker in crew:
        worker.start()
    for _ in crew:
        ready.acquire()
    print("loaded", flush=True)
    sys.stdin.readline()
    for _ in crew:
        never.release()
    for worker in crew:
        worker.join()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
