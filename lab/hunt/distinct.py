"""Counting different schedules without keeping them: a mark for each, at the place of its hash."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Final

from lab.hunt.turns import Turn

_PLACES: Final = 1 << 22


class Distinct:
    """At least how many different schedules there were: two may share a place (linear counting).

    A schedule is told by who handed over to whom at which step, all of it numbers, whose hash is
    the same in every process.
    """

    def __init__(self) -> None:
        self.count = 0
        self._marks = bytearray(_PLACES)

    def add(self, turns: Iterable[Turn]) -> None:
        """Count the schedule with these hand-overs, unless it was seen before."""
        place = hash(tuple([(turn.source, turn.step, turn.target) for turn in turns])) % _PLACES
        if not self._marks[place]:
            self._marks[place] = 1
            self.count += 1

    def packed(self) -> bytes:
        """Return the marks, for :func:`union`."""
        return zlib.compress(self._marks, 1)


def union(packed: Iterable[bytes]) -> int:
    """Return how many schedules several processes saw together."""
    together = 0
    for marks in packed:
        together |= int.from_bytes(zlib.decompress(marks))
    return together.bit_count()
