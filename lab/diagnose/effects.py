"""What one call of a function does to locks, summed up from its source, calls of others included.

Where a lock that is left taken cannot be put in the caller's words, as when it is a local variable
of the function, the summary says so: ``unclear``.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from lab.diagnose.hidden import stored_acquires
from lab.diagnose.source import (
    GIVING,
    calls_in,
    parse,
    released_between,
    site_at,
    taken_by,
)

OPAQUE = "?"
"""Stands for a lock that is not known; no expression."""
_ROUNDS = 4
"""How many calls deep a function that takes a lock is followed."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What one call of a function does to locks, in the names of its parameters."""

    parameters: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    frees: tuple[str, ...] = ()
    """:data:`OPAQUE` among them is a lock that is not known."""
    manager: bool = False
    """Whether it takes them for the body of a ``with`` only."""
    method: bool = False
    """Whether its first parameter is the object that it is called on."""
    unclear: bool = False
    """Whether it may leave taken what is not among ``takes``."""
    text: str = ""
    """The file that it is in: names that are no parameters are of that file."""


type Effects = Mapping[str, Sequence[Effect]]
"""Summaries by bare name, and those of methods as ``Class.method``, too."""


@dataclass(frozen=True, slots=True)
class _Defined:
    """A function of a file, and the class that it is a method of."""

    node: ast.FunctionDef | ast.AsyncFunctionDef
    owner: str
    text: str


def summed_up(sources: Mapping[str, str]) -> Effects:
    """Return the functions of ``sources`` that take or release locks for their callers.

    Each round looks one call deeper. A name under which an ``acquire`` is stored is one of them.
    """
    stored = {name for text in sources.values() for name in stored_acquires(text)}
    defined = [one for text in sources.values() for one in _functions(text)]
    known: dict[str, list[Effect]] = {}
    for _ in range(_ROUNDS):
        before, known = known, {name: [Effect(unclear=True)] for name in stored}
        for one in defined:
            effect = _sum_up(one, before)
            if effect.takes or effect.frees or effect.unclear:
                known.setdefault(one.node.name, []).append(effect)
                if one.owner:
                    known.setdefault(f"{one.owner}.{one.node.name}", []).append(effect)
        if known == before:
            break
    return known


@functools.lru_cache(maxsize=64)
def _functions(text: str) -> tuple[_Defined, ...]:
    module = parse(text)
    nodes = list(ast.walk(module)) if module else []
    owners = {
        id(method): node.name
        for node in nodes
        if isinstance(node, ast.ClassDef)
        for method in node.body
    }
    return tuple(
        _Defined(node, owners.get(id(node), ""), text)
        for node in nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def _sum_up(one: _Defined, known: Effects) -> Effect:
    node = one.node
    parameters = tuple(arg.arg for arg in (*node.args.posonlyargs, *node.args.args))
    manager = any("contextmanager" in ast.unparse(each) for each in node.decorator_list)
    takes, frees = (_at_yield(one, known), ()) if manager else _at_return(one, known)
    hidden = _private(node) | _beyond(node)
    clear = tuple(lock for lock in takes if lock != OPAQUE and not hidden & _names(lock))
    frees = tuple(
        OPAQUE if lock != OPAQUE and _beyond(node) & _names(lock) else lock for lock in frees
    )
    return Effect(
        parameters,
        clear,
        frees,
        manager=manager,
        method=bool(one.owner),
        unclear=len(clear) < len(takes),
        text=one.text,
    )


def _private(node: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """Return the names that a function binds itself: its caller may have others of that name."""
    shared = {n for each in ast.walk(node) if isinstance(each, ast.Global) for n in each.names}
    bound = (each for each in ast.walk(node) if isinstance(each, ast.Name))
    return {name.id for name in bound if isinstance(name.ctx, ast.Store)} - shared


def _beyond(node: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """Return the parameters that no argument by place is for; they are not followed to callers."""
    more = [*node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
    return {each.arg for each in more if each is not None}


def _names(expression: str) -> set[str]:
    tree = ast.parse(expression, mode="eval")
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _at_yield(one: _Defined, known: Effects) -> tuple[str, ...]:
    """Return what a context manager made of a generator holds while the body of the with runs."""
    line = next((each.lineno for each in ast.walk(one.node) if isinstance(each, ast.Yield)), 0)
    held = site_at(one.text, one.node.name, line).held if line else ()
    called = (lock for lock, call in _left_by_calls(one, known) if call.lineno < line)
    return (*(OPAQUE if use.lost else use.text for use in held), *called)


def _at_return(one: _Defined, known: Effects) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what an ordinary function leaves taken, and what it releases that it did not take."""
    end = (one.node.end_lineno or one.node.lineno) + 1
    takes = [
        ast.unparse(lock)
        for call, _ in calls_in(one.node)
        if (lock := taken_by(call)) is not None
        and not _within_stack(call)
        and released_between(one.node, ast.unparse(lock), call.end_lineno or 0, end, ()) is False
    ]
    takes += [lock for lock, _ in _left_by_calls(one, known)]
    frees = [*_released(one), *_freed_by_calls(one, known)]
    left = tuple(lock for lock in dict.fromkeys(takes) if lock not in _freed_by_calls(one, known))
    return left, tuple(lock for lock in dict.fromkeys(frees) if lock not in takes)


def _within_stack(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr == "enter_context"


def _released(one: _Defined) -> Iterator[str]:
    for call, _ in calls_in(one.node):
        if isinstance(call.func, ast.Attribute) and call.func.attr in GIVING:
            yield ast.unparse(call.func.value)


def _left_by_calls(one: _Defined, known: Effects) -> Iterator[tuple[str, ast.Call]]:
    """Yield what calls of other functions leave taken, unless another call releases it."""
    freed = set(_freed_by_calls(one, known))
    for call, _ in calls_in(one.node):
        for lock in left_by(_candidates(one, known, call), call, "takes", one.text):
            if lock not in freed and not (lock == OPAQUE and freed):
                yield lock, call


def _freed_by_calls(one: _Defined, known: Effects) -> list[str]:
    return [
        lock
        for call, _ in calls_in(one.node)
        for lock in left_by(_candidates(one, known, call), call, "frees", one.text)
    ]


def _candidates(one: _Defined, known: Effects, call: ast.Call) -> Sequence[Effect]:
    """Return what a call may be for: for one on ``self``, the method of the same class."""
    if isinstance(call.func, ast.Name):
        return known.get(call.func.id, ())
    if not isinstance(call.func, ast.Attribute):
        return ()
    first = one.node.args.args[0].arg if one.node.args.args else ""
    own = f"{one.owner}.{call.func.attr}"
    if one.owner and ast.unparse(call.func.value) == first and own in known:
        return known[own]
    return known.get(call.func.attr, ())


def left_by(
    effects: Sequence[Effect], call: ast.Call, what: str, text: str, *, manager: bool = False
) -> Iterator[str]:
    """Yield the locks that a call in the file ``text`` takes or frees, in its caller's names.

    ``effects`` are the summaries of what it may be for. Where they differ, or are unclear, or name
    something of another file, :data:`OPAQUE` stands for what it takes.
    """
    telling = [one for one in effects if one.manager == manager and getattr(one, what)]
    if what == "takes" and any(one.unclear for one in effects if one.manager == manager):
        yield OPAQUE
    if len({(one.method, one.parameters, getattr(one, what)) for one in telling}) > 1:
        yield OPAQUE
    elif telling:
        own = [call.func.value] if isinstance(call.func, ast.Attribute) else []
        given = takewhile(lambda each: not isinstance(each, ast.Starred), call.args)
        arguments = (*(own if telling[0].method else ()), *given)
        named = {each.arg: each.value for each in call.keywords if each.arg}
        every = (*arguments, *named.values())
        for lock in substituted(telling[0], arguments, named, what):
            known = lock != OPAQUE and _is_of(telling[0], every, lock, text)
            yield lock if known else OPAQUE


def _is_of(effect: Effect, arguments: Sequence[ast.expr], lock: str, text: str) -> bool:
    """Whether the names in ``lock`` mean the same to the caller."""
    return effect.text == text or _names(lock) <= {n for a in arguments for n in _names_in(a)}


def _names_in(expression: ast.expr) -> set[str]:
    return {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)}


def substituted(
    effect: Effect, arguments: Sequence[ast.expr], named: Mapping[str, ast.expr], what: str
) -> Iterator[str]:
    """Yield the expressions of an effect with the parameters replaced by the arguments.

    ``named`` are those given by name. A parameter without an argument may be anything.
    """
    bound = dict(zip(effect.parameters, arguments, strict=False))
    bound |= {name: value for name, value in named.items() if name in effect.parameters}
    unbound = set(effect.parameters) - bound.keys()
    for text in getattr(effect, what):
        if text == OPAQUE or _names(text) & unbound:
            yield OPAQUE
        else:
            yield ast.unparse(_Binder(bound).visit(ast.parse(text, mode="eval")))


def taken_under(effect: Effect) -> Iterator[str]:
    """Yield the last name of each lock that an effect takes; a mere parameter may be any lock."""
    if effect.unclear:
        yield OPAQUE
    for text in effect.takes:
        tree = ast.parse(text, mode="eval").body
        if isinstance(tree, ast.Attribute):
            yield tree.attr
        else:
            told = isinstance(tree, ast.Name) and tree.id not in effect.parameters
            yield text if told else OPAQUE


class _Binder(ast.NodeTransformer):
    """Replaces names by expressions."""

    def __init__(self, bound: Mapping[str, ast.expr]) -> None:
        self._bound = bound

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Replace a parameter by its argument."""
        return self._bound.get(node.id, node)
