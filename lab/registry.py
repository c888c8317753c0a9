"""Finding scenarios: by entry point, by ``package.module:NAME``, or in a file.

A scenario is somebody else's code, and importing it may raise, exit, crash or hang. Each module
is therefore imported in a forked child first, and here only when that went well.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import select
import signal
import sys
import traceback
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from lab.errors import UsageError, suggest
from lab.scenario import Scenario

GROUP = "lab.scenarios"
IMPORT_LIMIT_S = 10.0
_INTERRUPTS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})


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
        return _load(reference, path, attribute)
    return _find_installed(reference)


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
    if module not in sys.modules:
        _try_import(module, reference)
    loaded = importlib.import_module(module)
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


def _try_import(module: str, reference: str) -> None:
    """Import ``module`` in a forked child; raise :class:`UsageError` with what became of it."""
    reader, writer = os.pipe()
    # An interrupt that came while fork runs its hooks would be swallowed there: it has to wait.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPTS)
    child = os.fork()
    if child == 0:  # pragma: no cover - this is the child
        os.close(reader)
        _import_and_report(module, writer)
    os.close(writer)
    report, status = b"", 0
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        ready, _, _ = select.select([reader], [], [], IMPORT_LIMIT_S)
        report = os.read(reader, 4096) if ready else report
    finally:
        os.close(reader)
        # It may have started threads or children of its own at import: it goes in any case.
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    problem = _problem(report.decode(errors="replace"), bool(ready), status, module)
    if problem:
        raise UsageError(f"{reference} cannot be imported: {problem}")


def _import_and_report(module: str, writer: int) -> None:
    for number in _INTERRUPTS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _INTERRUPTS)
    quiet = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(quiet, standard)
    report = b"ok"
    try:
        importlib.import_module(module)
    except BaseException as error:  # noqa: BLE001 - whatever it raises, it is the plug-in's fault
        report = _describe(error, module).encode()
    os.write(writer, report[:4000])
    os._exit(0)


def _describe(error: BaseException, module: str) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name == module:
        return f"there is no module {module!r}"
    steps = [step for step in traceback.extract_tb(error.__traceback__) if _is_users(step.filename)]
    where = f" ({steps[-1].filename}:{steps[-1].lineno})" if steps else ""
    return f"{type(error).__name__}: {error}{where}"


def _is_users(filename: str) -> bool:
    return not filename.startswith("<frozen") and filename not in (__file__, importlib.__file__)


def _problem(report: str, ended: bool, status: int, module: str) -> str:
    """Return what is wrong with an import, from what the child said; empty when nothing is."""
    if report:
        return "" if report == "ok" else report
    if not ended:
        return f"importing {module} did not end within {IMPORT_LIMIT_S:g} s"
    return f"importing {module} ended the interpreter ({_ending(status)})"


def _ending(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"exit status {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
