"""The time scale of the timelines: seconds to pixels, stretched where it matters.

The time from the program's beginning to the proof is a small part of a trial, and the part that
matters. The scale is linear in up to three parts: before the program, up to the proof, after it.
Where two parts meet the axis shows a break.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

BEFORE_SHARE, FOCUS_SHARE = 0.13, 0.5
"""The shares of the width for the time before the program, and up to the proof."""
TICK_APART = 58.0
"""Pixels between two labels on the axis."""


@dataclass(frozen=True)
class Span:
    """The times that one timeline needs, in seconds; 0 is when the program began."""

    start_s: float
    end_s: float
    focus_s: float | None
    """Up to where the scale should be stretched: a little after the proof."""


@dataclass(frozen=True)
class Scale:
    """A scale through ``knots``: (seconds, pixels), both strictly rising."""

    knots: tuple[tuple[float, float], ...]

    @property
    def breaks(self) -> list[float]:
        """The seconds at which the scale changes."""
        return [at for at, _ in self.knots[1:-1]]

    def x(self, seconds: float) -> float:
        """Return where a time is drawn; a time off the scale is drawn at its end."""
        at = min(max(seconds, self.knots[0][0]), self.knots[-1][0])
        for (t1, x1), (t2, x2) in itertools.pairwise(self.knots):
            if at <= t2:
                # Rounding must not carry a point past the end of its own piece.
                return min(x2, x1 + (x2 - x1) * (at - t1) / (t2 - t1))
        return self.knots[-1][1]

    def ticks(self) -> list[float]:
        """Return round times on the axis, 0 among them, far enough apart to be labelled."""
        found = [0.0]
        times = sorted(set(self._candidates()), key=lambda at: (abs(at), at))
        for at in times:
            if all(abs(self.x(at) - self.x(other)) >= TICK_APART for other in found):
                found.append(at)
        return sorted(found)

    def _candidates(self) -> Iterator[float]:
        for (t1, x1), (t2, x2) in itertools.pairwise(self.knots):
            yield from round_times(t1, t2, max(1, int((x2 - x1) / 90)))


def shared_scale(spans: Iterable[Span], left: float, right: float) -> Scale:
    """Return one scale for all timelines of a page, between the pixels ``left`` and ``right``."""
    known = list(spans)
    start = min((each.start_s for each in known), default=0.0)
    end = max((each.end_s for each in known), default=0.0)
    end = max(end, start + 1e-3)
    focus = max((each.focus_s for each in known if each.focus_s), default=0.0)
    wide = right - left
    knots = [(start, left)]
    if 0 < focus < FOCUS_SHARE * (end - start):
        before = BEFORE_SHARE * wide if start < 0 else 0.0
        knots += [(0.0, left + before)] if start < 0 else []
        knots.append((focus, left + before + FOCUS_SHARE * wide))
    return Scale((*knots, (end, right)))


def round_times(start: float, end: float, wanted: int) -> list[float]:
    """Return about ``wanted`` multiples of 1, 2 or 5 times a power of ten, from start to end."""
    step = 10.0**-6
    while (end - start) / step > wanted:
        step *= 2.5 if f"{step:e}"[0] == "2" else 2
    first = -int(-start // step)
    return [step * n for n in range(first, int(end // step) + 1)]
