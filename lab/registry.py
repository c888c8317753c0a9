"""Finding scenarios: by entry point, by ``package.module:NAME``, or in a file.

A scenario is somebody else's code: :mod:`lab.importing` sees to what importing it may do.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from lab import importing
from lab.errors import UsageError, suggest
from lab.scenario import Scenario

GROUP = "lab.scenarios"


@dataclass(frozen=True, slots=True)
class Found:
    """A scenario, and how another interpreter can import it again.

    ``path_entry`` is the directory that must be on ``sys.path``; empty for installed modules.
    """

    scenario: Scenario
    reference: str
    module: str
    attribute: str
    path_entry: str = ""

    @property
    def source_file(self) -> Path:
        """The file that holds the faulty program, and with it the markers."""
        return Path(self.scenario.faulty.__code__.co_filename)


@dataclass(frozen=True, slots=True)
class Listed:
    """One registered name: the scenario behind it, or the reason why there is none."""

    name: str
    target: str
    found: Found | None = None
    error: str = ""
    duplicate: bool = False
    """Whether the name is registered more than once, so that nobody can have it."""


def installed() -> tuple[Listed, ...]:
    """Return every scenario that is registered in this environment, by name.

    A plug-in that cannot be loaded, and every holder of a name that is taken twice, is listed
    with its error instead of its scenario.
    """
    entries = sorted(
        importlib.metadata.entry_points(group=GROUP), key=lambda entry: (entry.name, entry.value)
    )
    holders = Counter(entry.name for entry in entries)
    return tuple(_listed(entry, holders[entry.name]) for entry in entries)


def _listed(entry: importlib.metadata.EntryPoint, holders: int) -> Listed:
    if holders > 1:
        error = f"the name is registered {holders} times"
        return Listed(entry.name, entry.value, error=error, duplicate=True)
    try:
        found = _load(entry.name, entry.module, entry.attr)
    except UsageError as problem:
        return Listed(entry.name, entry.value, error=problem.line())
    if found.scenario.name != entry.name:
        wrong = f"its scenario calls itself {found.scenario.name!r}"
        return Listed(entry.name, entry.value, error=wrong)
    return Listed(entry.name, entry.value, found)


def find(reference: str) -> Found:
    """Return the scenario that ``reference`` means.

    ``reference`` is a registered name, a path to a ``.py`` file (``:NAME`` may follow), or
    ``package.module:NAME``. Raises :class:`UsageError` when there is none, or it is broken.
    """
    path, _, attribute = reference.partition(":")
    if path.endswith(".py") or os.sep in path:
        return _find_in_file(reference, Path(path), attribute)
    if attribute:
        return _load(reference, path, attribute, path_entry=_here(path))
    return _find_installed(reference)


def _here(module: str) -> str:
    """Return the current directory where ``module`` lies in it, on ``sys.path`` now; else nothing.

    ``python -m lab`` would find it there by itself; the command ``lab``, and a target, would not.
    """
    top, here = module.partition(".")[0], Path.cwd()
    spec = None
    with contextlib.suppress(ValueError):  # an empty name, and what was not imported, __main__
        spec = importlib.util.find_spec(top)
    if spec is not None:
        places = spec.submodule_search_locations or [spec.origin or ""]
        return str(here) if any(Path(place).parent == here for place in places) else ""
    if not ((here / top).is_dir() or (here / f"{top}.py").is_file()):
        return ""
    sys.path.insert(0, str(here))
    return str(here)


def _find_installed(name: str) -> Found:
    entries = [
        entry for entry in importlib.metadata.entry_points(group=GROUP) if entry.name == name
    ]
    if not entries:
        known = {entry.name for entry in importlib.metadata.entry_points(group=GROUP)}
        raise UsageError(
            f"unknown scenario {name!r}", wanted=suggest(name, known), next_step="lab list"
        )
    listed = _listed(entries[0], len(entries))
    if listed.found is None:
        targets = ", ".join(entry.value for entry in entries)
        raise UsageError(f"scenario {name!r} ({targets}) is broken: {listed.error}")
    return listed.found


def _find_in_file(reference: str, path: Path, attribute: str) -> Found:
    if not path.is_file():
        raise UsageError(
            f"no file {path}", wanted="a .py file that defines a lab.Scenario", next_step="lab list"
        )
    if "." in path.stem:
        raise UsageError(
            f"no module can be called {path.stem!r}, for its dots",
            wanted="a file name such as my_scenario.py",
        )
    path = path.resolve()
    known = sys.modules.get(path.stem)
    if known is not None and Path(getattr(known, "__file__", None) or "").resolve() != path:
        raise UsageError(
            f"{path.name} has the name of the module {path.stem!r}, which is already imported",
            next_step="another file name",
        )
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    return _load(reference, path.stem, attribute, path_entry=str(path.parent))


def _load(reference: str, module: str, attribute: str, path_entry: str = "") -> Found:
    problem = "" if module in sys.modules else importing.problem_with(module)
    if problem:
        raise UsageError(f"{reference} cannot be imported: {problem}")
    loaded = importing.import_here(module)
    attribute = attribute or _only_scenario(vars(loaded), reference)
    value: object = loaded
    for part in attribute.split("."):
        value = getattr(value, part, None)
    if not isinstance(value, Scenario):
        there = ", ".join(_scenario_names(vars(loaded))) or "none"
        raise UsageError(
            f"{reference}: {attribute!r} in {module} is {type(value).__name__}",
            wanted=f"a lab.Scenario (there: {there})",
        )
    return Found(value, reference, module, attribute, path_entry)


def _scenario_names(namespace: dict[str, object]) -> list[str]:
    return [name for name, value in namespace.items() if isinstance(value, Scenario)]


def _only_scenario(namespace: dict[str, object], reference: str) -> str:
    names = _scenario_names(namespace)
    if len(names) == 1:
        return names[0]
    raise UsageError(
        f"{reference} defines {len(names)} scenarios: {', '.join(names) or 'none'}",
        wanted="exactly one lab.Scenario, or its name",
        next_step=f"{reference}:NAME",
    )
