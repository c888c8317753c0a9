"""Running the real command line in a process of its own, for tests."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

LIMIT_S = 120
"""A safety net only: no test depends on how long anything takes."""


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.out)

    @property
    def complaint(self) -> str:
        """The last line on stderr; a deliberate error is that line and no traceback."""
        assert "Traceback" not in self.err, self.err
        lines = [line for line in self.err.splitlines() if line.startswith("lab: ")]
        assert len(lines) == 1, self.err
        return lines[0]


def lab(
    *arguments: str | Path, cwd: Path | None = None, limit_s: float = LIMIT_S, **environment: str
) -> Done:
    """Run ``lab`` with ``arguments`` and wait for its end."""
    done = subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        timeout=limit_s,
        cwd=cwd,
        env={**os.environ, **environment},
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def command(*arguments: str | Path) -> list[str]:
    """Return the words that run ``lab`` on this interpreter."""
    return [sys.executable, "-m", "lab", *map(str, arguments)]


@functools.cache
def _may_become_nobody() -> bool:
    """Whether another user can run this interpreter: not if it lies in somebody's closed home."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", "import lab"],
            user="nobody", group="nogroup", extra_groups=[], cwd="/",
            capture_output=True, timeout=LIMIT_S, check=False,
        )  # fmt: skip
    except (PermissionError, LookupError):
        return False
    return done.returncode == 0


another_user = pytest.mark.skipif(
    os.geteuid() != 0 or not _may_become_nobody(),
    reason="becoming another user needs root, and an interpreter that others may run",
)
