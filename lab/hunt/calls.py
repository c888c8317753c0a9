"""Which calls could touch what another thread can reach: all but those known not to.

An unknown call counts as touching anything; guessing otherwise is how a race detector passes a bug
that it cannot see.
"""

from __future__ import annotations

from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, Final

from lab.hunt.sites import Scope, address

_OURS: Final = "lab.hunt"
_METHODS: Final = (type(list.append), type(object.__init__), type((1).__add__))
# fmt: off
_VALUES: Final = frozenset((
    int, float, complex, bool, str, bytes, type(None), range, frozenset, slice, type(Ellipsis),
    type,
))
_PURE: Final = frozenset((isinstance, issubclass, callable, id, chr, ord, hex, bin, oct))
_PURE_TYPES: Final = frozenset((
    range, type, object, super, property, staticmethod, classmethod,
))
# Modules whose functions do nothing to the world, only to what they are given.
_SEALED: Final = frozenset((
    "builtins", "math", "cmath", "_operator", "operator", "_struct", "binascii", "zlib", "_hashlib",
    "unicodedata", "_string", "_codecs", "_sre", "_thread", "time", "sys", "itertools",
    "_functools", "_json", "_bisect", "_heapq", "_collections", "_abc", "_typing", "_weakref",
    "marshal",
))
# fmt: on
_UNSEALED: Final = frozenset((print, input, exec, eval, __import__, breakpoint))


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
        if kind is BuiltinFunctionType:
            if function in _PURE:
                return True
            owner = function.__self__
            if owner is None or isinstance(owner, ModuleType):
                return type(first) in _VALUES and _sealed(function)
            return type(owner) in _VALUES
        if kind is type and function in _PURE_TYPES:
            return True
        if isinstance(function, type):
            return type(first) in _VALUES or not hasattr(type(first), "__iter__")
        return kind in _METHODS and type(first) in _VALUES

    def _reports_itself(self, function: FunctionType) -> bool:
        code = function.__code__
        known = self._quiet.get(address(code))
        if known is None:
            known = (code, is_ours(function) or self._scope.covers(code))
            self._quiet[address(code)] = known
        return known[1]


def _sealed(function: Any) -> bool:
    return function.__module__ in _SEALED and function not in _UNSEALED


def python_code(function: Any) -> CodeType | None:
    """Return the code of a Python function or method, None for anything else."""
    inner = function.__func__ if type(function) is MethodType else function
    return inner.__code__ if type(inner) is FunctionType else None


def is_ours(function: Any) -> bool:
    """Whether ``function`` is one of the lab's stand-ins, which pass switch points themselves."""
    module = getattr(function, "__module__", None)
    return isinstance(module, str) and module.startswith(_OURS)
