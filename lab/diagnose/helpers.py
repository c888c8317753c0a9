"""Locks that a call leaves taken: by a method such as ``begin()``, by a context manager.

The stack does not show a function that has returned, nor a generator that is suspended inside
``with``. A call is read as the summary of its function (:mod:`.effects`), with the arguments put
in. All of this is inference from source. A call that may leave something taken, but of which it
cannot be told what, is said to be that: a method that several classes have, where the object's type
is not known; a stored ``take = lock.acquire``. Otherwise nobody would seem to hold the lock.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lab.diagnose.effects import OPAQUE, Effect, left_by, substituted, summed_up, taken_under
from lab.diagnose.hidden import called_elsewhere
from lab.diagnose.source import (
    Function,
    Use,
    calls_in,
    function_around,
    path_to,
    released_between,
    statements_on,
)

type Types = Callable[[ast.expr], tuple[str, ...]]
"""Returns the names of an expression's type and of its bases; none when it is not known."""


def _untold(_: ast.expr) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class _Place:
    """A line of a function, with the calls in it."""

    text: str
    body: Function
    line: int
    path: tuple[ast.AST, ...]
    types: Types

    @property
    def calls(self) -> list[ast.Call]:
        return [node for node, _ in calls_in(self.body)]


class Helpers:
    """The functions of a program that take or release locks for their callers."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._by_name = summed_up(sources)
        self.unseen = {
            lock
            for name in called_elsewhere(sources.values()) & set(self._by_name)
            for effect in self._by_name[name]
            if not effect.manager
            for lock in taken_under(effect)
        }
        """The last names of the locks that a function may leave taken whose calls are not all
        seen; :data:`OPAQUE` for any lock."""

    def held(self, text: str, function: str, line: int, types: Types = _untold) -> Iterator[Use]:
        """Yield what calls before ``line`` of a function have left taken.

        What may have been taken, but cannot be named, is yielded as lost.
        """
        body = function_around(text, function, line)
        if body is None:
            return
        place = _Place(text, body, line, tuple(path_to(body, line)), types)
        yield from self._managed(place)
        for call in place.calls:
            if (call.end_lineno or call.lineno) < line:
                for lock in self._by(place, call, "takes"):
                    if not self._freed(place, lock, call):
                        yield _use(lock, call.lineno, "acquire")
        yield from self._earlier_rounds(place)
        yield from self._beside(place)

    def entered(self, kinds: Sequence[str], expression: str, line: int) -> Iterator[Use]:
        """Yield what ``with expression`` holds, for an object of the program's own class."""
        effects = self._of_types(kinds, "__enter__")
        arguments = (ast.parse(expression, mode="eval").body,)
        for lock in substituted(effects[0], arguments, {}, "takes") if len(effects) == 1 else ():
            yield _use(lock, line, "with")
        if len(effects) > 1 or any(effect.unclear for effect in effects):
            yield _use(OPAQUE, line, "with")

    def _managed(self, place: _Place) -> Iterator[Use]:
        for node in place.path:
            if isinstance(node, ast.With | ast.AsyncWith) and node.body[0].lineno <= place.line:
                for item in node.items:
                    call = item.context_expr
                    if isinstance(call, ast.Call) and call.lineno < place.line:
                        for lock in self._by(place, call, "takes", manager=True):
                            yield _use(lock, call.lineno, "with")

    def _earlier_rounds(self, place: _Place) -> Iterator[Use]:
        """Yield what calls behind the line have left taken in earlier rounds of a loop, as lost."""
        loops = [n for n in place.path if isinstance(n, ast.For | ast.AsyncFor | ast.While)]
        around = [node for node, _ in calls_in(loops[0])] if loops else []
        if any(list(self._by(place, call, "frees")) for call in around):
            return
        for call in around:
            if call.lineno >= place.line and list(self._by(place, call, "takes")):
                yield _use(OPAQUE, call.lineno, "acquire")

    def _beside(self, place: _Place) -> Iterator[Use]:
        """Yield what one of several statements on the line may have left taken, as lost."""
        if statements_on(place.body, place.line) > 1:
            for call in place.calls:
                if call.lineno == place.line and list(self._by(place, call, "takes")):
                    yield _use(OPAQUE, call.lineno, "acquire")

    def _by(
        self, place: _Place, call: ast.Call, what: str, *, manager: bool = False
    ) -> Iterator[str]:
        """Yield the locks that a call takes or frees, in the names of its caller."""
        effects = self._candidates(place, call)
        return left_by(effects, call, what, place.text, manager=manager)

    def _candidates(self, place: _Place, call: ast.Call) -> Sequence[Effect]:
        """Return what a call may be for: a method of its object's class, where that is known."""
        if isinstance(call.func, ast.Name):
            return self._by_name.get(call.func.id, ())
        if not isinstance(call.func, ast.Attribute) or call.func.attr not in self._by_name:
            return ()
        kinds = place.types(call.func.value)
        if not kinds or {"module", "type"} & set(kinds):
            return self._by_name[call.func.attr]
        return self._of_types(kinds, call.func.attr)

    def _of_types(self, kinds: Sequence[str], method: str) -> Sequence[Effect]:
        """Return the summaries of a method in the first of some classes that has one."""
        found = (self._by_name.get(f"{kind.rpartition('.')[2]}.{method}") for kind in kinds)
        return next(filter(None, found), ())

    def _freed(self, place: _Place, lock: str, taken: ast.Call) -> bool:
        """Whether what a call took was given back before the line, as far as can be told."""
        end = taken.end_lineno or taken.lineno
        between = (call for call in place.calls if end < call.lineno < place.line)
        freed = [each for call in between for each in self._by(place, call, "frees")]
        if OPAQUE in (lock, *freed):
            return bool(freed)
        return (
            lock in freed
            or released_between(place.body, lock, end, place.line, place.path) is not False
        )


def _use(lock: str, line: int, how: str) -> Use:
    return Use(lock, line, how, certain=False, lost=lock == OPAQUE)
