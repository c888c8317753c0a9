"""The bytes of another process, read-only. See proc(5), ``/proc/pid/mem``."""

from __future__ import annotations

import os
import struct

from lab import procfs
from lab.errors import LabError

_PAGE = 4096
_HIGHEST = 1 << 47
"""User addresses end here on x86-64 with 4-level page tables; on AArch64 they end higher, but
CPython's objects come from mmap and brk, which stay below it unless asked otherwise."""
_LONGEST_READ = 1 << 20
_WORD = struct.Struct("<Q")


class CannotReadMemoryError(LabError):
    """The memory of the target cannot be opened, or there is none at that address."""


class Memory:
    """The memory of process ``pid``, cached by page: one value is one moment.

    Raises :class:`CannotReadMemoryError` when the process is gone or may not be read (ptrace(2),
    "Ptrace access mode checking").
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._pages: dict[int, bytes] = {}
        try:
            self._fd = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise CannotReadMemoryError(f"memory of process {pid}: {error.strerror}") from None
        self.mappings = tuple(procfs.mappings(pid))

    def close(self) -> None:
        """Give the file descriptor back."""
        os.close(self._fd)

    def __enter__(self) -> Memory:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def read(self, address: int, size: int) -> bytes:
        """Return exactly ``size`` bytes, or raise :class:`CannotReadMemoryError`."""
        if not (_PAGE <= address < _HIGHEST and 0 <= size <= _LONGEST_READ):
            raise CannotReadMemoryError(f"{size} bytes at {address:#x}")
        first = address - address % _PAGE
        last = address + max(size, 1) - 1
        pages = b"".join(self._page(page) for page in range(first, last + 1, _PAGE))
        return pages[address - first : address - first + size]

    def _page(self, start: int) -> bytes:
        page = self._pages.get(start)
        if page is None:
            page = self._pages[start] = self.read_block(start, _PAGE)
        if len(page) < _PAGE:
            raise CannotReadMemoryError(f"no memory at {start:#x} of process {self.pid}")
        return page

    def read_block(self, start: int, size: int) -> bytes:
        """Return up to ``size`` bytes without caching them; fewer where there are no more."""
        try:
            return os.pread(self._fd, size, start)
        except (OSError, OverflowError, ValueError):
            return b""

    def word(self, address: int) -> int:
        """Return the unsigned 64-bit word at ``address``."""
        offset = address % _PAGE
        page = self._pages.get(address - offset) if offset <= _PAGE - 8 else None
        if page is None or len(page) < _PAGE:
            page, offset = self.read(address, 8), 0
        value: int = _WORD.unpack_from(page, offset)[0]
        return value

    def signed(self, address: int, size: int = 8) -> int:
        """Return the signed integer of ``size`` bytes at ``address``."""
        return int.from_bytes(self.read(address, size), "little", signed=True)

    def byte(self, address: int) -> int:
        """Return the byte at ``address``."""
        return self.read(address, 1)[0]

    def c_string(self, address: int, limit: int = 128) -> str:
        """Return the NUL-terminated text at ``address``, at most ``limit`` bytes of it."""
        room = min(limit, _PAGE - address % _PAGE)
        raw = self.read(address, room)
        if b"\0" not in raw and room < limit:
            raw += self.read(address + room, limit - room)
        return raw.split(b"\0", 1)[0].decode("ascii", "replace")

    def mapping_of(self, address: int) -> procfs.Mapping | None:
        """Return the mapping that ``address`` lies in, if any."""
        for mapping in self.mappings:
            if mapping.start <= address < mapping.end:
                return mapping
        return None
