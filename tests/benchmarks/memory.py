"""What an idle worker costs, by the lab's footprint and by adding up resident sizes.

``python -m tests.benchmarks memory -- [--repeats 5] [--workers 1 2 4 8]``

For threads and each start method, n workers that only wait. Printed side by side, in MiB a worker:
what the tree gained in PSS, USS and RSS by the lab's own figures, and what a script gives that
adds up ``psutil.Process.memory_info().rss`` over the tree. Medians of the repeats, with the lowest
and highest PSS beside them. The variants take turns within a repeat, so that a drift of the
machine meets them all. The helper processes that a start method brings along (fork server,
resource tracker) are counted, as the user has to pay for them. USS falls when a fork makes pages
shared that were the parent's alone, so its change can be negative while memory is being taken.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from lab import procfs
from lab.capture import footprint

PROGRAM = Path(__file__).with_name("_memory_program.py")
ROOT = PROGRAM.parents[2]
VARIANTS = ("threads", "fork", "forkserver", "spawn")
MIB = 1 << 20
COLUMNS = "{:<11} {:>3} {:>9} {:>15} {:>9} {:>9} {:>12} {:>11} {:>11}"
HEADINGS = (
    "variant", "n", "PSS", "PSS low-high", "USS", "RSS", "psutil RSS", "tree PSS", "tree RSS",
)  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """One measurement, in bytes: added for each worker, and the whole tree when loaded."""

    pss: float
    uss: float
    rss: float
    psutil_rss: float
    tree_pss: float
    tree_rss: float


def measure(variant: str, workers: int) -> Cost:
    """Run the program once and return what its workers cost."""
    search = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    program = subprocess.Popen(
        [sys.executable, str(PROGRAM), variant, str(workers)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": search},
    )
    with program:
        try:
            before, naive_before = look(program, "before", at_s=0.0)
            tell(program)
            loaded, naive_loaded = look(program, "loaded", at_s=1.0)
            tell(program)
            program.wait(timeout=60)
        finally:
            program.kill()
    found = footprint.summarise([*before, *loaded], baseline_s=0.0, loaded_s=1.0, workers=workers)
    return Cost(
        pss=found.added_pss_bytes or 0,
        uss=found.added_uss_bytes or 0,
        rss=found.added_rss_bytes or 0,
        psutil_rss=(naive_loaded - naive_before) / workers,
        tree_pss=found.loaded_pss_bytes or 0,
        tree_rss=naive_loaded,
    )


def look(program, word, *, at_s):
    """Wait for the program's ``word`` and return the footprint and the plain sum of its tree."""
    line = program.stdout.readline()
    if line.strip() != word:
        raise RuntimeError(f"the program said {line!r}; wanted {word!r}")
    tree = [program.pid, *procfs.descendants(program.pid)]
    return footprint.sample(tree, at_s=at_s), plain_sum(program.pid)


def plain_sum(pid: int) -> int:
    """Add up resident sizes, as scripts do."""
    root = psutil.Process(pid)
    return sum(one.memory_info().rss for one in [root, *root.children(recursive=True)])


def tell(program) -> None:
    program.stdin.write("\n")
    program.stdin.flush()


def rows(counts: list[int], repeats: int) -> Iterator[tuple[str, int, list[Cost]]]:
    """Measure everything and yield it by variant and number of workers."""
    found: dict[tuple[str, int], list[Cost]] = {}
    for _ in range(repeats):
        for count in counts:
            for variant in VARIANTS:
                found.setdefault((variant, count), []).append(measure(variant, count))
    for variant in VARIANTS:
        for count in counts:
            yield variant, count, found[variant, count]


def line(variant: str, count: int, costs: list[Cost]) -> str:
    """Return one line of the table: medians, in MiB."""

    def median(field: str) -> str:
        return f"{statistics.median(getattr(cost, field) for cost in costs) / MIB:.2f}"

    pss = sorted(cost.pss / MIB for cost in costs)
    return COLUMNS.format(
        variant, count, median("pss"), f"{pss[0]:.2f}-{pss[-1]:.2f}", median("uss"), median("rss"),
        median("psutil_rss"), median("tree_pss"), median("tree_rss"),
    )  # fmt: skip


def main(words: list[str]) -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8])
    options = parser.parse_args(words)
    print(
        f"CPython {platform.python_version()}, {platform.system()} {platform.release()}, ", end=""
    )
    print(f"{os.cpu_count()} CPUs; MiB, medians of {options.repeats}; idle workers")
    print("added for each worker by the lab's PSS, USS, RSS and by psutil's RSS; then whole trees")
    print("(a fork makes the parent's own pages shared: the change of USS can be negative)")
    print(COLUMNS.format(*HEADINGS))
    for row in rows(options.workers, options.repeats):
        print(line(*row))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
