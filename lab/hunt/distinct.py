"""Counting different schedules without keeping them: one bit for each, at the place of its hash."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Final

from lab.hunt.turns import Turn

_BITS: Final = 1 << 23


class Distinct:
    """At least how many different schedules there were: two may share a bit (linear counting).

    A schedule is told by who handed over to whom at which step, all of it numbers, whose hash is
    the same in every process.
    """

    def __init__(self) -> None:
        self.count = 0
        self._bits = bytearray(_BITS // 8)

    def add(self, turns: Iterable[Turn]) -> None:
        """Count the schedule with these hand-overs, unless it was seen before."""
        bit = hash(tuple([(turn.source, turn.step, turn.target) for turn in turns])) % _BITS
        byte, mask = bit >> 3, 1 << (bit & 7)
        if not self._bits[byte] & mask:
            self._bits[byte] |= mask
            self.count += 1

    def packed(self) -> bytes:
        """Return the bits, for :func:`union`."""
        return zlib.compress(self._bits, 1)


def union(packed: Iterable[bytes]) -> int:
    """Return how many schedules several processes saw together."""
    together = 0
    for bits in packed:
        together |= int.from_bytes(zlib.decompress(bits))
    return together.bit_count()
