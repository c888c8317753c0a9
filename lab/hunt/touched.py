"""What an instruction touches, as addresses that two threads may share.

An address is an attribute of one object, the contents of one container, a cell, a lock, a channel;
or the world outside (files, say), for calls that are given nothing but values; or anything, where
the operands cannot be read.
"""

from __future__ import annotations

import ast
import gc
from collections import deque
from collections.abc import Iterator
from types import FrameType, ModuleType
from typing import Any, Final

from lab.hunt import operand
from lab.hunt.sites import ANY_ITEM, CALL, IO, ITERATE, LOCK, TEST, WRITE, Site

Address = tuple[Any, ...]
ANY: Final[Address] = ("any",)
_WORLD: Final[Address] = ("world",)
_VALUES: Final = frozenset(
    (int, float, complex, bool, str, bytes, type(None), tuple, frozenset, range, type, type(len))
)
_CONTAINERS: Final = (list, dict, set, deque, bytearray)
# Iterators of built-in containers, which go on in the container itself.
_WALKED: Final[tuple[Any, ...]] = ([], {}, set(), deque(), {}.values(), {}.items(), bytearray())
_ITERATORS: Final = frozenset(type(iter(each)) for each in _WALKED) | {
    type(reversed([])), reversed, enumerate, zip, map, filter,
}  # fmt: skip
_UNREAD: Final = object()
_DEEPEST: Final = 3
_MOST: Final = 64  # objects looked at below what a call is given


def addresses(site: Site, frame: FrameType | None) -> tuple[Address, ...]:
    """Return what ``site`` touches, executed by the frame above ``frame``."""
    if site.code is None:
        if site.kind == IO:
            return (("channel", site.variable),)
        return (("lock", id(site)),) if site.kind == LOCK else ()
    if site.variable.startswith("cell "):
        return (("name", site.code.co_filename, site.variable),)
    own = operand.frame_of(site, frame)
    if own is not None and site.variable == "." + site.name:  # a global
        return ((id(own.f_globals), site.variable),)
    try:
        if own is None:
            raise operand.Unknown
        return tuple(_touched(site, own))
    except operand.Unknown:
        return () if site.kind == TEST or site.cold else (ANY,)


def read_by_call(site: Site, frame: FrameType | None) -> tuple[Address, ...]:
    """Return what a call may look at below what it is given: all of it, some levels deep."""
    own = operand.frame_of(site, frame) if site.kind == CALL else None
    node = operand.expression(site)
    if own is None or not isinstance(node, ast.Call):
        return ()
    found: list[Any] = []
    for argument in _arguments(node):
        try:
            found.append(operand.evaluate(argument, own))
        except operand.Unknown:
            continue
    return tuple(_below(found))


def _touched(site: Site, frame: FrameType) -> Iterator[Address]:
    node = operand.expression(site)
    if site.kind == CALL and isinstance(node, ast.Call):
        yield from _by_call(node, frame)
        return
    if site.kind == TEST and isinstance(node, ast.Compare | ast.BinOp):
        for each in operand.sides(node):
            yield from _contents(_read(each, frame))
        return
    if site.kind == ITERATE and ".0" in frame.f_locals:
        yield from _contents(frame.f_locals[".0"])
        return
    in_place = site.kind == WRITE and site.variable == ANY_ITEM and node is not None
    subject = node if in_place and site.name.endswith("=") and site.name[0] != "[" else None
    owner = operand.evaluate(subject or operand.subject(site), frame)
    if not site.variable.startswith("."):
        yield from _contents(owner)
    elif isinstance(owner, ModuleType):
        yield id(vars(owner)), site.variable
    else:
        yield id(owner), site.variable


def _by_call(node: ast.Call, frame: FrameType) -> Iterator[Address]:
    """Yield what a call works on: a method's object, a function's arguments, or the world."""
    function = node.func
    given = [_read(each, frame) for each in _arguments(node)]
    if isinstance(function, ast.Attribute):
        owner = operand.evaluate(operand.innermost(function.value), frame)
        if not isinstance(owner, ModuleType):
            yield from _contents(owner)
            return
    found = [address for each in given for address in _contents(each)]
    if found:
        yield from found
    elif any(each is _UNREAD for each in given):
        raise operand.Unknown
    else:
        yield _WORLD


def _read(node: ast.expr, frame: FrameType) -> Any:
    try:
        return operand.evaluate(operand.innermost(node), frame)
    except operand.Unknown:
        return _UNREAD


def _arguments(node: ast.Call) -> list[ast.expr]:
    plain = [each.value if isinstance(each, ast.Starred) else each for each in node.args]
    return [*plain, *(keyword.value for keyword in node.keywords)]


def _contents(owner: Any) -> Iterator[Address]:
    kind = type(owner)
    if kind in _VALUES or kind is ModuleType or owner is _UNREAD:
        return
    yield id(owner), "contents"
    if kind in _ITERATORS:
        for inner in gc.get_referents(owner):
            yield from _contents(inner)


def _below(level: list[Any]) -> Iterator[Address]:
    """Yield the attributes and contents of everything in and below ``level``."""
    met: set[int] = set()
    for _ in range(_DEEPEST):
        below: list[Any] = []
        for each in level:
            if id(each) not in met and type(each) not in _VALUES and len(met) < _MOST:
                met.add(id(each))
                yield from _parts(each, below)
        level = below


def _parts(thing: Any, below: list[Any]) -> Iterator[Address]:
    kind = type(thing)
    if kind in _CONTAINERS:
        yield id(thing), "contents"
        if kind is not bytearray:
            below.extend(thing.values() if kind is dict else thing)
    elif kind is not ModuleType and not isinstance(thing, type):
        for name, value in operand.attributes(thing):
            yield id(thing), "." + name
            below.append(value)
