"""Threads and futures hashed by number, not by address, so that sets of them keep one order.

``ThreadPoolExecutor`` joins its threads in the order of a set, ``wait`` and ``as_completed`` keep
futures in sets: with hashes made of addresses the same decisions would lead to different
executions. Objects made outside an execution keep the hash they had.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from lab.hunt import _real
from lab.hunt.locks import Bench
from lab.hunt.sites import LOCK, Site

_NUMBER: Final = "_lab_number"  # those made outside an execution have none
_OWN: Final = Site(LOCK, "acquire", "the lock of a future")


def steady_hash(self: Any) -> int:
    """Stand in for ``__hash__`` of a numbered class."""
    number = getattr(self, _NUMBER, None)
    return object.__hash__(self) if number is None else hash(number)


def numbered(usual: Callable[..., None]) -> Callable[..., None]:
    """Return the ``__init__`` that is usual, with a number given first, in controlled threads."""

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807 - stands in for one
        engine = Bench.engine
        if engine.by_ident.get(_real.get_ident()) is None:
            usual(self, *args, **kwargs)
            return
        self._lab_number = engine.made = engine.made + 1
        Bench.inner = _OWN
        try:
            usual(self, *args, **kwargs)
        finally:
            Bench.inner = None

    return __init__
