"""Which modules a test can come to: those that its own file names, and those that these name.

A process in which a suite runs holds hundreds of modules, of which one test uses a few. What the
others hold need not be looked at before every hunt.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final

from lab.hunt.sites import nested

_FIXTURES: Final = "conftest.py"
_MOST: Final = 100_000  # functions whose names are kept


def within_reach(modules: Sequence[ModuleType], file: str) -> list[ModuleType]:
    """Return those of ``modules`` that code in ``file`` may use; all, where none is made of it.

    A module is named by being the value of a variable, by what is defined in it, or, by the last
    part of its name, inside a function. pytest hands a test what a ``conftest.py`` beside or above
    it makes.
    """
    own = Path(file).resolve()
    by_name = {each.__name__: each for each in modules}
    by_tail: dict[str, set[str]] = {}
    for name in by_name:
        by_tail.setdefault(name.rpartition(".")[2], set()).add(name)
    left = [each for each in modules if _file_of(each) == own]
    if not left:
        return list(modules)
    left += [each for each in modules if _makes_fixtures(_file_of(each), own)]
    found: dict[str, ModuleType] = {}
    while left:
        module = left.pop()
        if found.setdefault(module.__name__, module) is module:
            named = by_name.keys() & set(_homes_in(module))
            named = named.union(*(by_tail[tail] for tail in by_tail.keys() & _tails_in(module)))
            left += [by_name[name] for name in named - found.keys()]
    return list(found.values())


def _file_of(module: ModuleType) -> Path:
    return _resolved(str(module.__file__))


@functools.lru_cache(maxsize=10_000)
def _resolved(file: str) -> Path:
    return Path(file).resolve()


def _makes_fixtures(file: Path, test: Path) -> bool:
    return file.name == _FIXTURES and file.parent in test.parents


def _homes_in(module: ModuleType) -> Iterator[str]:
    """Yield the modules that are values in ``module``, or in which these or their class are made.

    A package has every module that was imported from it for an attribute: that names none of them.
    """
    for value in list(vars(module).values()):
        if type(value) is not ModuleType:
            yield _home_of(value)
        elif not value.__name__.startswith(f"{module.__name__}."):
            yield value.__name__


def _home_of(value: Any) -> str:
    """Return the module in which a function or class, or else the class of a value, is made."""
    home = value if isinstance(value, FunctionType | type) else type(value)
    return str(home.__module__)


def _tails_in(module: ModuleType) -> set[str]:
    """Return the last parts of the names that the code of ``module`` looks up or imports.

    What it has from elsewhere is the code of other modules, which are named by that.
    """
    own = [each for each in list(vars(module).values()) if _home_of(each) == module.__name__]
    codes = [code for value in own for code in _codes(value)]
    return set().union(*map(_tails, codes))


def _codes(value: Any) -> Iterator[CodeType]:
    """Yield the code of a function, or of the methods of a class."""
    if isinstance(value, FunctionType):
        yield value.__code__
    elif isinstance(value, type):
        inner = [getattr(each, "__func__", each) for each in list(vars(value).values())]
        yield from (each.__code__ for each in inner if isinstance(each, FunctionType))


_known: dict[int, tuple[CodeType, frozenset[str]]] = {}  # by address: to hash code is to read it


def _tails(code: CodeType) -> frozenset[str]:
    """Return the last parts of the names in code and in what is defined there."""
    known = _known.get(id(code))
    if known is None or known[0] is not code:
        if len(_known) >= _MOST:
            _known.clear()
        names = {name.rpartition(".")[2] for inner in nested(code) for name in inner.co_names}
        known = _known[id(code)] = code, frozenset(names)
    return known[1]
