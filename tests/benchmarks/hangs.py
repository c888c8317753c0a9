"""Hangs of released packages: is the culprit named, left unknown, or, which is worst, wrong?

``python -m tests.benchmarks hangs -- [NAME...]``. Each program of ``hanging/`` pins a release and
names its public bug report; it runs in a throw-away environment, unmodified, and is looked at from
outside as ``lab dump`` does. Its ``WAITS`` say who waits for whom (``None``: nobody would end it),
its ``CAUSES`` which root causes are right to name.
"""

from __future__ import annotations

import ast
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from lab import procfs
from lab.model import Dump
from lab.supervise import Watchdog

PROGRAMS = Path(__file__).with_name("hanging")
_SETTLED_S = 3.0
_UNKNOWN = {"unknown", "none"}


@dataclass(frozen=True)
class Case:
    """A program, and what is true of it."""

    path: Path
    requires: str
    report: str
    causes: set[str]
    waits: dict[str, str | None]


def cases(names: list[str]) -> list[Case]:
    """Return the programs named, or all, with the constants that they declare."""
    found = []
    for path in sorted(PROGRAMS.glob("*.py")):
        if names and path.stem not in names:
            continue
        said: dict[str, Any] = {
            node.targets[0].id: ast.literal_eval(node.value)
            for node in ast.parse(path.read_text()).body
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and node.targets[0].id in ("REQUIRES", "REPORT", "CAUSES", "WAITS")
        }
        found.append(Case(path, said["REQUIRES"], said["REPORT"], said["CAUSES"], said["WAITS"]))
    return found


def environment(home: Path, requirements: list[str]) -> Path:
    """Make an environment with pinned packages and return its interpreter."""
    venv.create(home, with_pip=True)
    subprocess.run([str(home / "bin" / "pip"), "install", "-qq", *requirements], check=True)
    return home / "bin" / "python"


def hang(python: Path, case: Case) -> Dump:
    """Run the program until nothing of it has run for a while; return a look at it, and end it."""
    program = subprocess.Popen(
        [python, case.path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        assert program.stdout is not None
        program.stdout.readline()
        _settle(program.pid)
        command = [sys.executable, "-m", "lab", "dump", str(program.pid), "--json"]
        done = subprocess.run(command, capture_output=True, check=False)
        return msgspec.json.decode(done.stdout, type=Dump)
    finally:
        for pid in (program.pid, *procfs.descendants(program.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        program.communicate()


def _settle(root: int) -> None:
    """Wait until a deadlock is proved, or long enough for a program that polls or sleeps."""
    watchdog = Watchdog(lambda: [root, *procfs.descendants(root)], outside=())
    until = time.monotonic() + _SETTLED_S
    while time.monotonic() < until and watchdog.poll().proof is None:
        time.sleep(0.02)


def judge(case: Case, seen: Dump) -> tuple[str, str]:
    """Return (``named``, ``unknown`` or ``wrong``, what was said)."""
    # A child that is no Python is called by its name and its pid, which nobody can foretell.
    labels = {a.id: a.label.removesuffix(f" {a.pid}") for a in seen.diagnosis.actors}
    holders = {
        labels.get(edge.waiter, ""): labels.get(edge.holder or "") for edge in seen.diagnosis.edges
    }
    grades = []
    for waiter, wanted in case.waits.items():
        holder = holders.get(waiter)
        if holder is None:
            grades.append("named" if wanted is None and waiter in holders else "unknown")
        else:
            grades.append("named" if holder == wanted else "wrong")
    cause = str(seen.diagnosis.cause)
    if cause not in case.causes:
        grades.append("unknown" if cause in _UNKNOWN else "wrong")
    worst = next(grade for grade in ("wrong", "unknown", "named") if grade in grades)
    return worst, seen.diagnosis.headline


def main(options: list[str]) -> None:
    """Print a line a program, and how many were named, unknown and wrong."""
    counts = dict.fromkeys(("named", "unknown", "wrong"), 0)
    print(sys.version)
    for case in cases(options):
        with tempfile.TemporaryDirectory() as home:
            seen = hang(environment(Path(home), [case.requires]), case)
        grade, said = judge(case, seen)
        counts[grade] += 1
        print(f"{case.path.stem:26}{case.requires:28}{seen.state:12}{grade:9}{case.report}")
        print(f"{'':26}{said}", flush=True)
    print(", ".join(f"{count} {grade}" for grade, count in counts.items()))
