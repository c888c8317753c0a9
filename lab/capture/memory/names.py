"""Global variables: from a frame's source file to its module's dictionary.

py-spy shows no globals. ``sys.modules`` hangs off the interpreter state; the module that a file
belongs to is the one whose ``__file__`` is that file.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import PurePath

from lab.capture.memory import layout as at
from lab.capture.memory.access import CannotReadMemoryError
from lab.capture.memory.objects import Objects

_MOST_MODULES = 5000
_MOST_NAMES = 200
_INSTALLED = re.compile(r"/lib(?:64)?/python3\.\d+t?/")
_MAIN = ("__main__", "__mp_main__")


class Modules:
    """The modules of one interpreter, by name."""

    def __init__(self, objects: Objects, runtime: int) -> None:
        self._objects = objects
        self._dictionaries: dict[str, int] = {}
        try:
            self._dictionaries = dict(self._load(runtime))
        except CannotReadMemoryError:
            return

    def _load(self, runtime: int) -> Iterator[tuple[str, int]]:
        memory, layout = self._objects.memory, self._objects.layout
        interpreter = memory.word(runtime + layout.interpreters_head)
        for offset in layout.modules:
            modules = memory.word(interpreter + offset)
            if self._is_dict(modules):
                for name, module in self._objects.named(modules):
                    yield name, memory.word(module + at.MODULE_DICT)
                return

    def _is_dict(self, address: int) -> bool:
        try:
            return self._objects.type_of(address).name == "dict"
        except CannotReadMemoryError:
            return False

    def find(self, module: str, name: str) -> int | None:
        """Return the address of a global of a module that is known by its name."""
        dictionary = self._dictionaries.get(module)
        return self._objects.lookup(dictionary, name) if dictionary else None

    def files(self, limit: int) -> Iterator[str]:
        """Yield the ``__file__`` of up to ``limit`` modules outside the standard library."""
        for dictionary in self._dictionaries.values():
            try:
                address = self._objects.lookup(dictionary, "__file__")
                file = self._objects.text(address) if address else ""
            except CannotReadMemoryError:
                continue
            if file.endswith(".py") and not _INSTALLED.search(file):
                yield file
                limit -= 1
                if not limit:
                    return

    def globals_of(self, file: str, words: Collection[str]) -> dict[str, int]:
        """Return name and address of the globals of ``file`` that are among ``words``."""
        for name in self._likely(file):
            try:
                dictionary = self._dictionaries[name]
                if self._is_of(dictionary, file):
                    pairs = self._objects.named(dictionary)
                    chosen = [(n, a) for n, a in pairs if n in words and not n.startswith("__")]
                    return dict(chosen[:_MOST_NAMES])
            except CannotReadMemoryError:
                continue
        return {}

    def _likely(self, file: str) -> Iterable[str]:
        """Order the modules so that the right one comes early: by its last name, then main."""
        path = PurePath(file)
        stem = path.parent.name if path.stem == "__init__" else path.stem
        names = [n for n in self._dictionaries if n.rpartition(".")[2] == stem or n in _MAIN]
        return names or list(self._dictionaries)[:_MOST_MODULES]

    def _is_of(self, dictionary: int, file: str) -> bool:
        address = self._objects.lookup(dictionary, "__file__")
        if address is None:
            return False
        name = self._objects.text(address)
        return name == file or (not name.startswith("/") and file.endswith(name.removeprefix("./")))
