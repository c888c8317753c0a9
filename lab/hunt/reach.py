"""Which modules a test can come to: those that its own file names, and those that these name.

A process in which a suite runs holds hundreds of modules, of which one test uses a few. What the
others hold need not be looked at before every hunt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final

_FIXTURES: Final = "conftest.py"


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
            tails = (name.rpartition(".")[2] for name in _names_in(module))
            named = by_name.keys() & set(_homes_in(module))
            named |= {name for tail in tails for name in by_tail.get(tail, ())}
            left += [by_name[name] for name in named - found.keys()]
    return list(found.values())


def _file_of(module: ModuleType) -> Path:
    return Path(str(module.__file__)).resolve()


def _makes_fixtures(file: Path, test: Path) -> bool:
    return file.name == _FIXTURES and file.parent in test.parents


def _homes_in(module: ModuleType) -> Iterator[str]:
    """Yield the modules that are values in ``module``, or in which these or their class are made.

    A package has every module that was imported from it for an attribute: that names none of them.
    """
    for value in list(vars(module).values()):
        if type(value) is not ModuleType:
            home = value if isinstance(value, FunctionType | type) else type(value)
            yield str(home.__module__)
        elif not value.__name__.startswith(f"{module.__name__}."):
            yield value.__name__


def _names_in(module: ModuleType) -> Iterator[str]:
    """Yield the names that the code of ``module`` looks up or imports."""
    for value in list(vars(module).values()):
        for code in _codes(value):
            yield from _names(code)


def _codes(value: Any) -> Iterator[CodeType]:
    """Yield the code of a function, or of the methods of a class."""
    if isinstance(value, FunctionType):
        yield value.__code__
    elif isinstance(value, type):
        inner = [getattr(each, "__func__", each) for each in list(vars(value).values())]
        yield from (each.__code__ for each in inner if isinstance(each, FunctionType))


def _names(code: CodeType) -> Iterator[str]:
    """Yield the names in code and in what is defined there."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
