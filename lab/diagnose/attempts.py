"""Whether an ``acquire()`` that may give up has its lock at a line: the branch on its result tells.

``if not lock.acquire(timeout=1): ...`` does not hold the lock in its body. To say that it does
would name a thread that waits for the very lock, or for something else, as its holder.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

_LEAVES = (ast.Return, ast.Raise, ast.Continue, ast.Break)


def may_give_up(call: ast.Call) -> bool:
    """Whether a call of ``acquire`` may return without the lock."""
    given = (*call.args, *(keyword.value for keyword in call.keywords))
    return any(not (isinstance(one, ast.Constant) and one.value is True) for one in given)


def has_it(call: ast.Call, body: ast.AST, line: int) -> bool | None:
    """Say whether the lock that ``call`` in ``body`` asks for is held at ``line``.

    ``None`` when the source does not tell.
    """
    if not may_give_up(call):
        return True
    name = ""
    for node in ast.walk(body):
        if isinstance(node, ast.Assert) and _says(node.test, call, name):
            return True
        if isinstance(node, ast.Assign) and node.value is call:
            name = ast.unparse(node.targets[0])
        if isinstance(node, ast.If | ast.While) and node.lineno >= call.lineno:
            says = _says(node.test, call, name)
            if says is not None and node.lineno <= line:
                return _after_branch(node, line, taken_in_body=says)
    return None


def _says(test: ast.expr, call: ast.Call, name: str) -> bool | None:
    """Say what a test that holds means for the lock: taken, not taken, or nothing (``None``)."""
    if test is call or (isinstance(test, ast.NamedExpr) and test.value is call):
        return True
    if isinstance(test, ast.Name | ast.Attribute) and name:
        return True if ast.unparse(test) == name else None
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return False if _says(test.operand, call, name) else None
    if isinstance(test, ast.BoolOp):
        wanted = isinstance(test.op, ast.And)
        return wanted if wanted in [_says(one, call, name) for one in test.values] else None
    return None


def _after_branch(node: ast.If | ast.While, line: int, *, taken_in_body: bool) -> bool | None:
    if _covers(node.body, line):
        return taken_in_body
    if _covers(node.orelse, line):
        return not taken_in_body
    if isinstance(node, ast.While):
        return None if taken_in_body else True
    other = node.orelse if taken_in_body else node.body
    return True if other and isinstance(other[-1], _LEAVES) else None


def _covers(block: Sequence[ast.stmt], line: int) -> bool:
    return bool(block) and block[0].lineno <= line <= (block[-1].end_lineno or 0)
