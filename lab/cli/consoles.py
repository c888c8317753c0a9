"""The two consoles: results go to stdout, progress and complaints to stderr."""

from __future__ import annotations

import sys

from rich.console import Console


def results() -> Console:
    """Return the console for results. Lines are not wrapped into a pipe."""
    return Console(highlight=False, soft_wrap=not sys.stdout.isatty())


def progress() -> Console:
    """Return the console for progress. Nothing is drawn live when stderr is no terminal."""
    return Console(
        stderr=True, highlight=False, force_terminal=None if sys.stderr.isatty() else False
    )
