"""A command that ends well waits for nothing that only a hang needs."""

from __future__ import annotations

import subprocess
import sys

HEAVY = {"typer", "rich", "msgspec", "jinja2", "pygal", "psutil", "dataclasses", "subprocess", "re"}


def test_watching_loads_next_to_nothing():
    code = "from lab.cli import run_command_line; run_command_line(['watch', '--', 'true'])"
    check = f"{code}\nimport sys; print('\\n'.join(sys.modules), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{check}"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    names = set(done.stderr.split())
    assert not names & HEAVY
    assert "lab.watch.session" in names
    assert "lab.watch.stillness" not in names
