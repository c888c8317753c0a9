"""Whether a test reaches outside its process: two of it at once would then meet, and fail of that.

The interpreter's own audit events (PEP 578) tell; what C code does without one is not seen.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

from lab.hunt.locks import Bench

_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_REACHING: Final = (
    "fcntl.", "ftplib.", "http.", "mmap.", "os.chmod", "os.chown", "os.exec", "os.fork", "os.kill",
    "os.link", "os.mkdir", "os.posix_spawn", "os.remove", "os.rename", "os.rmdir", "os.symlink",
    "os.system", "os.truncate", "os.utime", "shutil.", "smtplib.", "socket.bind",
    "socket.connect", "socket.sendto", "subprocess.", "syslog.", "tempfile.", "urllib.",
)  # fmt: skip
# What an execution does by the dozen, and never reaches outside: told apart before all else.
_EVERYDAY: Final = frozenset((
    "builtins.id", "code.__new__", "compile", "exec", "gc.get_objects", "gc.get_referents",
    "gc.get_referrers", "import", "marshal.loads", "object.__delattr__", "object.__getattr__",
    "object.__setattr__", "sys._getframe", "sys._getframemodulename",
    "sys.monitoring.register_callback",
))  # fmt: skip


@contextlib.contextmanager
def watched(touched: Callable[[], None]) -> Iterator[None]:
    """Call ``touched`` whenever what is done in the context reaches outside, or a test later does.

    The hook stays until the process ends: there is no way to take one back.
    """
    importing = True

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _EVERYDAY:
            return
        controlled = Bench.engine.current is not None
        if (controlled or importing) and reaches(event, arguments):
            touched()

    sys.addaudithook(hook)
    try:
        yield
    finally:
        importing = False


def reaches(event: str, arguments: tuple[Any, ...]) -> bool:
    """Whether the audit event is of something that is not the process's own."""
    if event == "open":
        path, _, flags = arguments
        writing = isinstance(flags, int) and bool(flags & _WRITING)
        # A number is a descriptor, whose own opening was seen.
        return writing and not isinstance(path, int) and not _is_bytecode(arguments)
    if event == "sqlite3.connect":
        return arguments[0] not in (":memory:", b":memory:")
    return event.startswith(_REACHING) and not _is_bytecode(arguments)


def _is_bytecode(arguments: tuple[Any, ...]) -> bool:
    """Whether it is about the interpreter's own cache, which processes share as it is."""
    return any(isinstance(each, str) and "__pycache__" in each for each in arguments)
