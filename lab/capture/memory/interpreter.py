"""Which Python a process runs, and where its interpreter state lies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lab import procfs
from lab.capture.memory import elf
from lab.capture.memory.access import CannotReadMemoryError, Memory
from lab.capture.memory.layout import RUNTIME_BYTES, Layout, read_layout

_NAME = re.compile(r"(?:lib)?python(\d\.\d+)?t?[^/]*$")


@dataclass(frozen=True, slots=True)
class Interpreter:
    """The Python in a process: its version, and what is needed to read its objects.

    ``layout`` is ``None`` for a version whose objects cannot be read; its stacks may still be.
    """

    version: str
    runtime: int | None = None
    layout: Layout | None = None


def find_interpreter(pid: int) -> Interpreter | None:
    """Return the Python that process ``pid`` runs, or ``None`` when it runs none (or is gone).

    The version comes from the exported variable ``Py_Version`` (3.11 and later), else from the
    name of the executable or library, else it is ``unknown``.
    """
    files = list(_candidates(pid))
    for mapping in files:
        table = elf.symbols(f"/proc/{pid}/root{mapping.path}", mapping.inode)
        if "_PyRuntime" in table:
            return _examine(pid, mapping, table)
    for mapping in files:
        if match := _NAME.search(mapping.path):
            return Interpreter(match[1] or "unknown")
    return None


def _candidates(pid: int) -> Iterator[procfs.Mapping]:
    """Yield where the executable and a libpython are loaded."""
    executable = procfs.link(f"/proc/{pid}/exe")
    seen = set()
    for mapping in procfs.mappings(pid):
        interesting = mapping.path == executable or "/libpython" in mapping.path
        if interesting and mapping.offset == 0 and mapping.path not in seen:
            seen.add(mapping.path)
            yield mapping


def _examine(pid: int, mapping: procfs.Mapping, table: dict[str, int]) -> Interpreter:
    named = _NAME.search(mapping.path)
    version = named[1] if named and named[1] else "unknown"
    runtime = mapping.start + table["_PyRuntime"]
    try:
        with Memory(pid) as memory:
            if "Py_Version" in table:
                version = _spell(memory.word(mapping.start + table["Py_Version"]))
            layout = read_layout(_pair(version), memory.read(runtime, RUNTIME_BYTES))
    except CannotReadMemoryError:
        return Interpreter(version)
    return Interpreter(version, runtime, layout)


def _spell(version: int) -> str:
    """Turn ``PY_VERSION_HEX`` into text: 0x030d00f0 is 3.13.0."""
    return f"{version >> 24 & 0xFF}.{version >> 16 & 0xFF}.{version >> 8 & 0xFF}"


def _pair(version: str) -> tuple[int, int]:
    parts = version.split(".")
    return (int(parts[0]), int(parts[1])) if len(parts) > 1 else (0, 0)
