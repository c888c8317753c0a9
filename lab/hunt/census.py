"""All objects of the process, looked at once before a hunt: who they are, and who holds whom.

A process that has imported a whole test suite holds some 10^5 objects, and to go through them takes
longer than the hunt of a small test: so everybody who needs to know asks the same census.
"""

from __future__ import annotations

import _thread
import gc
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import batched
from types import FunctionType, ModuleType
from typing import Any, Final

from lab.hunt import _real

LOCKS: Final = frozenset((_real.LockType, _real.RLockType))
_BATCH: Final = 32  # objects that are asked together: few hold what is looked for


class Census:
    """The ``locks`` and ``functions``, the idle ``pools`` of threads, and the ``local`` objects.

    A pool is idle that has no thread yet, and no work. A local one is of ``threading.local``. It is
    to :meth:`forget` when all are asked, for it holds itself too.
    """

    def __init__(self) -> None:
        # A module in C may show the collector its free list. To take hold of a dead object, and to
        # let go of it, frees it twice: after that the list of _asyncio on 3.12 is a circle without
        # end. So no module is asked what it refers to: its dictionary is there by itself.
        modules = set(_with_subclasses(ModuleType))
        self._objects = [each for each in gc.get_objects() if type(each) not in modules]
        local = set(_with_subclasses(_thread._local))
        wanted = {*LOCKS, *local, ThreadPoolExecutor, FunctionType}
        found: list[Any] = [each for each in self._objects if type(each) in wanted]
        pools = [each for each in found if type(each) is ThreadPoolExecutor]
        self.functions = [each for each in found if type(each) is FunctionType]
        self.pools = [each for each in pools if not each._threads and each._work_queue.empty()]
        self.local = [each for each in found if type(each) in local]
        self.locks = [each for each in found if type(each) in LOCKS]
        if not gc.is_tracked(_real.allocate_lock()):
            held = {id(each): each for each in gc.get_referents(*self._objects)}
            self.locks = [each for each in held.values() if type(each) in LOCKS]

    def holders_of(self, wanted: Sequence[Any]) -> list[Any]:
        """Return the objects that there were which refer to one of ``wanted``."""
        ids = {id(each) for each in wanted}
        referents = gc.get_referents
        return [
            each
            for batch in batched(self._objects, _BATCH)
            if not ids.isdisjoint(map(id, referents(*batch)))
            for each in batch
            if not ids.isdisjoint(map(id, referents(each)))
        ]

    def referrers(self, wanted: Sequence[Any], *ignored: Any) -> list[Any]:
        """Return what refers to one of a few objects now, but not ``ignored``, nor the census."""
        left_out = {id(wanted), *map(id, ignored), *map(id, vars(self).values())}
        return [each for each in gc.get_referrers(*wanted) if id(each) not in left_out]

    def forget(self) -> None:
        """Let go of everybody."""
        vars(self).clear()


def _with_subclasses(kind: type) -> Iterator[type]:
    yield kind
    below: list[type] = kind.__subclasses__()
    for each in below:
        yield from _with_subclasses(each)
