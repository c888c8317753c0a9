"""Locks that a call leaves taken: by a method such as ``begin()``, by a context manager.

The stack does not show a function that has returned, nor a generator that is suspended inside
``with``. So each function of the sources in sight is summed up: which of its parameters' locks it
leaves taken when it returns (or yields, as a context manager), and which it releases. A call is
then read as its summary, with the arguments put in. All of this is inference from source; a name
that two functions share is not followed.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from lab.diagnose.source import (
    Function,
    Use,
    calls_in,
    function_around,
    path_to,
    released_between,
    site_at,
)


@dataclass(frozen=True, slots=True)
class Effect:
    """What one call of a function does to locks, in the names of its parameters."""

    parameters: tuple[str, ...]
    takes: tuple[str, ...] = ()
    frees: tuple[str, ...] = ()
    manager: bool = False
    """Whether it takes them for the body of a ``with`` only."""
    method: bool = False
    """Whether its first parameter is the object that it is called on."""


class Helpers:
    """The functions of a program that take or release locks for their callers."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._by_name: dict[str, list[Effect]] = {}
        for text in sources.values():
            for name, effect in _effects(text):
                self._by_name.setdefault(name, []).append(effect)

    def held(self, text: str, function: str, line: int) -> Iterator[Use]:
        """Yield what calls before ``line`` of a function have left taken."""
        body = function_around(text, function, line)
        if body is None:
            return
        path = tuple(path_to(body, line))
        yield from self._managed(path, line)
        calls = [node for node, _ in calls_in(body)]
        for call in calls:
            if (call.end_lineno or call.lineno) < line:
                for lock in self._apply(call, "takes"):
                    if not self._freed(body, calls, lock, call, line, path):
                        yield Use(lock, call.lineno, "acquire", certain=False)

    def entered(self, kind: str, expression: str, line: int) -> Iterator[Use]:
        """Yield what ``with expression`` holds, for an object of the program's own class."""
        effect = self._only(f"{kind.rpartition('.')[2]}.__enter__")
        for lock in _substitute(effect, (ast.parse(expression, mode="eval").body,), "takes"):
            yield Use(lock, line, "with", certain=False)

    def _managed(self, path: tuple[ast.AST, ...], line: int) -> Iterator[Use]:
        for node in path:
            if isinstance(node, ast.With) and node.body[0].lineno <= line:
                for item in node.items:
                    call = item.context_expr
                    if isinstance(call, ast.Call) and call.lineno < line:
                        for lock in self._apply(call, "takes", manager=True):
                            yield Use(lock, call.lineno, "with", certain=False)

    def _apply(self, call: ast.Call, what: str, *, manager: bool = False) -> Iterator[str]:
        """Yield the locks that a call takes or frees, in the names of its caller."""
        if isinstance(call.func, ast.Attribute):
            effect = self._only(call.func.attr)
            own = (call.func.value,) if effect and effect.method else ()
            arguments: tuple[ast.expr, ...] = (*own, *call.args)
        elif isinstance(call.func, ast.Name):
            effect = self._only(call.func.id)
            arguments = tuple(call.args)
        else:
            return
        if effect and effect.manager == manager:
            yield from _substitute(effect, arguments, what)

    def _only(self, name: str) -> Effect | None:
        found = self._by_name.get(name, [])
        return found[0] if len(found) == 1 else None

    def _freed(
        self,
        body: Function,
        calls: list[ast.Call],
        lock: str,
        taken: ast.Call,
        line: int,
        path: tuple[ast.AST, ...],
    ) -> bool:
        end = taken.end_lineno or taken.lineno
        if released_between(body, lock, end, line, path) is not False:
            return True
        between = (call for call in calls if end < call.lineno < line)
        return any(lock in self._apply(call, "frees") for call in between)


@functools.lru_cache(maxsize=64)
def _effects(text: str) -> tuple[tuple[str, Effect], ...]:
    """Return the functions of a file that have an effect, by bare name and as ``Class.method``."""
    try:
        module = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    found: list[tuple[str, Effect]] = []
    owners = {
        id(method): node.name
        for node in ast.walk(module)
        if isinstance(node, ast.ClassDef)
        for method in node.body
    }
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef) and (effect := _sum_up(text, node)):
            effect = replace(effect, method=id(node) in owners)
            found.append((node.name, effect))
            if id(node) in owners:
                found.append((f"{owners[id(node)]}.{node.name}", effect))
    return tuple(found)


def _sum_up(text: str, node: ast.FunctionDef) -> Effect | None:
    parameters = tuple(arg.arg for arg in (*node.args.posonlyargs, *node.args.args))
    if any("contextmanager" in ast.unparse(one) for one in node.decorator_list):
        yields = [n.lineno for n in ast.walk(node) if isinstance(n, ast.Yield)]
        held = site_at(text, node.name, yields[0]).held if yields else ()
        return Effect(parameters, tuple(use.text for use in held), manager=True) if held else None
    end = (node.end_lineno or node.lineno) + 1
    takes, frees = [], []
    for call, _ in calls_in(node):
        if not isinstance(call.func, ast.Attribute):
            continue
        lock = ast.unparse(call.func.value)
        last = call.end_lineno or call.lineno
        if call.func.attr == "acquire" and released_between(node, lock, last, end, ()) is False:
            takes.append(lock)
        elif call.func.attr == "release":
            frees.append(lock)
    frees = [lock for lock in frees if lock not in takes]
    return Effect(parameters, tuple(takes), tuple(frees)) if takes or frees else None


def _substitute(effect: Effect | None, arguments: tuple[ast.expr, ...], what: str) -> Iterator[str]:
    """Yield the expressions of an effect with the parameters replaced by the arguments."""
    if effect is None:
        return
    bound = dict(zip(effect.parameters, arguments, strict=False))
    for text in getattr(effect, what):
        tree = _Binder(bound).visit(ast.parse(text, mode="eval"))
        yield ast.unparse(tree)


class _Binder(ast.NodeTransformer):
    """Replaces names by expressions."""

    def __init__(self, bound: Mapping[str, ast.expr]) -> None:
        self._bound = bound

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Replace a parameter by its argument."""
        return self._bound.get(node.id, node)
