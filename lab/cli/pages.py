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

    _write_interleaving(Path(record.directory) / store.HUNT, record.header.scenario.name)
    return store.RunDirectory(Path(record.directory)).write_report(html.render(record))


def prepare_reports() -> None:
    """Load and compile what :func:`write_report` needs, which takes longer than the writing."""
    from lab.report import html

    html.compile_templates("report.html.j2")


def _write_interleaving(root: Path, scenario: str) -> None:
    """Build the page of the hunt that belongs to a run, if there was one."""
    from lab.hunts.folder import HuntFolder
    from lab.report.interleaving_page import render

    hunt = HuntFolder.load(root)
    if hunt is not None:
        token = hunt.result.schedule
        page = render(hunt, f"lab replay {token} {scenario}" if token else "")
        (root / store.REPORT).write_text(page, encoding="utf-8")


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
