"""Making a failing schedule small: fewest switches, then the earliest that still fail.

Delta debugging (Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", IEEE
TSE 2002) over the list of hand-overs. Dropping one is always a legal schedule: the thread that was
to be stopped goes on, and the first thread that can run takes a forced turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from lab.hunt.schedule import Switch

Switches = tuple[Switch, ...]
# Returns the schedule that was really followed when the failure showed again, else None.
Fails = Callable[[Switches], Switches | None]

BUDGET: Final = 400  # executions


class Shrinker:
    """Shrinks one schedule; ``fails`` executes a candidate."""

    def __init__(self, fails: Fails, budget: int = BUDGET) -> None:
        self._fails = fails
        self._left = budget
        self._tried: set[Switches] = set()
        self.executions = 0

    def shrink(self, switches: Sequence[Switch]) -> Switches:
        """Return a schedule that fails in the same way with no more preemptions."""
        best = tuple(switches)
        best = self._drop_chunks(best, lambda switch: switch.why != "blocked")
        best = self._drop_chunks(best, lambda _switch: True)
        best = self._drop_singles(best)
        best = self._earlier(best)
        return self._drop_singles(best)

    def _try(self, candidate: Switches, best: Switches) -> Switches | None:
        if self._left <= 0 or candidate in self._tried or candidate == best:
            return None
        self._tried.add(candidate)
        self._left -= 1
        self.executions += 1
        followed = self._fails(candidate)
        return followed if followed is not None and cost(followed) < cost(best) else None

    def _drop_chunks(self, best: Switches, which: Callable[[Switch], bool]) -> Switches:
        size = max(len(best) // 2, 1)
        while size >= 1:
            start = 0
            while start < len(best):
                chunk = best[start : start + size]
                kept = tuple(s for s in chunk if not which(s))
                found = self._try(best[:start] + kept + best[start + size :], best)
                if found is None:
                    start += size
                else:
                    best = found
            size //= 2
        return best

    def _drop_singles(self, best: Switches) -> Switches:
        """Drop one, or two neighbours (there and back), or turn one into a straight hand-over."""
        again = True
        while again and self._left > 0:
            again = False
            for candidate in _smaller(best):
                found = self._try(candidate, best)
                if found is not None:
                    best, again = found, True
                    break
        return best

    def _earlier(self, best: Switches) -> Switches:
        """Move each preemption to an earlier time its thread came to the same place."""
        for index in range(len(best)):
            while index < len(best) and best[index].times > 1 and not best[index].forced:
                switch = best[index]
                found = None
                for times in _earlier_times(switch.times):
                    changed = Switch(switch.source, switch.at, times, switch.target, switch.why)
                    found = self._try((*best[:index], changed, *best[index + 1 :]), best)
                    if found is not None:
                        break
                if found is None:
                    break
                best = found
        return best


def _smaller(best: Switches) -> list[Switches]:
    order = sorted(range(len(best)), key=lambda index: best[index].forced)
    singles = [best[:index] + best[index + 1 :] for index in order]
    pairs = [best[:index] + best[index + 2 :] for index in range(len(best) - 1)]
    straight = [
        (*best[:index], _to(best[index], best[index + 1].target), *best[index + 2 :])
        for index in range(len(best) - 1)
    ]
    return singles + pairs + straight


def _to(switch: Switch, target: int) -> Switch:
    return Switch(switch.source, switch.at, switch.times, target, switch.why)


def _earlier_times(times: int) -> list[int]:
    return sorted({1, times // 2, times - 1} - {0, times})


def cost(switches: Switches) -> tuple[int, int, int]:
    """Return what makes one schedule smaller than another: preemptions, hand-overs, lateness."""
    preemptions = sum(not switch.forced for switch in switches)
    return preemptions, len(switches), sum(switch.times for switch in switches)
