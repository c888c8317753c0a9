"""Random walk: at every switch point each thread that can run is as likely as any other.

The baseline of the field (Thomson, Donaldson and Betts, "Concurrency testing using schedule
bounding", PPoPP 2014, found it no worse than bounded search). Short programs only: the chance of a
given order of n steps falls with 2^-n.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.hunt.strategies.base import ALWAYS, Strategy

if TYPE_CHECKING:
    from lab.hunt.engine import Engine
    from lab.hunt.sites import Site
    from lab.hunt.tasks import Task


class RandomWalk(Strategy):
    """Picks uniformly among the runnable threads, at every point."""

    name = "random"

    def begin(self, engine: Engine) -> None:
        """Ask to be asked always."""
        engine.ask_at = ALWAYS

    def choose(self, engine: Engine, me: Task | None, site: Site | None) -> Task:  # noqa: ARG002
        """Draw one."""
        runnable = engine.runnable
        return runnable[int(self.draw() * len(runnable))]
