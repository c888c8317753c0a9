"""Real bugs of released packages: found where they are, silence where they are mended.

``python -m tests.benchmarks hunt_real -- DIRECTORY [--seeds N] [--executions N] [--only NAME]``.
Each folder of DIRECTORY holds a ``driver.py`` with a ``run()`` that starts threads and raises when
the bug shows, a ``notes.md`` with a line ``package: NAME``, the buggy version pinned in
``requirements.txt`` and, where there is one, the mended version in ``requirements-fixed.txt``.
Both are installed with pip into throw-away directories. Default settings, the package traced.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from typing import Any, Final

_CHILD: Final = Path(__file__).with_name("_hunt_real_driver.py")
_VERSIONS: Final = {"buggy": "requirements.txt", "mended": "requirements-fixed.txt"}
_MODELS: Final = ("gil", "free-threaded")
_LIMIT_S: Final = 3_600.0


def main(options: list[str]) -> None:
    """Print a line for each package, version and model."""
    parser = argparse.ArgumentParser(prog="hunt_real", description=__doc__)
    parser.add_argument("directory", nargs="?", type=Path)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--executions", type=int, default=2000)
    parser.add_argument("--only", default="")
    asked = parser.parse_args(options)
    if asked.directory is None:
        print("no directory of drivers given: nothing to measure")
        return
    print(f"{'package':28}{'version':9}{'model':15}{'found':>10}{'mean executions':>17}  kind")
    for driver in sorted(asked.directory.glob("*/driver.py")):
        package = _package(driver)
        if package and asked.only in driver.parent.name:
            _measure(driver, package, asked.seeds, asked.executions)


def _package(driver: Path) -> str:
    """Return what to trace; empty for a driver that is not run in one process."""
    if not re.search(r"^def run\(", driver.read_text(), re.MULTILINE):
        return ""
    said = re.search(
        r"^package: (?:CPython stdlib )?(\S+)",
        (driver.parent / "notes.md").read_text(),
        re.MULTILINE,
    )
    name = said.group(1) if said else ""
    return name.partition(".")[0] if said and "stdlib" in said.group(0) else name


def _measure(driver: Path, package: str, seeds: int, executions: int) -> None:
    for version, pins in _VERSIONS.items():
        requirements = driver.parent / pins
        if not requirements.exists():
            continue
        with tempfile.TemporaryDirectory(prefix="lab-real-") as home:
            _install(requirements, Path(home))
            for model in _MODELS:
                answers = list(_hunts(driver, package, model, seeds, executions, home))
                _print(driver.parent.name, version, model, answers)


def _install(requirements: Path, home: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check",
         "--root-user-action", "ignore", "--target", str(home), "-r", str(requirements)],
        check=True, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def _hunts(
    driver: Path, package: str, model: str, seeds: int, executions: int, home: str
) -> Iterator[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, str(_CHILD), str(driver), package, model, str(seeds), str(executions)],
        env={**os.environ, "PYTHONPATH": home, "PYTHONHASHSEED": "0"},
        capture_output=True, text=True, timeout=_LIMIT_S, check=False,
    )  # fmt: skip
    if done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            yield json.loads(line)


def _print(name: str, version: str, model: str, answers: list[dict[str, Any]]) -> None:
    hits = [each for each in answers if each["found"]]
    kinds = sorted({each["kind"] for each in answers if each["kind"]}) or ["-"]
    tries = f"{mean(each['executions'] for each in hits):.1f}" if hits else "-"
    stuck = sum(each["stuck"] for each in answers)
    share = f"{len(hits)} of {len(answers)}"
    more = f"; {stuck} inconclusive" if stuck else ""
    print(
        f"{name:28}{version:9}{model:15}{share:>10}{tries:>17}  {', '.join(kinds)}{more}",
        flush=True,
    )
