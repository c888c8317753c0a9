"""Which files a hunt switches in: the test's own project, and the packages that were asked for."""

from __future__ import annotations

import functools
import importlib.util
import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from types import CodeType
from typing import Any, Final

from lab.errors import UsageError, suggest
from lab.hunt.sites import Scope

_MARKERS: Final = ("pyproject.toml", "setup.py", "setup.cfg", ".git", ".hg")
_OURS: Final = str(Path(__file__).resolve().parent)


def scope_of(body: Callable[[], object], packages: Iterable[str], roots: Iterable[str]) -> Scope:
    """Return the scope of a hunt: ``roots`` if given, else the project of ``body``'s file.

    ``packages`` are import names of modules or packages to switch in as well;
    :class:`~lab.errors.UsageError` when one cannot be found.
    """
    chosen = [str(Path(root).resolve()) for root in roots] or _project_roots(body)
    return _scope((*chosen, *(_package_root(name) for name in packages)))


@functools.lru_cache(maxsize=64)
def _scope(roots: tuple[str, ...]) -> Scope:
    return Scope(roots, _OURS)


def file_of(body: Callable[..., Any]) -> str:
    """Return the file in which ``body`` was written, empty when it has none."""
    inner: Any = inspect.unwrap(body)
    while isinstance(inner, functools.partial):
        inner = inner.func
    inner = getattr(inner, "__func__", inner)
    code = getattr(inner, "__code__", None) or _call_code(type(inner))
    return code.co_filename if code is not None else ""


def _call_code(kind: type) -> CodeType | None:
    found: CodeType | None = getattr(kind.__dict__.get("__call__"), "__code__", None)
    return found


def name_of(body: Callable[..., Any]) -> str:
    """Return a name for ``body`` that says where it is: ``file.py:function``."""
    file = file_of(body)
    name = getattr(inspect.unwrap(body), "__qualname__", type(body).__name__)
    return f"{Path(file).name}:{name}" if file else name


def _project_roots(body: Callable[[], object]) -> list[str]:
    file = file_of(body)
    if not file or not Path(file).exists():
        return [str(Path.cwd())]
    return project_of(Path(file))


def project_of(file: Path) -> list[str]:
    """Return the root of the project that ``file`` belongs to: where its build file lies."""
    here = file.resolve()
    for folder in here.parents:
        if any((folder / marker).exists() for marker in _MARKERS):
            return [str(folder)]
    return [str(here.parent)]


def _package_root(name: str) -> str:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        spec = None
    if spec is None or spec.origin in (None, "built-in", "frozen"):
        if spec is not None and spec.submodule_search_locations:
            return str(Path(next(iter(spec.submodule_search_locations))).resolve())
        raise UsageError(
            f"there is no Python package {name!r} to trace",
            wanted="the import name of an installed module or package",
            next_step=suggest(name, _top_level()),
        )
    origin = Path(str(spec.origin)).resolve()
    return str(origin.parent if spec.submodule_search_locations else origin)


def _top_level() -> set[str]:
    return {module.name for module in __import__("pkgutil").iter_modules()}
