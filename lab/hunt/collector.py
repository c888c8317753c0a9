"""The cyclic garbage collector as a scheduled step, for tests whose garbage has finalisers.

CPython runs the collector on the evaluation breaker since 3.12 (python/cpython#97922): at the very
places at which a GIL build may switch threads, in whichever thread allocated last. What ``__del__``
methods and weak references' callbacks do there is done in the middle of that thread's work, under
the locks that it holds. So a hunt whose test leaves such garbage spends some executions in which
the collector, off otherwise, runs at one or two switch points drawn at random.

Finalisers run whole: the interpreter reports no events from within a callback, so that another
thread comes between only where a finaliser blocks.
"""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Iterable, Iterator
from types import CodeType
from typing import TYPE_CHECKING, Any, Final

from lab.hunt.calls import python_code
from lab.hunt.engine import Engine
from lab.hunt.schedule import COLLECTED
from lab.hunt.sites import COLLECT, Site, nested
from lab.hunt.tasks import Task, Unwind
from lab.hunt.turns import Turn

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.hunt.sites import Scope

_HERE: Final = Site(COLLECT, "garbage collection here", "garbage")
_HERE.point = _HERE.access = False
_HERE.racing = True  # always shown
_WEAK: Final = frozenset(("ref", "finalize", "proxy", "WeakMethod"))


def collect(engine: Engine, me: Task, site: Site) -> bool:
    """Run the collector in the calling thread ``me``, which is about to pass ``site``; return True.

    Raises :class:`Unwind` when a finaliser was in the middle of something as the execution ended:
    the interpreter swallows what a finaliser raises.
    """
    if engine.aborting:
        return False
    step = me.steps + engine.step - engine.since
    engine.turns.append(Turn(me.index, step, me.index, COLLECTED, site))
    if engine.observer is not None:
        engine.observer(me, _HERE)
    with _Quiet():
        gc.collect()
    if engine.aborting:
        raise Unwind
    return True


class _Quiet:
    """A context in which the end of an execution inside a finaliser is not printed."""

    def __enter__(self) -> None:
        self._usual: Callable[[Any], object] = sys.unraisablehook
        sys.unraisablehook = self._hook

    def __exit__(self, *error: object) -> None:
        sys.unraisablehook = self._usual

    def _hook(self, unraisable: Any) -> None:
        if unraisable.exc_type is not Unwind:
            self._usual(unraisable)


class Garbage:
    """Finds out whether a test leaves cyclic garbage whose finalisers were written in ``scope``."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._looked_at = 0
        self._possible = False
        self._before = set(_finalizers())

    def left(self, codes: Iterable[CodeType]) -> bool:
        """Look at what the last execution left; ``codes`` are those that were switched in.

        Collects it on the way. Costs nothing more when no such code has anything to do with
        finalisers.
        """
        ran = list(codes)
        if len(ran) != self._looked_at:
            self._looked_at = len(ran)
            self._possible = self._possible or self._mentions(ran)
        return self._possible and self._collected_some()

    def _mentions(self, codes: list[CodeType]) -> bool:
        for code in codes:
            for inner in nested(code):
                if inner.co_name == "__del__" or not _WEAK.isdisjoint(inner.co_names):
                    return True
        files = {code.co_filename for code in codes}
        return any(
            self._finalises(value)
            for module in list(sys.modules.values())
            if getattr(module, "__file__", None) in files
            for value in list(vars(module).values())
            if isinstance(value, type)
        )

    def _finalises(self, kind: type) -> bool:
        return self._ours(getattr(kind, "__del__", None))

    def _ours(self, function: Any) -> bool:
        code = python_code(function)
        return code is not None and self._scope.covers(code)

    def _collected_some(self) -> bool:
        watched = list(self._watched())
        finalizers = {each for each in _finalizers() if each not in self._before}
        gc.collect()
        gone = finalizers - set(_finalizers())
        return bool(gone) or any(reference() is None for reference in watched)

    def _watched(self) -> Iterator[weakref.ref[Any]]:
        """Yield a weak reference to every object whose end would run code of the scope."""
        for found in gc.get_objects():
            if isinstance(found, weakref.ref):
                callback = found.__callback__
                if callback is not None and self._ours(callback) and found() is not None:
                    yield found
            elif self._finalises(type(found)):
                try:
                    yield weakref.ref(found)
                except TypeError:
                    continue


def _finalizers() -> list[Any]:
    registry: dict[Any, Any] = getattr(weakref.finalize, "_registry", {})
    return list(registry)
