"""``lab report``, and the page at the end of ``lab run``."""

from __future__ import annotations

import webbrowser
from pathlib import Path

from lab import store
from lab.errors import ExitCode
from lab.model import RunRecord


def write_report(record: RunRecord) -> Path:
    """Build the page of ``record`` into its directory and return where it is."""
    from lab.report import html

    return store.RunDirectory(Path(record.directory)).write_report(html.render(record))


def rebuild_report(directory: Path, *, open_report: bool) -> int:
    """Write the page of the run in ``directory`` anew and print where it is."""
    page = write_report(store.load(directory))
    print(page)
    if open_report:
        open_page(page)
    return int(ExitCode.EXPECTED)


def open_page(page: Path) -> None:
    """Show ``page`` in the user's browser."""
    webbrowser.open(page.resolve().as_uri())
