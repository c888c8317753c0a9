"""A real pseudo-terminal with a program in it, and hands on the keyboard."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

LIMIT_S = 30
"""A safety net only."""
CTRL_C, CTRL_Z, CTRL_BACKSLASH, CTRL_D = "\x03", "\x1a", "\x1c", "\x04"

_TAKE_TERMINAL = """
import fcntl, os, signal, sys, termios
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """Runs ``command`` as the leader of a session on a new terminal; leaving it kills what is left.

    Everything that is shown is kept in ``shown``.
    """

    def __init__(self, command: Sequence[str | Path], cwd: Path | None = None) -> None:
        self._command = [str(word) for word in command]
        self._cwd = cwd
        self.shown = ""

    def __enter__(self) -> Self:
        self.keyboard, screen = pty.openpty()
        self.resize(24, 80)
        with os.fdopen(screen, "r+b", buffering=0) as inside:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _TAKE_TERMINAL, *self._command],
                stdin=inside, stdout=inside, stderr=inside, start_new_session=True, cwd=self._cwd,
                env={**os.environ, "PS1": "$ ", "TERM": "dumb", "PYTHONUNBUFFERED": "1"},
            )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        os.close(self.keyboard)

    def resize(self, rows: int, columns: int) -> None:
        """Change the size of the window."""
        fcntl.ioctl(self.keyboard, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, keys: str) -> None:
        """Type ``keys``."""
        os.write(self.keyboard, keys.encode())

    def until(self, words: str) -> str:
        """Wait until ``words`` are shown; return what was shown up to them, and forget it."""
        limit = time.monotonic() + LIMIT_S
        while words not in self.shown:
            assert time.monotonic() < limit, f"no {words!r} in {self.shown!r}"
            if not self._read(1.0):
                assert words in self.shown, f"ended without {words!r}: {self.shown!r}"
        before, _, self.shown = self.shown.partition(words)
        return before

    def rest(self) -> str:
        """Wait for the end and return what was shown that nobody has waited for."""
        limit = time.monotonic() + LIMIT_S
        while self._read(1.0):
            assert time.monotonic() < limit, f"still open after {self.shown!r}"
        self.code = self.process.wait(LIMIT_S)
        return self.shown

    def _read(self, seconds: float) -> bool:
        """Take what is shown; false when nobody has the terminal open any more."""
        if not select.select([self.keyboard], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.keyboard, 1 << 16)
        except OSError:
            return False
        self.shown += data.decode(errors="replace")
        return bool(data)
