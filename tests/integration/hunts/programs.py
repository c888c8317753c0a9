"""Small test files that are hunted in processes of their own, and how to run pytest on them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.integration.lab_command import LIMIT_S, Done

AT_A_DESK = {
    name: value
    for name, value in os.environ.items()
    if name not in ("CI", "TF_BUILD", "GITHUB_ACTIONS", "GITLAB_CI", "TEAMCITY_VERSION")
}
"""The environment of somebody who works on a test: in CI, Hypothesis keeps no failures."""

COUNTER = """
import threading

class Counter:
    def __init__(self):
        self.value = 0
        self.lock = threading.Lock()

    def increment(self):
        seen = self.value
        self.value = seen + 1

    def safe(self):
        with self.lock:
            self.value += 1

def together(function, n=2):
    workers = [threading.Thread(target=function) for _ in range(n)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
"""

RACE = (
    COUNTER
    + """
def test_lost():
    counter = Counter()
    together(counter.increment)
    assert counter.value == 2

def test_safe():
    counter = Counter()
    together(counter.safe)
    assert counter.value == 2
"""
)


def write(folder: Path, text: str, name: str = "test_it.py") -> Path:
    """Write a test file into ``folder``, which counts as a project of its own."""
    (folder / "pyproject.toml").touch()
    path = folder / name
    path.write_text(text)
    return path


def pytest_in(folder: Path, *arguments: str, **environment: str) -> Done:
    """Run pytest in ``folder`` on what is there; without the order of pytest-randomly."""
    command = [sys.executable, "-m", "pytest", "-p", "no:randomly", "-p", "no:cacheprovider"]
    command.append(f"--basetemp={folder / '.tmp'}")
    done = subprocess.run(
        [*command, *arguments],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        cwd=folder,
        env={**AT_A_DESK, "COLUMNS": "200", **environment},
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def token_in(text: str) -> str:
    """Return the token that a failure printed."""
    found = re.search(r"schedule: (lab1\.\S+)", text)
    assert found, text
    return found[1]
