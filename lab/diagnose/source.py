"""What the source says of a line: which locks are held there, and which it may be waiting for.

Pure functions over a file's text. A line inside the body of ``with x`` holds ``x``; a line after
``x.acquire()`` holds it unless a ``x.release()`` lies on the way. Lines are all that a stack gives
(no columns), so a line may have several candidates; the reader of memory decides between them.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace

from lab.diagnose.attempts import has_it

type Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.Module
NESTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
GIVING = ("release", "__exit__")
_LEAVES = (ast.Return, ast.Raise, ast.Continue, ast.Break)


@dataclass(frozen=True, slots=True)
class Use:
    """An expression that names a lock (or whatever ``with`` was given), and the line it is on."""

    text: str
    line: int
    how: str
    """``with`` or ``acquire``."""
    certain: bool = True
    """Of something held: no branch could have released it, or skipped taking it."""
    lost: bool = False
    """Of something held: a name in it was bound anew since, or it was taken in an earlier round of
    a loop, so that the expression does not say any more which object it is."""

    @property
    def expression(self) -> ast.expr:
        """The expression, parsed again."""
        return ast.parse(self.text, mode="eval").body


@dataclass(frozen=True, slots=True)
class Site:
    """What holds at one line of one function: ``wants`` in the order in which they are taken.

    ``headers`` are the items of every ``with`` whose header the line is in: when one of them is
    being entered or left, those before it are held.
    """

    held: tuple[Use, ...] = ()
    wants: tuple[Use, ...] = ()
    headers: tuple[tuple[Use, ...], ...] = ()
    crowded: bool = False
    """Whether the line takes a lock in one statement and goes on with another, so that a line does
    not tell whether the lock is taken by now."""


@functools.lru_cache(maxsize=128)
def parse(text: str) -> ast.Module | None:
    """Return the tree of a file, or ``None`` when it is no Python that this version can parse."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


@functools.lru_cache(maxsize=4096)
def site_at(text: str, function: str, line: int) -> Site:
    """Return what the source ``text`` says of ``line`` in ``function`` (a qualified name).

    Empty when the text cannot be parsed or has no such line.
    """
    module = parse(text)
    if module is None:
        return Site()
    body = function_at(module, function.rpartition(".")[2], line)
    path = tuple(path_to(body, line))
    withs = [node for node in path if isinstance(node, ast.With | ast.AsyncWith)]
    held = [use for node in withs for use in _held_by(node, line)]
    held += _acquired(body, path, line)
    headers = tuple(tuple(_items(node)) for node in withs if _in_header(node, line))
    wants = [use for node in withs for use in _wanted_by(node, line)]
    wants += [Use(ast.unparse(lock), line, "acquire") for lock in _calls_on(path, line)]
    held = [_unless_rebound(use, body, line) for use in held]
    held += _earlier_rounds(path)
    in_order = tuple(sorted(dict.fromkeys(held), key=lambda use: use.line))
    crowded = bool(wants) and statements_on(body, line) > 1
    return Site(in_order, tuple(dict.fromkeys(wants)), headers, crowded)


def statements_on(body: Function, line: int) -> int:
    """Return how many statements of a function begin on ``line``."""
    nodes = (node for node in ast.walk(body) if isinstance(node, ast.stmt) and node is not body)
    return sum(node.lineno == line for node in nodes)


def _unless_rebound(use: Use, body: Function, line: int) -> Use:
    """Mark a hold as lost when a name in its expression was assigned after it was taken."""
    names = {node.id for node in ast.walk(use.expression) if isinstance(node, ast.Name)}
    whole = use.text
    for node in ast.walk(body):
        place = getattr(node, "lineno", 0)
        if not use.line <= place < line or not isinstance(getattr(node, "ctx", None), ast.Store):
            continue
        if (isinstance(node, ast.Name) and node.id in names) or ast.unparse(node) == whole:
            return replace(use, lost=True)
    return use


def _earlier_rounds(path: tuple[ast.AST, ...]) -> Iterator[Use]:
    """Yield what earlier rounds of the loops around a line may have taken, as lost."""
    for loop in path:
        if not isinstance(loop, ast.For | ast.AsyncFor | ast.While):
            continue
        rebound = {
            node.id
            for node in ast.walk(loop)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        for call, _ in calls_in(loop):
            lock = taken_by(call)
            if lock is None or not any(
                isinstance(node, ast.Name) and node.id in rebound for node in ast.walk(lock)
            ):
                continue
            if not _given_back(loop, ast.unparse(lock)):
                yield Use(ast.unparse(lock), call.lineno, "acquire", certain=False, lost=True)


def _given_back(loop: ast.AST, lock: str) -> bool:
    """Whether each round releases what it takes."""
    return any(
        method_of(call) in GIVING and ast.unparse(call.func.value) == lock  # type: ignore[attr-defined]
        for call, _ in calls_in(loop)
    )


def function_around(text: str, function: str, line: int) -> Function | None:
    """Return the node of ``function`` around ``line``; ``None`` when the text cannot be parsed."""
    module = parse(text)
    return function_at(module, function.rpartition(".")[2], line) if module else None


@functools.lru_cache(maxsize=1024)
def called_on(text: str, function: str, line: int, method: str) -> str:
    """Return ``x`` of the one ``x.method(...)`` that ``line`` calls; empty if it is not one."""
    module = parse(text)
    if module is None:
        return ""
    path = path_to(function_at(module, function.rpartition(".")[2], line), line)
    found = {
        ast.unparse(node.func.value)
        for outer in path
        for node in ast.walk(outer)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == method
        and _covers(node, line)
    }
    return found.pop() if len(found) == 1 else ""


def function_at(module: ast.Module, name: str, line: int) -> Function:
    """Return the innermost function around ``line``, preferring one of that ``name``."""
    best: Function = module
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and _covers(
            node, line
        ):
            named = getattr(node, "name", "<lambda>")
            if named == name or (best is module and name != "<module>"):
                best = node
    return best


def _covers(node: ast.AST, line: int) -> bool:
    first = getattr(node, "lineno", None)
    return first is not None and first <= line <= (getattr(node, "end_lineno", None) or first)


def path_to(root: ast.AST, line: int) -> Iterator[ast.AST]:
    """Yield the nodes of a function that cover ``line``, outermost first."""
    for node in ast.iter_child_nodes(root):
        inside = _covers(node, line) or (
            getattr(node, "lineno", None) is None and any(True for _ in path_to(node, line))
        )
        if inside and not isinstance(node, NESTED):
            yield node
            yield from path_to(node, line)


def _held_by(node: ast.With | ast.AsyncWith, line: int) -> Iterator[Use]:
    """Yield what a ``with`` holds at ``line``: all of its items in its body, none in its header."""
    if node.body[0].lineno <= line and not _in_header(node, line):
        yield from _items(node)


def _items(node: ast.With | ast.AsyncWith) -> Iterator[Use]:
    for item in node.items:
        yield Use(ast.unparse(item.context_expr), item.context_expr.lineno, "with")


def _in_header(node: ast.With | ast.AsyncWith, line: int) -> bool:
    return node.lineno <= line < node.body[0].lineno or line == node.lineno


def _wanted_by(node: ast.With | ast.AsyncWith, line: int) -> Iterator[Use]:
    """Yield what a ``with`` may be waiting for at ``line`` of its header."""
    if _in_header(node, line):
        for item in node.items:
            if _covers(item.context_expr, line):
                yield Use(ast.unparse(item.context_expr), item.context_expr.lineno, "with")


def _calls_on(path: tuple[ast.AST, ...], line: int) -> Iterator[ast.expr]:
    """Yield ``x`` of every ``x.acquire(...)`` that is being called at ``line``."""
    for node in path:
        if _covers(node, line) and (lock := taken_by(node)) is not None:
            yield lock


def taken_by(node: ast.AST) -> ast.expr | None:
    """Return ``x`` of ``x.acquire(...)`` and of ``stack.enter_context(x)``."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return None
    if node.func.attr in ("acquire", "__enter__"):
        return node.func.value
    return node.args[0] if node.func.attr == "enter_context" and node.args else None


def method_of(node: ast.AST) -> str:
    """Return the name of the method that a call is of, or an empty string."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr
    return ""


def _acquired(body: Function, path: tuple[ast.AST, ...], line: int) -> Iterator[Use]:
    """Yield what was taken by ``acquire()`` before ``line`` and may not have been released."""
    for node, blocks in calls_in(body):
        end = node.end_lineno or node.lineno
        lock = taken_by(node)
        if lock is None or end >= line or not _stack_open(node, body, path, line):
            continue
        text = ast.unparse(lock)
        released = released_between(body, text, end, line, path)
        taken = has_it(node, body, line) if method_of(node) == "acquire" else True
        if released is not True and taken is not False:
            certain = released is False and _surely(node, blocks, path)
            yield Use(text, node.lineno, "acquire", certain, lost=taken is None)


def _surely(node: ast.Call, blocks: tuple[ast.AST, ...], path: tuple[ast.AST, ...]) -> bool:
    """Whether a call was made for sure: in a branch that the line is in, or in a branch's test."""
    inside = (b for b in blocks if not (isinstance(b, ast.If) and node in ast.walk(b.test)))
    return all(block in path for block in inside)


def _stack_open(node: ast.Call, body: Function, path: tuple[ast.AST, ...], line: int) -> bool:
    """Whether the ``with ExitStack()`` around an ``enter_context`` is around the line, too.

    And whether nobody has closed the stack before, or taken over what is on it.
    """
    if method_of(node) != "enter_context":
        return True
    stack = ast.unparse(node.func.value)  # type: ignore[attr-defined]
    for call, _ in calls_in(body):
        ends = (
            method_of(call) in ("close", "aclose", "pop_all") and node.lineno <= call.lineno < line
        )
        if ends and ast.unparse(call.func.value) == stack:  # type: ignore[attr-defined]
            return False
    around = [w for w in ast.walk(body) if isinstance(w, ast.With) and node in ast.walk(w)]
    return all(w in path for w in around)


def released_between(
    body: Function,
    text: str,
    start: int,
    line: int,
    path: tuple[ast.AST, ...],
) -> bool | None:
    """Say whether ``text`` is released between two lines; ``None`` when a branch decides."""
    verdict: bool | None = False
    for node, blocks in calls_in(body):
        if method_of(node) not in GIVING or not start < node.lineno < line:
            continue
        if ast.unparse(node.func.value) != text:  # type: ignore[attr-defined]
            continue
        aside = [block for block in blocks if block not in path]
        if not aside:
            return True
        if not any(_leaves(block, node) for block in aside):
            verdict = None
    return verdict


def _leaves(block: ast.AST, release: ast.AST) -> bool:
    """Whether the branch that releases also leaves the function or loop, and so not come here."""
    for field in ("body", "orelse", "finalbody"):
        statements = getattr(block, field, None)
        if isinstance(statements, list) and any(release in ast.walk(s) for s in statements):
            return isinstance(statements[-1], _LEAVES)
    return False


def calls_in(
    node: ast.AST, blocks: tuple[ast.AST, ...] = ()
) -> Iterator[tuple[ast.Call, tuple[ast.AST, ...]]]:
    """Yield every call of a function with the branches and loops that it lies in."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, NESTED):
            continue
        if isinstance(child, ast.Call):
            yield child, blocks
        branch = isinstance(
            child, ast.If | ast.For | ast.While | ast.ExceptHandler | ast.match_case
        )
        yield from calls_in(child, (*blocks, child) if branch else blocks)
