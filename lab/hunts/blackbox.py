"""What survives a test that ends its own interpreter: which execution it was, and who ran when.

A small file mapped into memory: what was written is the kernel's when the process dies, however it
dies. The child notes, the parent reads.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from lab.hunt.locks import Bench
from lab.hunt.schedule import BLOCKED, COLLECTED, ENDED, EXPIRED, PREEMPTED, SPUN, YIELDED
from lab.hunt.turns import YIELD, Turn

# Executions begun, turns of the last one, where its batch began, GIL model.
_HEAD: Final = struct.Struct("=QQQB7x")
_COUNT_AT: Final = 1  # in words of eight bytes
_ALONE_AT: Final = _HEAD.size
_TURNS_AT: Final = _HEAD.size + 8
_TURN: Final = struct.Struct("=HHBBxxQ")
_WHYS: Final = (PREEMPTED, BLOCKED, ENDED, YIELDED, SPUN, COLLECTED, EXPIRED)
MOST_TURNS: Final = 60_000
_SIZE: Final = _TURNS_AT + MOST_TURNS * _TURN.size


class Last(NamedTuple):
    """The execution that was going on: its number from one, its turns so far, and its model."""

    number: int
    turns: tuple[Turn, ...]
    gil: bool


class BlackBox:
    """The mapped file at ``path``; ``create`` makes it empty."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        if create:
            path.write_bytes(bytes(_SIZE))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _SIZE)
        self._words = memoryview(self._map).cast("Q")
        self._turns_of = _noting(self._map, self._words)

    def begin(self, number: int) -> None:
        """Note that execution ``number`` begins, and from now on each of its turns."""
        engine = Bench.engine
        _HEAD.pack_into(self._map, 0, number, 0, engine.batch, engine.gil)
        engine.turns = self._turns_of()

    @property
    def number(self) -> int:
        """How many executions have begun."""
        return int(_HEAD.unpack_from(self._map)[0])

    @property
    def batch(self) -> int:
        """The number, in the whole hunt, of the execution with which the last batch began."""
        return int(_HEAD.unpack_from(self._map)[2])

    @property
    def alone(self) -> bool:
        """Whether no other process should hunt beside this one."""
        return bool(self._map[_ALONE_AT])

    def ask_to_be_alone(self) -> None:
        """Note that what the test does would be disturbed by another process that does it too."""
        self._map[_ALONE_AT] = 1

    def pulse(self) -> tuple[int, int]:
        """Return what changes while the hunt moves."""
        number, turns, _, _ = _HEAD.unpack_from(self._map)
        return number, turns

    def last(self) -> Last:
        """Return what is known of the last execution that began."""
        number, _, _, gil = _HEAD.unpack_from(self._map)
        return Last(number, tuple(self._turns()), bool(gil))

    def _turns(self) -> Iterator[Turn]:
        for at in range(min(_HEAD.unpack_from(self._map)[1], MOST_TURNS)):
            source, target, why, chosen, step = _TURN.unpack_from(
                self._map, _TURNS_AT + at * _TURN.size
            )
            # Only whether there was a place is asked of it when the turns are repeated.
            yield Turn(source, step, target, _WHYS[why], YIELD if chosen else None)

    def close(self) -> None:
        """Unmap the file."""
        self._words.release()
        self._map.close()


def _noting(box: mmap.mmap, words: memoryview) -> type[list[Turn]]:
    """Return a list for the engine's turns, each of which goes into the box at once.

    Every hand-over of a hunt comes by here, so that what it needs is at hand.
    """
    write, first, size = _TURN.pack_into, _TURNS_AT, _TURN.size
    whys = {why: number for number, why in enumerate(_WHYS)}
    add = list.append

    class Noted(list[Turn]):
        def append(self, turn: Turn, /) -> None:
            at = len(self)
            if at < MOST_TURNS:
                why, chosen = whys[turn.why], turn.site is not None
                write(box, first + at * size, turn.source, turn.target, why, chosen, turn.step)
                words[_COUNT_AT] = at + 1
            add(self, turn)

    return Noted
