"""Executions a second: the hunt beside its peers and beside bare threads, on the same programs.

``python -m tests.benchmarks hunt -- [--peers VENV | --install] [--seconds S]``. The peers are
frontrun 0.7.0, interleave-test 0.1.0 and ploom 0.1.1, in an environment of their own: one that is
given, or a throw-away one made with pip. All run one after the other in the same minutes, several
rounds of them; each figure is the best of its rounds, for a shared machine only ever slows things
down. What others do on the machine shows least in the processor time that an execution took, all
threads of the process together: the last two columns.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lab.hunt import Settings, hunt
from tests.benchmarks._hunt_programs import PROGRAMS, body

PEERS = ("frontrun==0.7.0", "interleave-test==0.1.0", "ploom==0.1.1")
_PROGRAMS = Path(__file__).with_name("_hunt_programs.py")
_COMMAND = "lab hunt,"
_LONG = 6  # times as long as the others: processes that hunt together are for long hunts
Row = tuple[str, str, str, float, float]  # tool, setting, program, executions a second, CPU µs each


def ours(seconds: float) -> Iterator[Row]:
    """Yield our rates: the default under each model, and single strategies."""
    for name, program in PROGRAMS.items():
        for model in ("free-threaded", "gil"):
            yield "lab", f"default, {model}", name, *_hunted(program, model, "portfolio", seconds)
        for strategy in ("random", "pct", "pos", "surw"):
            yield "lab", strategy, name, *_hunted(program, "free-threaded", strategy, seconds)


def _hunted(program: type[Any], model: str, strategy: str, seconds: float) -> tuple[float, float]:
    asked = Settings(model=model, executions=10**9, seconds=seconds, strategy=strategy)
    began = time.process_time()
    found = hunt(body(program), asked)
    used = time.process_time() - began
    return found.executions_per_second, used / found.executions * 1e6


def together(seconds: float) -> Iterator[Row]:
    """Yield the rate of the command, whose processes share a long hunt, from its start to its end.

    The time in which it still hunts alone, and the others start, is part of it.
    """
    for name in PROGRAMS:
        test = f"{_PROGRAMS}:{name.replace(' ', '_')}"
        asked = ("--model", "free-threaded", "--executions", str(10**9), "--seconds", str(seconds))
        with tempfile.TemporaryDirectory() as output:
            before = os.times()
            done = subprocess.run(
                [sys.executable, "-m", "lab", "hunt", test, *asked, "--json", "--output", output],
                capture_output=True, text=True, check=True,
            )  # fmt: skip
            after = os.times()
        said = json.loads(done.stdout)
        used = after.children_user + after.children_system
        used -= before.children_user + before.children_system
        setting = f"{_COMMAND} {said['jobs']} processes"
        cost = used / said["executions"] * 1e6
        yield "lab", setting, name, said["executions_per_second"], cost


def bare(seconds: float) -> Iterator[Row]:
    """Yield how often the same bodies run with the real threads, uncontrolled."""
    for name, program in PROGRAMS.items():
        run, done, began, used = body(program), 0, time.perf_counter(), time.process_time()
        while (took := time.perf_counter() - began) < seconds:
            for _ in range(50):
                run()
            done += 50
        yield "bare threads", "", name, done / took, (time.process_time() - used) / done * 1e6


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
                    yield tool, found["setting"], found["program"], *found["figures"]


def install(home: Path) -> Path:
    """Make a throw-away environment with the peers in it."""
    venv.create(home, with_pip=True)
    subprocess.run([str(home / "bin" / "pip"), "install", "-q", *PEERS], check=True)
    return home


def table(rows: list[Row]) -> str:
    """Return the best figures of each line, and how ours compare with them.

    Ours are the default in this process, and the command with all its processes.
    """
    best: dict[tuple[str, str, str], tuple[float, float]] = {}
    for tool, setting, program, rate, used in rows:
        before = best.get((program, tool, setting), (0.0, float("inf")))
        best[program, tool, setting] = max(before[0], rate), min(before[1], used)
    lines = [
        f"{'program':15}{'tool':17}{'setting':24}{'a second':>10}{'ours / it':>11}"
        f"{'command / it':>14}{'CPU us each':>13}{'it / ours':>11}"
    ]
    for (program, tool, setting), (rate, used) in best.items():
        own, ours_used = best[program, "lab", "default, free-threaded"]
        command = max(best[key][0] for key in best if key[0] == program and _COMMAND in key[2])
        lines.append(
            f"{program:15}{tool:17}{setting:24}{rate:10.0f}{own / rate:11.1f}"
            f"{command / rate:14.1f}{used:13.1f}{used / ours_used:11.1f}"
        )
    return "\n".join(lines)


def main(options: list[str]) -> None:
    """Measure and print; without an environment for the peers, ours and bare threads only."""
    parser = argparse.ArgumentParser(prog="hunt", description=__doc__.partition("\n")[0])
    parser.add_argument("--peers", type=Path, help="a virtual environment with the peers")
    parser.add_argument("--install", action="store_true", help="make one, and throw it away")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each figure of a round")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args(options)
    with tempfile.TemporaryDirectory() as scratch:
        home = install(Path(scratch)) if asked.install else asked.peers
        rows: list[Row] = []
        for _ in range(asked.rounds):
            rows += [*ours(asked.seconds), *together(_LONG * asked.seconds), *bare(asked.seconds)]
            if home is not None:
                rows += peers(home, asked.seconds)
    print(table(rows))


if __name__ == "__main__":
    main(sys.argv[1:])
