"""How executions are numbered and shared out: in batches, which depend on the seed alone.

What a search learns in one batch it does not take into the next, so that a batch does the same
whoever runs it: one process all of them, or several processes some of them each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, count
from typing import Final

from lab.hunt.distinct import Distinct

BATCH: Final = 2000
"""Executions in a batch: a hunt that is asked for no more than usual is one."""


class Share:
    """What one process runs of a hunt: all of it, unless a subclass knows of others.

    ``distinct`` counts the schedules seen, where that is to be asked for afterwards.
    """

    distinct: Distinct | None = None

    def batches(self, before: int) -> Iterable[int]:  # noqa: ARG002
        """Return the batches to run, in order; ``before`` executions of the hunt precede them."""
        return count()


WHOLE: Final = Share()


def numbers(executions: int, batches: Iterable[int], size: int) -> Iterator[int]:
    """Return the numbers, below ``executions``, of those in ``batches`` of ``size`` each."""

    def ranges() -> Iterator[range]:
        for batch in batches:
            if batch * size >= executions:
                return
            yield range(batch * size, min((batch + 1) * size, executions))

    return chain.from_iterable(ranges())


def seed_of(seed: int, batch: int) -> int:
    """Return the seed of a batch: ``seed`` for the first, others that no hunt begins with."""
    return seed + (batch << 32)
