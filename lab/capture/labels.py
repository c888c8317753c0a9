"""What a person would call a process: its worker name, main, resource tracker, forkserver."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePath

from lab.model import ProcessInfo, RemoteObject, ThreadStack

_HELPERS = {
    "multiprocessing.resource_tracker": "resource tracker",
    "multiprocessing.semaphore_tracker": "resource tracker",
    "multiprocessing.forkserver": "forkserver",
}


def label_of(
    process: ProcessInfo,
    threads: Iterable[ThreadStack],
    objects: Mapping[int, RemoteObject],
) -> str:
    """Return the name of a process.

    That of its ``multiprocessing.Process`` object, read from memory where that was possible; else
    what its command line shows it to be; else ``main`` for Python, the command for anything else.
    """
    return (
        _worker_name(threads, objects)
        or _helper(process.command)
        or ("main" if process.python else PurePath(process.executable).name)
        or "unknown"
    )


def _worker_name(threads: Iterable[ThreadStack], objects: Mapping[int, RemoteObject]) -> str:
    """Return ``Process.name``: the attribute ``_name`` of the object that ``_bootstrap`` runs."""
    frames = [frame for thread in threads for frame in thread.frames]
    for frame in frames:
        if frame.function == "BaseProcess._bootstrap":
            selves = [local for local in frame.locals if local.name == "self" and local.address]
            for local in selves:
                process = objects.get(local.address or 0)
                name = objects.get(process.attributes.get("_name", 0)) if process else None
                if name and name.text:
                    return name.text
    return ""


def _helper(command: Iterable[str]) -> str:
    text = " ".join(command)
    return next((label for module, label in _HELPERS.items() if module in text), "")
