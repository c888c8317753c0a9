"""The two consoles: results go to stdout, progress and complaints to stderr."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.status import Status

WIDTH = 120
"""Columns of a table where there is no terminal to fit it to."""


def results(width: int | None = None) -> Console:
    """Return the console for results. Lines are not wrapped into a pipe.

    A table is always fitted to something: ``width`` is for one that goes into no terminal.
    """
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    if width is not None and not console.is_terminal:
        console.width = width
    return console


def progress() -> Console:
    """Return the console for progress. Nothing is drawn live when stderr is no terminal."""
    return Console(
        stderr=True, highlight=False, force_terminal=None if sys.stderr.isatty() else False
    )


def print_json(document: Mapping[str, object] | Sequence[object] | msgspec.Struct) -> None:
    """Print a result for a program: one line of JSON, in UTF-8 whatever the terminal speaks."""
    sys.stdout.flush()
    sys.stdout.buffer.write(msgspec.json.encode(document) + b"\n")
    sys.stdout.buffer.flush()


class ChangingLine:
    """A line that says what is being done now. Only a terminal has a place for it."""

    def __init__(self, console: Console, text: str) -> None:
        self._status = Status(escape(text), console=console) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._status:
            self._status.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._status:
            self._status.stop()

    def say(self, text: str) -> None:
        """Show ``text`` in place of what was there."""
        if self._status:
            self._status.update(escape(text))
