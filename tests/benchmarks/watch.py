"""What ``lab watch`` costs a command that ends well: start-up apart, then the rest as a ratio.

Every command is run with and without it by turns, so that a busy machine is as unkind to both. The
start-up is measured with a command that does nothing, and taken off what the others took. The same
is printed for the CPU time of the whole tree, the lab included, which a busy machine blurs less.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

REPEATS = 7
CPU_BOUND = "n = 0\nfor i in range(20_000_000): n += i"
OUTPUT_HEAVY = """
import os
line = b"a line of output, as a job would print it, with some words in it\\n"
for _ in range(2_000_000): os.write(1, line)
"""
FOUR_THREADS = """
import concurrent.futures, hashlib
data = bytes(1 << 20)
with concurrent.futures.ThreadPoolExecutor(4) as pool:
    list(pool.map(lambda _: hashlib.sha256(data).digest(), range(3000)))
"""
SOURCES = {
    "CPU-bound": CPU_BOUND,
    "output-heavy, 128 MB into a pipe": OUTPUT_HEAVY,
    "four threads": FOUR_THREADS,
}


type Cost = tuple[float, float]
"""Seconds on the clock, and on a CPU, the lab included."""


def main(arguments: list[str]) -> None:
    """Print the figures; ``arguments`` may hold the number of repeats."""
    repeats = int(arguments[0]) if arguments else REPEATS
    bare, watched = alternate(["true"], 4 * repeats)
    start = [
        statistics.median(column(watched, n)) - statistics.median(column(bare, n)) for n in (0, 1)
    ]
    print(f"start-up: {start[0] * 1e3:.0f} ms more, {start[1] * 1e3:.0f} ms of it on a CPU")
    print("the rest, watched / not watched, medians of pairs:    time    CPU")
    for name, source in SOURCES.items():
        bare, watched = alternate([sys.executable, "-c", source], repeats)
        ratios = [
            statistics.median((w[n] - start[n]) / b[n] for b, w in zip(bare, watched, strict=True))
            for n in (0, 1)
        ]
        print(f"  {name:<50} {ratios[0]:.3f}   {ratios[1]:.3f}")
        print(f"    seconds without {spread(column(bare, 0))}, with {spread(column(watched, 0))}")


def column(costs: list[Cost], number: int) -> list[float]:
    """Return one of the two figures of each run."""
    return [cost[number] for cost in costs]


def alternate(command: list[str], repeats: int) -> tuple[list[Cost], list[Cost]]:
    """Return what ``command`` took without and with ``lab watch``, by turns."""
    prefix = [sys.executable, "-m", "lab", "watch", "--"]
    bare: list[Cost] = []
    watched: list[Cost] = []
    for number in range(repeats):
        turns = [(bare, command), (watched, [*prefix, *command])]
        for costs, words in turns if number % 2 else reversed(turns):
            costs.append(cost_of(words))
    return bare, watched


def cost_of(command: list[str]) -> Cost:
    """Return the cost of one run, whose output another process reads and throws away."""
    began = time.perf_counter()
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as reader:
        process = subprocess.Popen(command, stdout=reader.stdin)
        _, status, usage = os.wait4(process.pid, 0)
        taken = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        reader.communicate()
    assert process.returncode == 0
    return taken, usage.ru_utime + usage.ru_stime


def spread(times: list[float]) -> str:
    """Return the smallest, the median and the largest."""
    return f"{min(times):.3f} / {statistics.median(times):.3f} / {max(times):.3f}"
