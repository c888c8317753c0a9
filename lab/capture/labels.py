"""What a person would call a process: its worker name, main, resource tracker, forkserver."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import PurePath

from lab.model import ProcessInfo

_HELPERS = {
    "multiprocessing.resource_tracker": "resource tracker",
    "multiprocessing.semaphore_tracker": "resource tracker",
    "multiprocessing.forkserver": "forkserver",
}

HELPERS = frozenset(_HELPERS.values())
"""The names of the processes that ``multiprocessing`` starts for itself."""


def label_of(process: ProcessInfo, worker: str, *, root: bool, forked: bool) -> str:
    """Return the name of a process.

    ``worker`` is the name of its ``multiprocessing.Process`` if it has one, ``root`` says that it
    is the program itself rather than a child of it.
    """
    if worker:
        return worker
    if helper := helper_of(process.command):
        return helper
    if process.python is None:
        name = PurePath(process.command[0] if process.command else process.executable).name
        return name if root and name else f"{name or 'process'} {process.pid}"
    if root:
        return "main"
    if forked:
        return f"fork {process.pid}"
    return f"{_program(process.command)} {process.pid}"


def helper_of(command: Sequence[str]) -> str:
    """Return which helper of ``multiprocessing`` a command line starts; empty when it is none."""
    text = " ".join(command)
    return next((label for module, label in _HELPERS.items() if module in text), "")


def _program(command: Sequence[str]) -> str:
    """Return the script or module that a Python command line runs."""
    for previous, word in itertools.pairwise(command):
        if previous == "-m":
            return word
        if not word.startswith("-") and previous != "-c":
            return PurePath(word).name
    return "python"
