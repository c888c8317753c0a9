"""The directory that a hang leaves: the dump, the snapshot it was drawn from, and the page."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from lab.model import Record
from lab.store import DUMP, REPORT, SNAPSHOT, new_run_id, write_record
from lab.watch.looking import Trouble


class WatchFolder:
    """``root`` is ``<output>/<name of the command>/<id>/``, made when this is.

    Raises :class:`UsageError` when it may not be written, and :class:`InconclusiveError` on a full
    disk.
    """

    def __init__(self, output: Path, trouble: Trouble) -> None:
        self.root = output / name_of(trouble.command) / new_run_id()
        if trouble.dump is not None:
            self._write(DUMP, trouble.dump)
        if trouble.snapshot is not None:
            self._write(SNAPSHOT, trouble.snapshot)

    def _write(self, name: str, record: Record) -> None:
        write_record(self.root / name, record)

    @property
    def page(self) -> Path:
        """Where the page goes."""
        return self.root / REPORT


def name_of(command: Sequence[str]) -> str:
    """Return what a command is called: for an interpreter, the script or module that it runs."""
    name = os.path.basename(command[0])  # noqa: PTH119 - a word, not a path
    if re.match(r"(python|pypy)[\d.]*$", name):
        words = [word for word in command[1:] if not word.startswith("-") or word == "-c"]
        script = next(iter(words), "-c")
        name = name if script == "-c" else os.path.basename(script)  # noqa: PTH119
    return re.sub(r"[^\w.-]+", "-", name)[:60].strip("-.") or "command"
