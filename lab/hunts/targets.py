"""Finding the test that a reference means, and making a body of it that takes no arguments.

A reference is ``PATH.py:FUNCTION`` (``PATH.py::FUNCTION`` as pytest writes it), or
``package.module:FUNCTION``; a method is ``CLASS.METHOD``. Importing is done where the hunt runs: in
the contained child.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.errors import UsageError, suggest
from lab.hunts.conduct import name_of, run_case
from lab.hunts.wishes import Wishes, asynchronous, bare, wishes_of


@dataclass(frozen=True)
class Target:
    """A test that can be hunted: ``body`` runs it once; ``wishes`` are those of its decorator.

    ``of_hypothesis`` is the handle of a test with drawn inputs, whose ``inner_test`` is hunted.
    """

    name: str
    body: Callable[[], Any]
    wishes: Wishes
    of_hypothesis: Any = None


def load(reference: str) -> Target:
    """Import and return the test that ``reference`` means; :class:`UsageError` with the reason."""
    path, _, name = reference.replace("::", ":", 1).partition(":")
    name = name.replace("::", ".")
    is_file = path.endswith(".py") or "/" in path
    module = _import(*_module_of(Path(path), reference)) if is_file else _import(path, reference)
    owner, function = _find(module, name, reference)
    return _target(owner, function, reference)


def _module_of(path: Path, reference: str) -> tuple[str, str]:
    """Return the module's dotted name, with its root on ``sys.path``, as pytest would import it."""
    if not path.is_file():
        near = [each.name for each in path.parent.glob("*.py")] if path.parent.is_dir() else []
        raise UsageError(
            f"no file {path}",
            wanted=suggest(path.name, near) if near else "PATH.py:FUNCTION",
        )
    path = path.resolve()
    parts, folder = [path.stem], path.parent
    while (folder / "__init__.py").exists():
        parts.insert(0, folder.name)
        folder = folder.parent
    sys.path.insert(0, str(folder))
    return ".".join(parts), reference


def _import(module: str, reference: str) -> Any:
    if not all(part.isidentifier() for part in module.split(".")):
        raise UsageError(
            f"{reference!r} names no test", wanted="PATH.py:FUNCTION or package.module:FUNCTION"
        )
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise _missing(error, module, reference) from error
    except BaseException as error:
        steps = traceback.extract_tb(error.__traceback__)
        at = f" ({Path(steps[-1].filename).name}:{steps[-1].lineno})" if steps else ""
        raise UsageError(
            f"{reference} cannot be imported: {type(error).__name__}: {error}{at}"
        ) from error


def _missing(error: ModuleNotFoundError, module: str, reference: str) -> UsageError:
    if error.name == module.partition(".")[0] or error.name == module:
        return UsageError(
            f"there is no module {module!r}", wanted="PATH.py:FUNCTION or package.module:FUNCTION"
        )
    hint = f"install what provides {error.name}"
    if error.name == "hypothesis":
        hint = "pip install 'concurrency-lab[hunt]'"
    return UsageError(f"{reference} cannot be imported: no module {error.name!r}", next_step=hint)


def _find(module: Any, name: str, reference: str) -> tuple[Any, Any]:
    """Return the class that holds the test (or None) and the test itself."""
    tests = [each for each, value in vars(module).items() if _is_test(each, value)]
    if not name and len(tests) == 1:
        name = tests[0]
    if not name:
        listed = ", ".join(tests) or "none"
        raise UsageError(
            f"{reference} names no function", wanted=f"PATH.py:FUNCTION (tests there: {listed})"
        )
    owner, value = None, module
    for part in name.split("."):
        owner, value = value, getattr(value, part, None)
        if value is None:
            functions = [each for each, it in vars(owner).items() if inspect.isroutine(it)]
            raise UsageError(f"{reference}: no {part!r} there", wanted=suggest(part, functions))
    return (owner if inspect.isclass(owner) else None), value


def _is_test(name: str, value: Any) -> bool:
    return name.startswith("test") and inspect.isfunction(value)


def _target(owner: Any, function: Any, reference: str) -> Target:
    if not callable(function) or inspect.isclass(function):
        raise UsageError(
            f"{reference} is a {type(function).__name__}", wanted="a function without arguments"
        )
    if asynchronous(function):
        raise UsageError(f"{reference} is asynchronous", wanted="a test that starts threads")
    _check_arguments(owner, function, reference)
    handle = getattr(function, "hypothesis", None)
    if handle is not None:
        made = function if owner is None else getattr(owner(), function.__name__)
        wishes = wishes_of(handle.inner_test) or Wishes()
        return Target(name_of(bare(handle.inner_test)), made, wishes, handle)
    test = bare(function)
    return Target(name_of(test), _body(owner, test), wishes_of(function) or Wishes())


def _body(owner: Any, test: Any) -> Callable[[], Any]:
    if owner is None:
        return test  # type: ignore[no-any-return]

    def body() -> Any:
        if hasattr(owner, "debug") and hasattr(owner, "assertEqual"):
            return run_case(owner, test.__name__, test)
        return test(owner())

    body.__wrapped__ = test  # type: ignore[attr-defined]
    return body


def _check_arguments(owner: Any, function: Any, reference: str) -> None:
    """Refuse a test that wants fixtures or parameters: only pytest can provide them."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return
    required = [
        each.name
        for each in parameters[1 if owner is not None else 0 :]
        if each.default is each.empty and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    ]
    if required:
        raise UsageError(
            f"{reference} takes required arguments: {', '.join(required)}",
            wanted="a function that can be called without any",
            next_step=f"pytest {reference.replace(':', '::', 1)} --lab-hunt, for fixtures",
        )
