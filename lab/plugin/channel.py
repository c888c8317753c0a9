"""The session's end of the line to its watcher, whom it starts and sees off."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

_START: Final = """
import os, sys
if os.fork():
    os._exit(0)
sys.path.append(sys.argv[1])
from lab.plugin.watcher import main
main(sys.argv[2])
"""
_ROOT: Final = str(Path(__file__).resolve().parents[2])
_FAREWELL_S: Final = 10.0


class Channel:
    """Starts a watcher; what it is told beyond the process and the socket is an ``Order``.

    The watcher is started by a child that ends at once: so it is nobody's child here, and no test
    that counts or awaits its children meets it.
    """

    def __init__(self, **order: Any) -> None:
        self._socket, theirs = socket.socketpair()
        words = json.dumps({**order, "pid": os.getpid(), "channel": theirs.fileno()})
        _allow_tracing()
        with theirs:
            subprocess.run(
                [sys.executable, "-P", "-c", _START, _ROOT, words],
                pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL, check=True,
            )  # fmt: skip
        self._socket.setblocking(False)
        self._pid = os.getpid()

    def tell(self, **message: Any) -> None:
        """Send ``message``; a watcher that is gone or stuck is no reason to fail a test."""
        if os.getpid() != self._pid:
            return  # a fork of the session
        with contextlib.suppress(OSError):
            self._socket.sendall(json.dumps(message).encode() + b"\n")

    def close(self) -> None:
        """Send the watcher away and wait until it is gone."""
        self.tell(kind="bye")
        with self._socket, contextlib.suppress(OSError):
            if select.select([self._socket], [], [], _FAREWELL_S)[0]:
                self._socket.recv(1)


def _allow_tracing() -> None:
    """Let a process that is no ancestor read this one's stacks, where Yama wants to be asked."""
    from lab.supervise import consent

    if consent.is_needed():
        import ctypes

        ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1), 0, 0, 0)  # PR_SET_PTRACER, any
