"""Making a reused thread forget: its context and what it left in ``threading.local`` objects.

A new thread starts with neither. Context is easy: each task runs in an empty one. Thread-local data
has no public handle. Up to 3.12 it lies in a dictionary that ``PyThreadState_GetDict`` returns and
that can be cleared; from 3.13 on it lies in the local object, keyed by thread, and goes only with
the thread. So there the local objects are watched, and when an execution left data in one of them
the pool's threads are ended and made anew.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from typing import Any, Final

CLEARABLE: Final = sys.version_info < (3, 13)

_get_dict = ctypes.PYFUNCTYPE(ctypes.c_void_p)(("PyThreadState_GetDict", ctypes.pythonapi))


def thread_dictionary() -> dict[Any, Any] | None:
    """Return the calling thread's storage behind ``threading.local``, where it is there."""
    address = _get_dict() if CLEARABLE else None
    if not address:
        return None
    found: dict[Any, Any] = ctypes.cast(address, ctypes.py_object).value
    return found


class LocalData:
    """The ``threading.local`` objects that exist when a hunt begins, and how full they are.

    One made during an execution dies with it, so only these can carry data to the next.
    """

    def __init__(self) -> None:
        self.kept: list[dict[Any, Any]] = []
        self._size = 0

    def watch(self, local: list[Any]) -> None:
        """Watch ``local``, all there are; nothing to do where a thread's data can be cleared."""
        if CLEARABLE:
            return
        self.kept = [
            inner for each in local for inner in gc.get_referents(each) if type(inner) is dict
        ]
        self.settle()

    def changed(self) -> bool:
        """Whether some thread has left data, or taken its own away, since :meth:`settle`."""
        return sum(map(len, self.kept)) != self._size

    def settle(self) -> None:
        """Take the present state as the one to compare with."""
        self._size = sum(map(len, self.kept))
