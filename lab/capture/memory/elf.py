"""Where a global variable of CPython lies in a process: the dynamic symbols of an ELF file.

``_PyRuntime`` and ``Py_Version`` are exported data (``PyAPI_DATA``), so they stay in ``.dynsym``
even when a distribution strips its binaries. See elf(5).
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterator
from pathlib import Path

_DYNAMIC_SYMBOLS = 11
_LOAD = 1
_MOST_SYMBOLS = 200_000
_WANTED = (b"_PyRuntime", b"Py_Version")


@functools.lru_cache(maxsize=32)
def symbols(path: str, inode: int) -> dict[str, int]:
    """Return ``{name: offset from where the file is loaded}`` of CPython's variables.

    ``path`` is the file as this process can open it, ``inode`` keeps a replaced file from being
    mistaken for the one that was read before. Empty when it is no 64-bit little-endian ELF file,
    cannot be read, or does not hold CPython.
    """
    del inode
    try:
        image = Path(path).read_bytes()
        if image[:6] != b"\x7fELF\x02\x01" or _WANTED[0] not in image:
            return {}
        base = _first_load_address(image)
        return {
            name.decode(): value - base
            for name, value in _dynamic_symbols(image)
            if name in _WANTED
        }
    except (OSError, struct.error, ValueError, IndexError):
        return {}


def _first_load_address(image: bytes) -> int:
    start, size, count = _table(image, 0x20, 0x36)
    for i in range(count):
        kind, _flags, _offset, address = struct.unpack_from("<IIQQ", image, start + i * size)
        if kind == _LOAD:
            return int(address) & ~0xFFF
    raise ValueError("no loadable segment")


def _table(image: bytes, offset_at: int, size_at: int) -> tuple[int, int, int]:
    """Return start, entry size and count of the program or the section header table."""
    (start,) = struct.unpack_from("<Q", image, offset_at)
    size, count = struct.unpack_from("<HH", image, size_at)
    return start, size, count


def _dynamic_symbols(image: bytes) -> Iterator[tuple[bytes, int]]:
    start, size, count = _table(image, 0x28, 0x3A)
    headers = [struct.unpack_from("<IIQQQQIIQQ", image, start + i * size) for i in range(count)]
    for _name, kind, _flags, _address, offset, length, link, _info, _align, entry in headers:
        if kind != _DYNAMIC_SYMBOLS or not entry:
            continue
        names = headers[link][4]
        for i in range(min(length // entry, _MOST_SYMBOLS)):
            name_at, _, _, _, value, _ = struct.unpack_from("<IBBHQQ", image, offset + i * entry)
            begin = names + name_at
            yield image[begin : image.index(b"\0", begin)], value
