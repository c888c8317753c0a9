"""What an instruction is about to touch: the object and its value, read without running any code.

The instruction's position in the source (PEP 657) gives the expression, the frame gives its names.
Only what cannot have side effects is evaluated: names, attributes held in an instance or its slots,
items of exact built-in containers. Everything else is unknown, and says so.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from types import CodeType, FrameType, MemberDescriptorType
from typing import Any, Final

from lab.hunt.sites import ITERATE, TEST, Site


class Unknown(Exception):  # noqa: N818 - an answer, not an error
    """The operand cannot be read without running code."""


_CONTAINERS: Final = (list, tuple, dict, str, bytes)
_expressions: dict[tuple[CodeType, int, str], ast.expr | None] = {}


def expression(site: Site) -> ast.expr | None:
    """Return the source expression of ``site``, None where the source does not tell."""
    if site.code is None or site.span is None:
        return None
    key = (site.code, site.offset, site.kind)
    if key not in _expressions:
        _expressions[key] = _parse(_segment(site))
    return _expressions[key]


def _segment(site: Site) -> str:
    assert site.code is not None
    assert site.span is not None
    first, last, start, end = site.span
    lines = [
        linecache.getline(site.code.co_filename, number).encode()
        for number in range(first, last + 1)
    ]
    if not lines or not lines[0]:
        return ""
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][start:]
    return b"".join(lines).decode(errors="replace")


def text(site: Site) -> str:
    """Return the source of ``site``'s expression on one line, empty when it is not known."""
    return " ".join(_segment(site).split()) if site.code is not None and site.span else ""


def _parse(segment: str) -> ast.expr | None:
    try:
        return ast.parse(f"({segment})", mode="eval").body if segment else None
    except SyntaxError:
        return _changed(segment)


def _changed(segment: str) -> ast.expr | None:
    """Return what ``s |= t`` changes."""
    try:
        statement = ast.parse(segment).body[0]
    except SyntaxError:
        return None
    return statement.target if isinstance(statement, ast.AugAssign) else None


def subject(site: Site) -> ast.expr | None:
    """Return the expression of the object that ``site`` touches: ``a.b`` for ``a.b.append(x)``."""
    node = expression(site)
    if site.kind in (TEST, ITERATE):
        return innermost(node)
    if isinstance(node, ast.Attribute | ast.Subscript):
        return node.value
    if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
        return node.comparators[0]
    return innermost(node)


def innermost(node: ast.expr | None) -> ast.expr | None:
    """Return what a chain of calls works on: ``d`` for ``enumerate(d.items())``."""
    while isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute):
            node = node.func.value
        else:
            node = node.args[0] if node.args else None
    return node


def sides(node: ast.Compare | ast.BinOp) -> list[ast.expr]:
    """Return the operands of a comparison or of an operation."""
    if isinstance(node, ast.BinOp):
        return [node.left, node.right]
    return [node.left, *node.comparators]


def evaluate(node: ast.expr | None, frame: FrameType) -> Any:
    """Return the value of ``node`` in ``frame``, or raise :class:`Unknown`."""
    if isinstance(node, ast.Name):
        return _name(node.id, frame)
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Attribute):
        return peek(evaluate(node.value, frame), node.attr)
    if isinstance(node, ast.Subscript):
        container = evaluate(node.value, frame)
        key = evaluate(node.slice, frame)
        return item(container, key)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return evaluate(node.operand, frame)
    raise Unknown


def _name(name: str, frame: FrameType) -> Any:
    for scope in (frame.f_locals, frame.f_globals):
        if name in scope:
            return scope[name]
    raise Unknown


def peek(owner: Any, name: str) -> Any:
    """Return an attribute held in ``owner`` itself or plainly in its class; no code runs."""
    try:
        own = object.__getattribute__(owner, "__dict__")
    except AttributeError:
        own = None
    if type(own) is dict and name in own:
        return own[name]
    for kind in (owner if isinstance(owner, type) else type(owner)).__mro__:
        if name not in kind.__dict__:
            continue
        found = kind.__dict__[name]
        if isinstance(found, MemberDescriptorType):
            try:
                return found.__get__(owner)
            except AttributeError:
                raise Unknown from None
        if not hasattr(type(found), "__get__"):
            return found
        raise Unknown
    raise Unknown


def attributes(holder: Any) -> Iterator[tuple[str, Any]]:
    """Yield an instance's own attributes without running any code of its class."""
    try:
        own = object.__getattribute__(holder, "__dict__")
    except AttributeError:
        own = {}
    if type(own) is dict:
        yield from list(own.items())
    for kind in type(holder).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            descriptor = kind.__dict__.get(name)
            if descriptor is not None and type(descriptor).__name__ == "member_descriptor":
                try:
                    yield name, descriptor.__get__(holder)
                except AttributeError:
                    continue


def item(container: Any, key: Any) -> Any:
    """Return ``container[key]`` when both are exact built-ins."""
    if type(container) not in _CONTAINERS or type(key) not in (int, str, bytes, bool):
        raise Unknown
    try:
        return container[key]
    except (IndexError, KeyError, TypeError):
        raise Unknown from None


def frame_of(site: Site, frame: FrameType | None) -> FrameType | None:
    """Return the frame above ``frame`` that executes ``site``."""
    while frame is not None and frame.f_code is not site.code:
        frame = frame.f_back
    return frame
