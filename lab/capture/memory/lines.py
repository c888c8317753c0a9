"""From an instruction to its line: the location table of a code object.

The format is CPython's ``Objects/locations.md``, the same from 3.11 on: entries of one byte with
the kind and the length, then what the kind needs, of which only the line is read here.
"""

from __future__ import annotations

from collections.abc import Iterator

_NO_LOCATION = 15
_LONG = 14
_NO_COLUMNS = 13
_ONE_LINE = (10, 11, 12)


def line_at(table: bytes, first_line: int, offset: int) -> int:
    """Return the line of the instruction at ``offset`` bytes; the first line when it has none."""
    line, end, position = first_line, 0, 0
    while position < len(table):
        head = table[position]
        kind, length = head >> 3 & 15, (head & 7) + 1
        rest = position + 1
        position = next((i for i in range(rest, len(table)) if table[i] & 128), len(table))
        line += _change(kind, table[rest:position])
        end += length * 2
        if offset < end:
            return line
    return first_line


def _change(kind: int, rest: bytes) -> int:
    """Return by how much an entry changes the line."""
    if kind in (_LONG, _NO_COLUMNS):
        value = next(_numbers(rest), 0)
        return -(value >> 1) if value & 1 else value >> 1
    return kind - _ONE_LINE[0] if kind in _ONE_LINE else 0


def _numbers(data: bytes) -> Iterator[int]:
    """Yield the variable-length numbers: six bits a byte, least first, 64 says that more follow."""
    value = shift = 0
    for byte in data:
        value |= (byte & 63) << shift
        shift += 6
        if not byte & 64:
            yield value
            value = shift = 0
