"""Whether a test reaches outside its process: two of it at once would then meet, and fail of that.

The interpreter's own audit events (PEP 578) tell. They come for what the test does by itself only,
and not for shared memory without a name or for what C code does in silence.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, Final

from lab.hunt.locks import Bench

_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_REACHING: Final = (
    "fcntl.", "ftplib.", "http.", "mmap.", "os.chmod", "os.chown", "os.exec", "os.fork", "os.kill",
    "os.link", "os.lockf", "os.mkdir", "os.posix_spawn", "os.remove", "os.rename",
    "os.rmdir", "os.symlink", "os.system", "os.truncate", "os.utime", "shutil.", "smtplib.",
    "socket.bind", "socket.connect", "socket.sendto", "subprocess.", "syslog.",
    "tempfile.", "urllib.",
)  # fmt: skip


def watch(touched: Callable[[], None]) -> None:
    """Call ``touched`` whenever controlled code does something that another process could notice.

    The hook stays until the process ends: there is no way to take one back.
    """

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if Bench.engine.current is not None and reaches(event, arguments):
            touched()

    sys.addaudithook(hook)


def reaches(event: str, arguments: tuple[Any, ...]) -> bool:
    """Whether the audit event is of something that is not the process's own."""
    if event == "open":
        flags = arguments[2]
        return isinstance(flags, int) and bool(flags & _WRITING)
    if event == "sqlite3.connect":
        return arguments[0] not in (":memory:", b":memory:")
    return event.startswith(_REACHING)
