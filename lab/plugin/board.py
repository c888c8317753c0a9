"""A page of memory that a session and its watcher share: which phase of which test is going on.

The session writes it twice a phase without a system call, and the watcher looks when it likes. A
socket would fill up while fast tests run, and then either hold them up or lose a message.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from pathlib import Path
from typing import Final

_SIZE: Final = 1 << 20
_HEAD: Final = struct.Struct("<III")
"""The number of the phase, 0 between two; the length and the checksum of what is said of it."""
_RAISED: Final = struct.Struct("<I")
_RAISED_AT: Final = 16
_PAUSED_AT: Final = 20
_TEXT_AT: Final = 32
_TRIES: Final = 100

LONGEST: Final = _SIZE - _TEXT_AT
"""How many bytes can be said of a phase."""


class Board:
    """The page in the file ``path``, which is made if it is not there."""

    def __init__(self, path: Path) -> None:
        with path.open("a+b") as file:
            file.truncate(_SIZE)
            self._page = mmap.mmap(file.fileno(), _SIZE)

    def begin(self, number: int, text: bytes) -> None:
        """Say that phase ``number`` (not 0) has begun, and what it is."""
        self.end()
        self._page[_TEXT_AT : _TEXT_AT + len(text)] = text
        _HEAD.pack_into(self._page, 0, number, len(text), zlib.crc32(text))

    def end(self) -> None:
        """Say that no phase is going on."""
        _HEAD.pack_into(self._page, 0, 0, 0, 0)

    @property
    def number(self) -> int:
        """The number of the phase that is going on, or 0."""
        number: int = _HEAD.unpack_from(self._page, 0)[0]
        return number

    def read(self) -> tuple[int, bytes]:
        """Return the number and what was said of it; (0, b"") also while it is being written."""
        for _ in range(_TRIES):
            number, length, checksum = _HEAD.unpack_from(self._page, 0)
            text = self._page[_TEXT_AT : _TEXT_AT + length]
            if number and zlib.crc32(text) == checksum:
                return number, text
        return 0, b""

    @property
    def raised(self) -> int:
        """How many times the main thread has raised what it was told."""
        count: int = _RAISED.unpack_from(self._page, _RAISED_AT)[0]
        return count

    def note_raised(self) -> None:
        """Count one more time."""
        _RAISED.pack_into(self._page, _RAISED_AT, self.raised + 1)

    @property
    def paused(self) -> bool:
        """Whether somebody debugs, so that nothing counts as a hang."""
        return bool(self._page[_PAUSED_AT])

    @paused.setter
    def paused(self, on: bool) -> None:
        self._page[_PAUSED_AT] = on

    def close(self) -> None:
        """Give the page back."""
        self._page.close()
