"""Executions a second: the hunt beside its peers and beside bare threads, on the same programs.

``python -m tests.benchmarks hunt -- [--peers VENV | --install] [--seconds S]``. The peers are
frontrun 0.7.0, interleave-test 0.1.0 and ploom 0.1.1, in an environment of their own: one that is
given, or a throw-away one made with pip. All run one after the other in the same minutes; each
figure is the better of two runs, for a shared machine only ever slows things down.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from pathlib import Path

from lab.hunt import Settings, hunt
from tests.benchmarks._hunt_programs import PROGRAMS, body

PEERS = ("frontrun==0.7.0", "interleave-test==0.1.0", "ploom==0.1.1")
Row = tuple[str, str, str, float]


def ours(seconds: float) -> Iterator[Row]:
    """Yield our rates: the default under each model, and single strategies."""
    for name, program in PROGRAMS.items():
        for model in ("free-threaded", "gil"):
            asked = Settings(model=model, executions=10**9, seconds=seconds)
            yield "lab", f"default, {model}", name, hunt(body(program), asked).executions_per_second
        for strategy in ("random", "pct", "pos", "surw"):
            asked = Settings(
                model="free-threaded", executions=10**9, seconds=seconds, strategy=strategy
            )
            yield "lab", strategy, name, hunt(body(program), asked).executions_per_second


def bare(seconds: float) -> Iterator[Row]:
    """Yield how often the same bodies run with the real threads, uncontrolled."""
    for name, program in PROGRAMS.items():
        run, done, began = body(program), 0, time.perf_counter()
        while (took := time.perf_counter() - began) < seconds:
            for _ in range(50):
                run()
            done += 50
        yield "bare threads", "", name, done / took


def peers(home: Path, seconds: float) -> Iterator[Row]:
    """Yield the peers' rates, measured in the environment ``home``; one that fails is said."""
    script = Path(__file__).with_name("_hunt_peers.py")
    python = str(home / "bin" / "python")
    for tool in ("frontrun", "interleave-test", "ploom"):
        start = [str(home / "bin" / "frontrun"), python] if tool == "frontrun" else [python]
        done = subprocess.run(
            [*start, str(script), str(seconds), tool],
            capture_output=True, text=True, timeout=600, check=False, cwd=script.parent,
        )  # fmt: skip
        for line in done.stdout.splitlines():
            if line.startswith("{"):
                found = json.loads(line)
                if "error" in found:
                    print(f"{tool}, {found['program']}: {found['error']}", file=sys.stderr)
                else:
                    yield tool, found["setting"], found["program"], found["rate"]


def install(home: Path) -> Path:
    """Make a throw-away environment with the peers in it."""
    venv.create(home, with_pip=True)
    subprocess.run([str(home / "bin" / "pip"), "install", "-q", *PEERS], check=True)
    return home


def table(rows: list[Row]) -> str:
    """Return the best rate of each line, and how our default compares with it."""
    best: dict[tuple[str, str, str], float] = {}
    for tool, setting, program, rate in rows:
        key = (program, tool, setting)
        best[key] = max(best.get(key, 0.0), rate)
    lines = [f"{'program':15}{'tool':17}{'setting':24}{'a second':>10}{'ours / it':>11}"]
    for (program, tool, setting), rate in best.items():
        own = best[program, "lab", "default, free-threaded"]
        lines.append(f"{program:15}{tool:17}{setting:24}{rate:10.0f}{own / rate:11.1f}")
    return "\n".join(lines)


def main(options: list[str]) -> None:
    """Measure and print; without an environment for the peers, ours and bare threads only."""
    parser = argparse.ArgumentParser(prog="hunt", description=__doc__.partition("\n")[0])
    parser.add_argument("--peers", type=Path, help="a virtual environment with the peers")
    parser.add_argument("--install", action="store_true", help="make one, and throw it away")
    parser.add_argument("--seconds", type=float, default=1.0, help="for each figure")
    asked = parser.parse_args(options)
    with tempfile.TemporaryDirectory() as scratch:
        home = install(Path(scratch)) if asked.install else asked.peers
        rows: list[Row] = []
        for _ in range(2):
            rows += [*ours(asked.seconds), *bare(asked.seconds)]
            if home is not None:
                rows += peers(home, asked.seconds)
    print(table(rows))


if __name__ == "__main__":
    main(sys.argv[1:])
