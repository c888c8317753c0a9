"""The failure page in a browser: steps by keyboard, is whole without scripts, loads nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from lab.report.interleaving_page import render
from tests.integration.report.browser import CHROMIUM, browser, opened
from tests.unit.hunts.test_table import record, result

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH")

SPILL = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "report.html"
    path.write_text(render(record(result()), "lab replay lab1.x a.py:f"))
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_is_accessible_and_asks_for_nothing(chromium, page, width, scheme):
    with opened(chromium, page, width=width, height=900, scheme=scheme) as view:
        found = Axe().run(view.page).response["violations"]
        assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []
        assert view.page.evaluate(SPILL) <= 0
        assert len(view.requests) == 1
        assert view.complaints == []


def test_it_is_stepped_through_by_keyboard(chromium, page):
    with opened(chromium, page, width=1280, height=900, scheme="light") as view:
        for key in ("ArrowDown", "j", "ArrowDown", "k"):
            view.page.keyboard.press(key)
        assert view.page.locator("output").inner_text().startswith("Step 2 of 6: T2")
        assert view.page.locator(".lanes .current").count() == 1
        assert view.page.locator(".code li.current .number").inner_text() == "1"
        view.page.keyboard.press("End")
        assert "Step 6 of 6" in view.page.locator("output").inner_text()
        view.page.get_by_role("button", name="Back").click()
        assert "Step 5 of 6" in view.page.locator("output").inner_text()


def test_it_is_whole_without_scripts(chromium, page):
    with opened(chromium, page, width=1280, height=900, scheme="light", scripts=False) as view:
        assert view.page.locator(".lanes .step").count() == 6
        assert not view.page.locator(".stepper").is_visible()
        assert view.page.get_by_text("switch: T1 preempted").is_visible()
