"""The page of a watched command in a browser: whole, offline, accessible."""

from __future__ import annotations

import sys

import pytest

from tests.integration.lab_command import lab
from tests.integration.watch import programs

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from axe_playwright_python.sync_playwright import Axe

from tests.integration.report.browser import CHROMIUM, browser, opened

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH")

KINDS = {
    "hung": (programs.CROSSED, ()),
    "quiet": (programs.WAITS_FOR_SLEEP, ("--quiet-for", "1s")),
    "hostile": (
        "import threading; lock = threading.Lock(); lock.acquire(); name = '<script>1</script>'\n"
        "threading.Thread(target=lock.acquire, name=name).start()",
        (),
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_whole_and_accessible(kind, tmp_path):
    source, options = KINDS[kind]
    program = tmp_path / "program.py"
    program.write_text(source)
    done = lab("watch", "--report", tmp_path / "out", *options, "--", sys.executable, program)
    assert done.code == 124, done.err
    (page,) = tmp_path.glob("out/program.py/*/report.html")
    with browser() as chromium:
        for scheme, width in (("light", 1200), ("dark", 400)):
            with opened(chromium, page, width=width, height=900, scheme=scheme) as view:
                assert Axe().run(view.page).violations_count == 0
                assert len(view.requests) == 1
                assert not view.complaints
                assert view.page.locator("script").count() == 0
                assert view.page.evaluate("document.documentElement.scrollWidth") <= width
