"""How the next thread is chosen: one small file a strategy, all behind :mod:`.base`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from lab.errors import UsageError, suggest
from lab.hunt.strategies.base import Strategy
from lab.hunt.strategies.directed import Directed
from lab.hunt.strategies.exhaustive import Exhaustive
from lab.hunt.strategies.pct import PCT
from lab.hunt.strategies.portfolio import Portfolio
from lab.hunt.strategies.pos import POS
from lab.hunt.strategies.random_walk import RandomWalk
from lab.hunt.strategies.surw import SURW

if TYPE_CHECKING:
    from lab.hunt.profile import Profile

NAMES: Final = ("portfolio", "random", "pct", "pos", "surw", "directed", "exhaustive")


def dealer(name: str, seed: int, profile: Profile, bound: int) -> Callable[[int], Strategy]:
    """Return a function from the execution's number to its strategy.

    :class:`~lab.errors.UsageError` for an unknown name.
    """
    if name == "portfolio":
        return Portfolio(seed, profile).at
    made: Strategy
    if name == "random":
        made = RandomWalk(seed)
    elif name == "pct":
        made = PCT(seed)
    elif name == "pos":
        made = POS(seed)
    elif name == "surw":
        made = SURW(seed, profile)
    elif name == "exhaustive":
        made = Exhaustive(bound)
    elif name == "directed":
        made = Directed(seed, profile)
    else:
        raise UsageError(f"there is no strategy {name!r}", wanted=suggest(name, NAMES))
    return lambda _number: made
