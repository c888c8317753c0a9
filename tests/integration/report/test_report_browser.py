"""A real browser opens the page from the disk, with the network off.

It must ask for nothing but the file, complain of nothing, break no rule of accessibility, and fit
on a phone, in both colour schemes, with every part of it folded out as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec
import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from lab.model import Outcome, RunRecord, VerdictKind
from lab.report.html import render
from lab.scenario import OutcomeKind
from tests.integration.lab_command import lab
from tests.integration.report.browser import CHROMIUM, Opened, browser, opened
from tests.unit.report import hostile, races, runs, sets

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH")

PHONE, DESKTOP = (390, 844), (1280, 900)
SIZES = pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
SCHEMES = pytest.mark.parametrize("scheme", ["light", "dark"])
UNFOLD = "document.querySelectorAll('details').forEach(each => { each.open = true })"
SPILL = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started


def repeated(root: Path) -> RunRecord:
    trials = [runs.deadlocked(v, n) for n in (1, 2, 3) for v in (runs.THREADS, runs.FORK)]
    late = Outcome(kind=OutcomeKind.TIMED_OUT, elapsed_s=30.0, reason="still running after 30 s")
    worse = runs.verdict(runs.FORK, VerdictKind.DEVIATED)
    trials[3] = msgspec.structs.replace(trials[3], outcome=late, verdict=worse)
    return runs.write(root, trials, runs.header(repeat=3))


def unfinished(root: Path) -> RunRecord:
    return runs.write(root, [runs.deadlocked(runs.THREADS)], finished=False)


def nasty(root: Path) -> RunRecord:
    return hostile.record()


KINDS: dict[str, Callable[[Path], RunRecord]] = {
    "deadlock": runs.deadlock_run,
    "repeated": repeated,
    "unfinished": unfinished,
    "hostile": nasty,
    "race": races.race_run,
}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the file of a page of each kind."""
    root = tmp_path_factory.mktemp("pages")
    files = {}
    for name, make in KINDS.items():
        (root / name).mkdir()
        files[name] = root / name / "report.html"
        files[name].write_text(render(make(root / name)), encoding="utf-8")
    for name, text in sets.PAGES.items():
        (root / name).mkdir()
        files[name] = root / name / "report.html"
        files[name].write_text(text(root / name), encoding="utf-8")
    return files


def violations(view: Opened) -> list[str]:
    """Return the rules that axe sees broken, with the element of each."""
    found = Axe().run(view.page).response["violations"]
    return [f"{rule['id']}: {node['html']}" for rule in found for node in rule["nodes"]]


VIEWS = [("deadlock", size, scheme) for size in (PHONE, DESKTOP) for scheme in ("light", "dark")]
OTHERS = [*(kind for kind in KINDS if kind != "deadlock"), *sets.PAGES]
VIEWS += [(kind, PHONE, "dark") for kind in OTHERS]
VIEWS += [(kind, DESKTOP, "light") for kind in OTHERS]


@pytest.mark.parametrize(("kind", "size", "scheme"), VIEWS)
def test_the_page_is_quiet_accessible_and_fits(
    chromium: Browser, pages: dict[str, Path], kind: str, size: tuple[int, int], scheme: str
) -> None:
    width, height = size
    with opened(chromium, pages[kind], width=width, height=height, scheme=scheme) as view:
        assert view.page.evaluate(SPILL) == 0
        view.page.evaluate(UNFOLD)
        assert view.page.evaluate(SPILL) == 0
        assert violations(view) == []
        assert view.requests == [pages[kind].as_uri()]
        assert view.complaints == []


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page that a real run wrote, with all its captures beside it."""
    root = tmp_path_factory.mktemp("real")
    done = lab("run", "deadlock", "--output", root)
    assert done.code == 0, done.err
    (page,) = root.glob("deadlock/*/report.html")
    return page


@SIZES
@SCHEMES
def test_the_page_of_a_real_run_is_quiet_accessible_and_fits(
    chromium: Browser, real: Path, size: tuple[int, int], scheme: str
) -> None:
    width, height = size
    with opened(chromium, real, width=width, height=height, scheme=scheme) as view:
        assert view.page.evaluate(SPILL) == 0
        view.page.evaluate(UNFOLD)
        assert violations(view) == []
        assert view.requests == [real.as_uri()]
        assert view.complaints == []
        assert view.page.get_by_text("wanted here by worker-1 and worker-2").count() == 2
    assert real.stat().st_size < 500_000


def test_every_link_of_a_real_run_leads_to_a_file(chromium: Browser, real: Path) -> None:
    with opened(chromium, real, width=1280, height=900, scheme="light") as view:
        links = view.page.evaluate(
            "[...document.querySelectorAll('a[href]')].map(each => each.href)"
        )
    here = real.as_uri()
    files = {link for link in links if not link.startswith(f"{here}#")}
    assert any(link.endswith(".html") for link in files), "a flame graph"
    assert all(Path(unquote(urlsplit(link).path)).is_file() for link in files)


def test_everything_that_scrolls_and_every_link_can_be_reached_by_keyboard(
    chromium: Browser, pages: dict[str, Path]
) -> None:
    with opened(chromium, pages["deadlock"], width=390, height=844, scheme="light") as view:
        stops = view.page.evaluate(
            "[...document.querySelectorAll('a[href], summary, [tabindex=\"0\"]')]"
            ".filter(each => each.checkVisibility()).length"
        )
        view.page.keyboard.press("Tab")
        assert view.page.evaluate("document.activeElement.className") == "skip"
        reached = 1
        while reached < stops and view.page.evaluate("document.activeElement !== document.body"):
            view.page.keyboard.press("Tab")
            reached += 1
            outline = view.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline == "solid", view.page.evaluate("document.activeElement.outerHTML")
        assert reached == stops
        hidden = view.page.evaluate(
            "[...document.querySelectorAll('body *')].filter(each =>"
            " each.scrollWidth > each.clientWidth + 1 &&"
            " ['auto', 'scroll'].includes(getComputedStyle(each).overflowX) &&"
            " each.tabIndex < 0).map(each => each.outerHTML.slice(0, 80))"
        )
        assert hidden == []


def test_the_skip_link_leads_to_the_report(chromium: Browser, pages: dict[str, Path]) -> None:
    with opened(chromium, pages["deadlock"], width=1280, height=900, scheme="light") as view:
        view.page.keyboard.press("Tab")
        view.page.keyboard.press("Enter")
        assert view.page.evaluate("document.activeElement.id") == "main"


def test_it_works_without_scripts(chromium: Browser, pages: dict[str, Path]) -> None:
    with opened(
        chromium, pages["deadlock"], width=390, height=844, scheme="dark", scripts=False
    ) as view:
        view.page.locator("#source summary").first.click()
        assert view.page.get_by_text("Thread.run").first.is_visible()


def test_on_paper_it_is_light_and_everything_is_unfolded(
    chromium: Browser, pages: dict[str, Path]
) -> None:
    with opened(chromium, pages["deadlock"], width=794, height=1123, scheme="dark") as view:
        view.page.emulate_media(media="print", color_scheme="dark")
        ground = view.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == "rgb(255, 255, 255)"
        assert view.page.get_by_text("Thread.run").first.is_visible()
        assert view.page.evaluate(SPILL) == 0
        cut = view.page.evaluate(
            "[...document.querySelectorAll('.scroll')].filter(each => "
            "getComputedStyle(each).overflowX !== 'visible').length"
        )
        assert cut == 0


@pytest.mark.parametrize("kind", ["deadlock", "comparison"])
def test_texts_in_drawings_do_not_run_over_their_edge(
    chromium: Browser, pages: dict[str, Path], kind: str
) -> None:
    with opened(chromium, pages[kind], width=1280, height=900, scheme="light") as view:
        over = view.page.evaluate(
            "[...document.querySelectorAll('svg.drawing, svg.chart')].flatMap(svg => {"
            " const frame = svg.getBoundingClientRect();"
            " return [...svg.querySelectorAll('text')].filter(text => {"
            "  const box = text.getBoundingClientRect();"
            "  return box.left < frame.left - 1 || box.right > frame.right + 1"
            "   || box.top < frame.top - 1 || box.bottom > frame.bottom + 1;"
            " }).map(text => svg.id + ': ' + text.textContent) })"
        )
        assert over == []
