"""The default: several strategies in turn, so that nobody has to know which one suits a bug.

No strategy is best on all programs (SURW's and RFF's evaluations, ASPLOS 2025 and 2024, each show
programs on which another wins). Executions are dealt out in a fixed rhythm; each strategy has its
own random numbers, so a hunt of n executions is the beginning of one of 2n.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lab.hunt.strategies.directed import Directed
from lab.hunt.strategies.pct import PCT
from lab.hunt.strategies.pos import POS
from lab.hunt.strategies.random_walk import RandomWalk
from lab.hunt.strategies.surw import SURW

if TYPE_CHECKING:
    from lab.hunt.profile import Profile
    from lab.hunt.strategies.base import Strategy

# Which strategy runs the nth execution of a round.
RHYTHM: Final = (
    "surw", "pos", "surw", "directed", "surw", "surw", "directed", "surw", "pos", "surw",
    "directed", "surw", "surw", "pct2", "surw", "directed", "surw", "random", "surw", "pct3",
)  # fmt: skip


class Portfolio:
    """Deals executions out to strategies, by :data:`RHYTHM`."""

    def __init__(self, seed: int, profile: Profile) -> None:
        self._profile = profile
        self._all: dict[str, Strategy] = {
            "directed": Directed(seed + 5, profile),
            "surw": SURW(seed, profile),
            "pct2": PCT(seed + 1, depth=2),
            "pct3": PCT(seed + 2, depth=3),
            "pos": POS(seed + 3),
            "random": RandomWalk(seed + 4),
        }

    def at(self, number: int) -> Strategy:
        """Return the strategy of execution ``number``, counted from 0.

        Lock orders that could deadlock are tried before anything else.
        """
        if self._profile.suspects:
            return self._all["directed"]
        return self._all[RHYTHM[number % len(RHYTHM)]]
