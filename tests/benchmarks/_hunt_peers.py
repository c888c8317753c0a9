"""Run in the peers' environment: one JSON line a tool, setting and program with its executions.

``python _hunt_peers.py SECONDS TOOL``; a tool that is not installed there is left out, one that
fails says how. Search is not stopped by a finding, and nothing is shrunk or replayed.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from _hunt_programs import PROGRAMS, body, calls

Runs = Callable[[int], int]


def frontrun(program: type[Any]) -> Iterator[tuple[str, Runs]]:
    import frontrun as tool

    def explore(**more: Any) -> int:
        found = tool.explore(
            setup=program, workers=calls(program), invariant=lambda _: True,
            reproduce_on_failure=0, **more,
        )  # fmt: skip
        return int(found.num_explored)

    yield "default (dpor)", lambda n: explore(stop_on_first=False, max_executions=n)
    yield "random", lambda n: explore(strategy="random", max_attempts=n, seed=1)


def interleave_test(program: type[Any]) -> Iterator[tuple[str, Runs]]:
    import interleave_test as tool

    def explore(n: int, **more: Any) -> int:
        found = tool.explore(body(program), iterations=n, seed=1, raise_on_failure=False, **more)
        return int(found.schedules_run)

    yield "default (random)", explore
    yield "pct, by line", lambda n: explore(n, strategy="pct", granularity="line")


def ploom(program: type[Any]) -> Iterator[tuple[str, Runs]]:
    import ploom as tool

    if program is not PROGRAMS["counter"]:
        return  # it schedules its own cells and locks only

    def run(n: int) -> int:
        with tempfile.TemporaryDirectory() as folder:
            config = tool.Config(max_executions=n)
            try:
                done = tool.check(_ploom_counter, config=config, trace_dir=Path(folder))
            except tool.IncompleteExplorationError:
                return n
        return int(done.executions)

    yield "default (dfs)", run


def _ploom_counter() -> None:
    import ploom as tool

    cell = tool.SharedCell(0)

    def increment() -> None:
        cell.write(cell.read() + 1)

    threads = [tool.Thread(target=increment) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def rate(runs: Runs, seconds: float) -> tuple[float, float]:
    """Return executions a second, and the microseconds of processor time that each took.

    A search that ends before its budget is begun again.
    """
    size, done, began, used = 16, 0, time.perf_counter(), time.process_time()
    while (took := time.perf_counter() - began) < seconds:
        fresh = runs(size)
        done += fresh
        size *= 2 if fresh >= size else 1
    return done / took, (time.process_time() - used) / done * 1e6


TOOLS = {"frontrun": frontrun, "interleave-test": interleave_test, "ploom": ploom}


def main(seconds: float, tool: str) -> None:
    for name, program in PROGRAMS.items():
        line: dict[str, Any] = {"tool": tool, "program": name}
        try:
            for setting, runs in TOOLS[tool](program):
                line |= {"setting": setting, "figures": rate(runs, seconds)}
                print(json.dumps(line), flush=True)
        except ImportError:
            return
        except Exception as error:  # noqa: BLE001 - a peer's failure is a result
            print(json.dumps(line | {"setting": "", "error": repr(error)[:200]}), flush=True)


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2])
