"""The page as text: whole, self-contained, small, and deaf to what hostile records try."""

from __future__ import annotations

from pathlib import Path

from lab.report.html import render
from tests.unit.report import runs


def test_a_page_is_made_of_a_finished_run(tmp_path: Path) -> None:
    page = render(runs.deadlock_run(tmp_path))
    assert page.startswith("<!DOCTYPE html>")
    assert f"deadlock.py:{runs.WANTS}" in page
    assert "Processes (fork)" in page
    assert len(page.encode()) < 500_000
