"""Locks that no stack shows: what a program's text says of how they may be held all the same.

That nobody holds a lock is concluded from not seeing anybody. A suspended generator, somebody who
was handed an ``acquire``, or a framework's hook that has returned are not seen.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Iterator

from lab.diagnose.source import NESTED, method_of, parse

_TAKING = ("acquire", "acquire_lock", "enter_context", "__enter__")
_RUN_APART = ("Thread", "Process", "Timer", "submit", "apply_async", "map", "start_new_thread")
_ENTERING = {"__enter__", "__aenter__"}
"""Called by ``with``, which is followed."""


@functools.lru_cache(maxsize=128)
def holds_while_suspended(text: str) -> bool:
    """Whether a generator or coroutine in ``text`` may be suspended while it holds a lock.

    Context managers made of a generator are left out: they are read as what they manage.
    """
    module = parse(text)
    return module is not None and any(map(_suspends_holding, ast.walk(module)))


def _suspends_holding(node: ast.AST) -> bool:
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    if any("contextmanager" in ast.unparse(one) for one in node.decorator_list):
        return False
    pauses = (ast.Yield, ast.YieldFrom, ast.Await)
    own = list(_own_nodes(node))
    if any(isinstance(inner, pauses) for inner in own) and any(map(_is_plain_acquire, own)):
        return True
    inside = (
        inner
        for outer in _own_nodes(node)
        if isinstance(outer, ast.With)
        for inner in _own_nodes(outer)
    )
    return any(isinstance(inner, pauses) for inner in inside)


def _is_plain_acquire(node: ast.AST) -> bool:
    """Whether it is ``x.acquire(...)`` as a statement: what is awaited is no lock of threads."""
    return isinstance(node, ast.Expr | ast.Assign) and method_of(node.value) == "acquire"


def _own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what is below a node, but not in a function or class defined there."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, NESTED):
            yield child
            yield from _own_nodes(child)


@functools.lru_cache(maxsize=128)
def takes_without_with(text: str) -> bool:
    """Whether ``text`` names a method that takes a lock, called there or passed on.

    What is taken by a call, and not by ``with``, may be left taken.
    """
    module = parse(text)
    return module is None or any(
        isinstance(node, ast.Attribute) and node.attr in _TAKING for node in ast.walk(module)
    )


@functools.lru_cache(maxsize=128)
def stored_acquires(text: str) -> frozenset[str]:
    """Return the names and attributes under which ``text`` keeps an ``acquire`` to call later."""
    return frozenset(
        place.id if isinstance(place, ast.Name) else place.attr
        for node in _nodes(text)
        if isinstance(node, ast.Assign) and any(map(_is_acquire, _parts(node.value)))
        for target in node.targets
        for place in _parts(target)
        if isinstance(place, ast.Name | ast.Attribute)
    )


@functools.lru_cache(maxsize=128)
def passes_acquire_on(text: str) -> bool:
    """Whether ``text`` hands an ``acquire`` to somebody else, who may call it at any time."""
    nodes = list(_nodes(text))
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    kept = {id(one) for node in nodes if isinstance(node, ast.Assign) for one in _parts(node.value)}
    return any(_is_acquire(node) and id(node) not in called | kept for node in nodes)


def _nodes(text: str) -> Iterator[ast.AST]:
    module = parse(text)
    return ast.walk(module) if module else iter(())


def _parts(expression: ast.expr) -> list[ast.expr]:
    """Return what stands on one side of an assignment, each by itself."""
    return expression.elts if isinstance(expression, ast.Tuple) else [expression]


def _is_acquire(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in ("acquire", "__enter__")


def called_elsewhere(texts: Iterable[str]) -> set[str]:
    """Return the functions of which the sources in sight do not show every call.

    Those that they never name, as a framework's hooks, and those that they pass on, except to what
    runs them in a thread or a process of its own: what that left taken, nobody will release.
    """
    nodes = [node for text in texts for node in _nodes(text)]
    defined = {n.name for n in nodes if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}
    run = {id(part) for node in nodes for part in _run_apart(node)}
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    named = [node for node in nodes if _name_of(node)]
    passed_on = {_name_of(node) for node in named if id(node) not in called | run}
    return passed_on | (defined - _ENTERING - {_name_of(node) for node in named})


def _name_of(node: ast.AST) -> str:
    """Return the name that an expression reads, or whose attribute it reads."""
    if not isinstance(getattr(node, "ctx", None), ast.Load):
        return ""
    return getattr(node, "id", "") or getattr(node, "attr", "")


def _run_apart(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the functions that a call has run by another thread or process."""
    if isinstance(node, ast.Call) and _name_of(node.func) in _RUN_APART:
        yield from (keyword.value for keyword in node.keywords if keyword.arg == "target")
        yield from node.args[:2]
