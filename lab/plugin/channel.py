"""The session's end of the line to its watcher, whom it starts and sees off."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import json
import os
import select
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from lab.plugin.board import LONGEST, Board

_START: Final = """
import os, sys
if os.fork():
    os._exit(0)
sys.path.append(sys.argv[1])
from lab.plugin.watcher import main
main(sys.argv[2])
"""
_ROOT: Final = str(Path(__file__).resolve().parents[2])
_YAMA: Final = Path("/proc/sys/kernel/yama")
_FAREWELL_S: Final = 10.0


class Channel:
    """Starts a watcher; what it is told beyond the process and where to look is an ``Order``.

    The watcher is started by a child that ends at once: so it is nobody's child here, and no test
    that counts or awaits its children meets it.
    """

    def __init__(self, board: Path, **order: Any) -> None:
        self.board = Board(board)
        self._line, theirs = socket.socketpair()
        self._pid = os.getpid()
        words = {**order, "pid": self._pid, "channel": theirs.fileno(), "board": str(board)}
        _allow_tracing()
        with theirs:
            subprocess.run(
                [sys.executable, "-P", "-c", _START, _ROOT, json.dumps(words)],
                pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL, check=True,
            )  # fmt: skip

    def begin(self, number: int, **phase: Any) -> None:
        """Tell that phase ``number`` begins, unless its description would fill the page."""
        text = json.dumps({**phase, "number": number}).encode()
        if os.getpid() == self._pid and len(text) <= LONGEST:
            self.board.begin(number, text)

    def end(self) -> None:
        """Tell that it has ended."""
        if os.getpid() == self._pid:  # a test may have forked, and the child come back to pytest
            self.board.end()

    def close(self) -> bool:
        """Send the watcher away, wait for its end, and return whether it was there till now."""
        with self._line:
            lost = bool(select.select([self._line], [], [], 0)[0])
            with contextlib.suppress(OSError):
                self._line.send(b"b")
                if select.select([self._line], [], [], _FAREWELL_S)[0]:
                    self._line.recv(1)
        self.board.close()
        return not lost


def _allow_tracing() -> None:
    """Let a process that is no ancestor read the stacks of this one and of its forks.

    Only Yama wants to be asked, see prctl(2), PR_SET_PTRACER; elsewhere the call does nothing.
    """
    if _YAMA.exists():
        libc = ctypes.CDLL(None)
        allow = functools.partial(libc.prctl, 0x59616D61, ctypes.c_ulong(-1), 0, 0, 0)
        allow()
        os.register_at_fork(after_in_child=allow)
