"""Which calls let another thread in that the watched code shows no sign of: inside the callee.

Two kinds matter to the ``gil`` model. A function in C that waits for the system gives the GIL up
meanwhile, whether it ends well or raises. And a Python function outside the scope that calls into C
and then returns, without a look at anything shared in between, can be overtaken after that call:
``os.path.exists`` after its ``os.stat``. Others return without looking for a switch request. What a
function calls is read from its code where names settle it; what they do not settle is no such call.
"""

from __future__ import annotations

import dis
import inspect
import io
import os
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, Final

from lab.hunt.calls import is_ours

# fmt: off
_WAITING: Final = (
    "access", "chdir", "chmod", "chown", "close", "fchmod", "fdatasync", "fstat", "fsync",
    "ftruncate", "link", "listdir", "lseek", "lstat", "mkdir", "mkfifo", "open", "pread", "pwrite",
    "read", "readlink", "remove", "rename", "replace", "rmdir", "scandir", "stat", "symlink",
    "truncate", "unlink", "utime", "write",
)
# What touches nothing that another thread could see.
_QUIET: Final = frozenset((
    "NOP", "CACHE", "EXTENDED_ARG", "POP_TOP", "COPY", "SWAP", "PUSH_NULL", "KW_NAMES",
    "LOAD_CONST", "LOAD_SMALL_INT", "LOAD_FAST", "LOAD_FAST_CHECK", "LOAD_FAST_BORROW",
    "STORE_FAST", "LOAD_FAST_LOAD_FAST", "LOAD_FAST_BORROW_LOAD_FAST_BORROW",
    "STORE_FAST_LOAD_FAST", "STORE_FAST_STORE_FAST",
    "BUILD_TUPLE", "JUMP_FORWARD", "POP_EXCEPT", "NOT_TAKEN",
))
_RETURNS: Final = frozenset(("RETURN_VALUE", "RETURN_CONST"))
# fmt: on
_RELEASING: Final = frozenset(
    function
    for function in (io.open, *(getattr(os, name, None) for name in _WAITING))
    if isinstance(function, BuiltinFunctionType)
)


def releases(function: Any) -> bool:
    """Whether ``function`` is one in C that gives the GIL up for as long as the system takes."""
    return type(function) is BuiltinFunctionType and function in _RELEASING


class Returns:
    """Judges Python functions outside the scope, for one hunt; each once."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, type | None], tuple[CodeType, bool]] = {}

    def from_c(self, function: Any, first: Any) -> bool:
        """Whether the last that a call does, but for its own affairs, is a call into C.

        ``first`` is what ``function`` is given first: a method is called with its object.
        """
        if type(function) is MethodType:
            return self._from_c(function.__func__, type(function.__self__))
        return self._from_c(function, type(first))

    def _from_c(self, function: Any, kind: type | None) -> bool:
        if type(function) is not FunctionType or is_ours(function):
            return type(function) is BuiltinFunctionType
        code = function.__code__
        key = id(code), kind
        if key not in self._known:
            self._known[key] = code, False  # for a function that calls itself
            self._known[key] = code, self._ends_in_c(function, kind)
        return self._known[key][1]

    def _ends_in_c(self, function: FunctionType, kind: type | None) -> bool:
        code = list(dis.get_instructions(function))
        return any(
            each.opname in ("CALL", "CALL_KW")
            and self._from_c(*_callee(code, at, function, kind))
            and _returns_quietly(code, at + 1)
            for at, each in enumerate(code)
        )


def _returns_quietly(code: list[dis.Instruction], at: int) -> bool:
    """Whether some way leads from ``at`` to a return past nothing that others could see."""
    places = {each.offset: index for index, each in enumerate(code)}
    ways, seen = [at], set()
    while ways:
        at = ways.pop()
        if at in seen or at >= len(code):
            continue
        seen.add(at)
        if code[at].opname in _RETURNS:
            return True
        if code[at].opname in _QUIET:
            forward = code[at].opname == "JUMP_FORWARD"
            ways.append(places[code[at].argval] if forward else at + 1)
    return False


def _callee(
    code: list[dis.Instruction], at: int, function: FunctionType, kind: type | None
) -> tuple[Any, type | None]:
    """Return what the call at ``at`` calls, if names alone say it, and on an object of which type.

    ``kind`` is the type of the first argument of ``function``.
    """
    names: list[str] = []
    for each in reversed(code[: _before_arguments(code, at)]):
        if each.opname == "LOAD_ATTR":
            names.insert(0, str(each.argval))
        elif each.opname == "LOAD_GLOBAL":
            return _looked_up(function, str(each.argval), names), None
        elif each.opname.startswith("LOAD_FAST") and len(names) == 1:
            own = function.__code__.co_varnames[:1] == (each.argval,) and kind is not None
            found = inspect.getattr_static(kind, names[0], None) if own else None
            return (found if type(found) is FunctionType else None), kind
        elif each.opname not in ("PUSH_NULL", "CACHE", "EXTENDED_ARG"):
            break
    return None, None


def _before_arguments(code: list[dis.Instruction], at: int) -> int:
    """Return where the arguments of the call at ``at`` begin; 0 if that takes a branch to know."""
    wanted = (code[at].arg or 0) + (code[at].opname == "CALL_KW")
    while wanted > 0 and at > 0:
        at -= 1
        if code[at].is_jump_target or "JUMP" in code[at].opname:
            return 0
        wanted -= dis.stack_effect(code[at].opcode, code[at].arg, jump=False)
    return at


def _looked_up(function: FunctionType, name: str, attributes: list[str]) -> Any:
    found = function.__globals__.get(name, getattr(function, "__builtins__", {}).get(name))
    for each in attributes:
        if type(found) is not ModuleType:  # to ask anything else may run code
            return None
        found = vars(found).get(each)
    return found
