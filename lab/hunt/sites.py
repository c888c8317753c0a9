"""Where a switch can matter: the bytecodes of one code object that other threads could notice.

A :class:`Site` is one such place: an instruction of traced code, or an operation of a controlled
primitive. Everything the scheduler, the strategies and the trace need to know of a place is worked
out here once, so that passing it again costs one dictionary look-up.

Two models decide what is a site (the measurements are in the quality tests):

``free-threaded``
    every bytecode that reads or writes state which another thread could reach; a call that is not
    known to be harmless counts as touching anything.
``gil``
    where that CPython's evaluation loop looks for a switch request (``Python/bytecodes.c``,
    ``CHECK_EVAL_BREAKER`` in 3.12 and 3.13, ``CHECK_PERIODIC`` in 3.14): entry and resumption of a
    function, backward jumps, and the end of a call into C; in code outside the scope too, as far as
    :mod:`lab.hunt.returns` can tell.
"""

from __future__ import annotations

import dis
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePath
from types import CodeType
from typing import Final

FREE_THREADED: Final = "free-threaded"
GIL: Final = "gil"

READ, WRITE, CALL, TEST, ITERATE, JUMP, RESUME, LOCK, THREAD, IO, COLLECT, EXPIRE = (
    "read", "write", "call", "test", "iterate", "jump", "resume", "lock", "thread", "io",
    "collect", "expire",
)  # fmt: skip

# Which variable an access may touch when that is not known: any.
ANYTHING: Final = "*"
ANY_ITEM: Final = "[]"

_ATTRIBUTES: Final = {
    "LOAD_ATTR": READ, "LOAD_SUPER_ATTR": READ, "IMPORT_FROM": READ,
    "STORE_ATTR": WRITE, "DELETE_ATTR": WRITE,
}  # fmt: skip
_GLOBALS: Final = {"LOAD_GLOBAL": READ, "STORE_GLOBAL": WRITE, "DELETE_GLOBAL": WRITE}
_CELLS: Final = {"LOAD_DEREF": READ, "STORE_DEREF": WRITE, "DELETE_DEREF": WRITE}
_ITEMS: Final = {
    "BINARY_SUBSCR": READ, "BINARY_SLICE": READ, "CONTAINS_OP": READ,
    "STORE_SUBSCR": WRITE, "DELETE_SUBSCR": WRITE, "STORE_SLICE": WRITE,
    "FOR_ITER": ITERATE, "UNPACK_SEQUENCE": READ, "UNPACK_EX": READ, "LIST_EXTEND": READ,
    "SET_UPDATE": READ, "DICT_UPDATE": READ, "DICT_MERGE": READ, "GET_LEN": READ,
    "MATCH_KEYS": READ, "FORMAT_SIMPLE": TEST, "FORMAT_WITH_SPEC": TEST, "FORMAT_VALUE": TEST,
    "TO_BOOL": TEST, "UNARY_NOT": TEST, "COMPARE_OP": TEST, "BINARY_OP": TEST,
    "POP_JUMP_IF_FALSE": TEST, "POP_JUMP_IF_TRUE": TEST,
}  # fmt: skip
_NUMBERS: Final = (int, float, complex)
_SUBSCRIPT_OPARG: Final = "[]"  # 3.14 writes a[b] as BINARY_OP with this argument


class Site:
    """One place where the schedule may be decided.

    ``kind`` says what happens there, ``variable`` what it happens to (a name that is the same for
    every object of that role), ``cold`` that it is unlikely to matter; ``hot`` is set by the
    strategy for the places it wants to be asked at in the current execution.
    """

    __slots__ = (
        "_anchor", "access", "code", "cold", "hot", "kind", "label", "line", "name", "nth",
        "offset", "point", "racing", "seen", "signal", "span", "variable",
    )  # fmt: skip

    def __init__(
        self,
        kind: str,
        name: str,
        variable: str,
        *,
        code: CodeType | None = None,
        offset: int = -1,
        line: int = 0,
        cold: bool = False,
        label: str = "",
    ) -> None:
        self.kind = kind
        self.name = name
        self.variable = variable
        self.code = code
        self.offset = offset
        self.line = line
        self.cold = cold
        self.label = label or name
        self.nth = 1  # among those of the same kind and name on the line
        self.span: tuple[int, int, int, int] | None = None
        self._anchor: str | None = None
        self.hot = False
        self.racing = False
        self.seen = False
        self.signal = False  # a lock that one thread takes and another gives back
        self.point = True  # the scheduler may switch here
        self.access = kind not in (JUMP, RESUME, THREAD)  # something is touched here

    @property
    def writes(self) -> bool:
        """Whether another thread could see a change made here."""
        return self.kind in (WRITE, CALL, LOCK, THREAD, IO)

    @property
    def anchor(self) -> str:
        """What is done where, in words that survive edits elsewhere."""
        if self._anchor is None:
            what = f"{self.kind} {self.name}"
            if self.code is not None:
                line = self.line - self.code.co_firstlineno
                what = f"{self.code.co_qualname}+{line} {what}"
                what += f" #{self.nth}" if self.nth > 1 else ""
            elif self.kind in (LOCK, IO):
                what = f"{what} {self.variable}"
            self._anchor = what
        return self._anchor

    @property
    def where(self) -> str:
        """``file:line`` for people, empty for a primitive."""
        return f"{self.code.co_filename}:{self.line}" if self.code else ""

    def __repr__(self) -> str:
        return f"<Site {self.anchor}>"


def conflicts(a: Site, b: Site) -> bool:
    """Whether the order of the two could matter, judged by names alone (never too few)."""
    if not (a.writes or b.writes):
        return False
    if a.variable == b.variable or ANYTHING in (a.variable, b.variable):
        return True
    items = a.variable.endswith(ANY_ITEM) and b.variable.endswith(ANY_ITEM)
    return items and ANY_ITEM in (a.variable, b.variable)


_in_sixteens: Final = object.__hash__


def address(thing: object) -> int:
    """Return what ``id`` returns, but without its audit event: a hook that listens is not free."""
    return _in_sixteens(thing) * 16


def key_of(code: CodeType, offset: int) -> int:
    """Return a number for the place that is unique while ``code`` lives.

    A code object's instructions lie inside it, so its address plus an offset cannot be that of
    another one; hashing the code object itself would cost a pass over its instructions, and equal
    ones are not the same.
    """
    return _in_sixteens(code) * 16 + offset


class Names:
    """The names that traced code rebinds: only these can change between two reads."""

    def __init__(self) -> None:
        self.written: set[str] = set()
        self._scanned: set[CodeType] = set()

    def learn(self, code: CodeType) -> bool:
        """Add what ``code`` and the functions inside it write; True when a name is new."""
        before = len(self.written)
        for inner in nested(code):
            if inner in self._scanned:
                continue
            self._scanned.add(inner)
            self.written.update(_rebound(inner))
        return len(self.written) > before


def nested(code: CodeType) -> Iterator[CodeType]:
    """Yield ``code`` and every code object among its constants, at any depth."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from nested(constant)


def _rebound(code: CodeType) -> Iterator[str]:
    stores: dict[str, int] = {}
    for instruction in dis.get_instructions(code):
        name, op = str(instruction.argval), instruction.opname
        if op in ("STORE_ATTR", "DELETE_ATTR"):
            if code.co_name != "__init__":
                yield name
        elif op in ("STORE_GLOBAL", "DELETE_GLOBAL"):
            yield name
        elif op in ("STORE_DEREF", "DELETE_DEREF"):
            stores[name] = stores.get(name, 0) + 1
            if stores[name] > 1 or name in code.co_freevars:
                yield name


def visible_accesses(code: CodeType, names: Names) -> Iterator[Site]:
    """Yield a site for every instruction of ``code`` that touches what others could reach."""
    previous: dis.Instruction | None = None
    alike: Counter[tuple[int, str, str]] = Counter()
    for instruction in dis.get_instructions(code):
        found = _classify(code, instruction, previous, names)
        if found is not None:
            yield _numbered(_placed(found, code, instruction), alike)
        if instruction.opname not in ("EXTENDED_ARG", "CACHE"):
            previous = instruction


def switch_points(code: CodeType) -> Iterator[Site]:
    """Yield a site for every instruction at which a GIL build looks for a switch request.

    Calls are not among them: whether one ends in C is known only when it is made.
    ``RESUME`` looks for requests at a function's start and after ``yield`` (arguments 0 and 1),
    not after ``yield from`` or ``await`` (2 and 3).
    """
    alike: Counter[tuple[int, str, str]] = Counter()
    for instruction in dis.get_instructions(code):
        if instruction.opname == "RESUME" and (instruction.arg or 0) & 3 < 2:
            kind = RESUME
        elif instruction.opname == "JUMP_BACKWARD":
            kind = JUMP
        else:
            continue
        yield _numbered(_placed(Site(kind, kind, ANYTHING), code, instruction), alike)


def call_site(code: CodeType, offset: int, name: str, *, cold: bool) -> Site:
    """Return the site of a call in ``code`` to something outside the scheduler's view."""
    site = Site(CALL, name, ANYTHING, cold=cold)
    on_line: Counter[int | None] = Counter()
    for instruction in dis.get_instructions(code):
        line = instruction.positions.lineno if instruction.positions else None
        on_line[line] += instruction.opname.startswith("CALL")
        if instruction.offset == offset:
            site.nth = on_line[line]
            return _placed(site, code, instruction)
    return site


def following(code: CodeType, offset: int) -> int:
    """Return the offset of the instruction after that at ``offset``; itself for the last one."""
    offsets = [each.offset for each in dis.get_instructions(code)]
    later = offsets[offsets.index(offset) + 1 :] if offset in offsets else []
    return later[0] if later else offset


def _numbered(site: Site, alike: Counter[tuple[int, str, str]]) -> Site:
    key = (site.line, site.kind, site.name)
    alike[key] += 1
    site.nth = alike[key]
    return site


def _placed(site: Site, code: CodeType, instruction: dis.Instruction) -> Site:
    site.code = code
    site.offset = instruction.offset
    spot = instruction.positions
    site.line = (spot.lineno if spot else None) or code.co_firstlineno
    if spot and None not in (spot.lineno, spot.end_lineno, spot.col_offset, spot.end_col_offset):
        site.span = (spot.lineno, spot.end_lineno, spot.col_offset, spot.end_col_offset)  # type: ignore[assignment]
    return site


def _classify(
    code: CodeType, instruction: dis.Instruction, previous: dis.Instruction | None, names: Names
) -> Site | None:
    op, name = instruction.opname, str(instruction.argval)
    if op in _ATTRIBUTES:
        reads = _ATTRIBUTES[op] == READ
        cold = name not in names.written if reads else code.co_name == "__init__"
        return Site(_ATTRIBUTES[op], "." + name, "." + name, cold=cold)
    if op in _GLOBALS:
        if name not in names.written:
            return None
        return Site(_GLOBALS[op], name, "." + name)  # an attribute of its module, for others
    if op in _CELLS:
        own = _is_cell_of_its_own(code, name)
        return Site(_CELLS[op], name, "cell " + name, cold=own and name not in names.written)
    if op == "MATCH_CLASS":
        return Site(READ, "match", ANYTHING)
    if op in _ITEMS:
        return _item(op, instruction, previous)
    return None


def _is_cell_of_its_own(code: CodeType, name: str) -> bool:
    return name in code.co_cellvars or name in code.co_freevars


def _item(op: str, instruction: dis.Instruction, previous: dis.Instruction | None) -> Site | None:
    if op == "BINARY_OP" and instruction.argrepr == _SUBSCRIPT_OPARG:
        return Site(READ, "[]", ANY_ITEM)
    if op == "BINARY_OP" and _changes_in_place(instruction, previous):
        return Site(WRITE, instruction.argrepr, ANY_ITEM, cold=True)
    kind = _ITEMS[op]
    if kind != TEST:
        return Site(kind, _spelt(op), ANY_ITEM, cold=op == "UNPACK_SEQUENCE")
    # What was just computed from values, or loaded from a constant, is this thread's own.
    if previous is None or previous.opname not in ("LOAD_ATTR", "LOAD_DEREF", "LOAD_GLOBAL"):
        return Site(TEST, _spelt(op), ANY_ITEM, cold=True) if op != "UNARY_NOT" else None
    return Site(TEST, _spelt(op), ANY_ITEM, cold=op in ("BINARY_OP", "COMPARE_OP"))


def _changes_in_place(operation: dis.Instruction, operand: dis.Instruction | None) -> bool:
    """Whether it may be ``|=`` on a set, say; a number added to something makes a new number."""
    if not operation.argrepr.endswith("="):
        return False
    return operand is None or type(operand.argval) not in _NUMBERS or "CONST" not in operand.opname


_WORDS: Final = {
    "BINARY_SUBSCR": "[]", "STORE_SUBSCR": "[]=", "DELETE_SUBSCR": "del []", "CONTAINS_OP": "in",
    "FOR_ITER": "for", "TO_BOOL": "truth", "POP_JUMP_IF_FALSE": "truth",
    "POP_JUMP_IF_TRUE": "truth", "UNARY_NOT": "not",
}  # fmt: skip


def _spelt(op: str) -> str:
    return _WORDS.get(op, op.lower())


class Scope:
    """Which files are switched in: the project's own, and the packages asked for.

    One is kept from hunt to hunt: a process has hundreds of files, each of which may be a link.
    ``roots`` are directories or files, without symbolic links. The interpreter's library and
    site-packages lie outside unless a traced package is found there.
    """

    def __init__(self, roots: tuple[str, ...], ours: str) -> None:
        self._roots = roots
        self._ours = ours
        self._known: dict[str, bool] = {}

    def covers(self, code: CodeType) -> bool:
        """Whether ``code`` was compiled from a file under one of the roots."""
        return self.holds(code.co_filename) and code.co_name != "<module>"

    def holds(self, filename: str) -> bool:
        """Whether a file lies under one of the roots."""
        known = self._known.get(filename)
        if known is None:
            known = self._decide(filename)
            if filename.startswith(os.sep):  # another depends on the working directory
                self._known[filename] = known
        return known

    def _decide(self, named: str) -> bool:
        if named.startswith("<"):
            return False
        # Code knows its file as it was found: relative, or by a link to the project, say.
        filename = os.path.realpath(named)
        if filename.startswith(self._ours) or not filename.startswith(self._roots):
            return False
        below = [root for root in self._roots if _is_below(filename, root)]
        if not below:
            return False
        deepest = max(below, key=len)
        rest = filename.removeprefix(deepest).split(os.sep)  # noqa: PTH206 - hundreds of them
        return not (
            {"site-packages", "dist-packages"} & set(rest) or _is_library(filename, deepest)
        )


def _is_below(filename: str, root: str) -> bool:
    return filename == root or filename.startswith(os.path.join(root, ""))  # noqa: PTH118 - hundreds of them


_LIBRARY: Final = str(PurePath(os.path.realpath(dis.__file__)).parent)


def _is_library(filename: str, root: str) -> bool:
    return filename.startswith(_LIBRARY) and not root.startswith(_LIBRARY)
