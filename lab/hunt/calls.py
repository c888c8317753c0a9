"""Which calls could touch what another thread can reach: all but those known not to.

An unknown call counts as touching anything; guessing otherwise is how a race detector passes a bug
that it cannot see.
"""

from __future__ import annotations

from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, Final

from lab.hunt.sites import Scope

_OURS: Final = "lab.hunt"
_METHODS: Final = (type(list.append), type(object.__init__), type((1).__add__))
# fmt: off
_VALUES: Final = frozenset((
    int, float, complex, bool, str, bytes, type(None), range, frozenset, slice, type(Ellipsis),
    type,
))
_PURE: Final = frozenset(id(function) for function in (
    range, isinstance, issubclass, callable, id, type, object, super, property, staticmethod,
    classmethod, chr, ord, hex, bin, oct,
))
# Modules whose functions do nothing to the world, only to what they are given.
_SEALED: Final = frozenset((
    "builtins", "math", "cmath", "_operator", "operator", "_struct", "binascii", "zlib", "_hashlib",
    "unicodedata", "_string", "_codecs", "_sre", "_thread", "time", "sys", "itertools",
    "_functools", "_json", "_bisect", "_heapq", "_collections", "_abc", "_typing", "_weakref",
    "marshal",
))
# fmt: on
_UNSEALED: Final = frozenset(
    id(function) for function in (print, input, exec, eval, __import__, breakpoint)
)


class Calls:
    """Judges calls for one hunt; what it learns of a Python function it remembers."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._quiet: dict[int, tuple[CodeType, bool]] = {}

    def harmless(self, function: Any, first: Any) -> bool:
        """Whether ``function``, called with ``first``, cannot touch shared state unseen.

        Traced Python functions report what they do themselves; C functions are harmless when they
        are known to be, or when all they are given is a value that nobody can change.
        """
        kind = type(function)
        if kind is FunctionType:
            return self._reports_itself(function)
        if kind is MethodType:
            inner = function.__func__
            return type(inner) is FunctionType and self._reports_itself(inner)
        if id(function) in _PURE:
            return True
        if kind is BuiltinFunctionType:
            owner = function.__self__
            if owner is None or isinstance(owner, ModuleType):
                return type(first) in _VALUES and _sealed(function)
            return type(owner) in _VALUES
        if isinstance(function, type):
            return type(first) in _VALUES or not hasattr(type(first), "__iter__")
        return kind in _METHODS and type(first) in _VALUES

    def _reports_itself(self, function: FunctionType) -> bool:
        code = function.__code__
        known = self._quiet.get(id(code))
        if known is None:
            known = (code, is_ours(function) or self._scope.covers(code))
            self._quiet[id(code)] = known
        return known[1]


def _sealed(function: Any) -> bool:
    return function.__module__ in _SEALED and id(function) not in _UNSEALED


def python_code(function: Any) -> CodeType | None:
    """Return the code of a Python function or method, None for anything else."""
    inner = function.__func__ if type(function) is MethodType else function
    return inner.__code__ if type(inner) is FunctionType else None


def is_ours(function: Any) -> bool:
    """Whether ``function`` is one of the lab's stand-ins, which pass switch points themselves."""
    module = getattr(function, "__module__", None)
    return isinstance(module, str) and module.startswith(_OURS)
