"""``lab compare`` and the page at the end of ``lab run --tag``, from real runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.lab_command import lab


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory in which two scenarios were run."""
    root = tmp_path_factory.mktemp("results")
    for name in ("deadlock", "nested-submit"):
        done = lab("run", name, "--no-heap", cwd=root)
        assert done.code == 0, done.err
    return root


def test_threads_and_processes_are_compared_over_all_runs(results: Path) -> None:
    done = lab("compare", cwd=results)
    assert done.code == 0, done.err
    assert "One more worker added" in done.out
    assert "Who holds it?" in done.out
    (page,) = (results / "reports" / "comparison").glob("*/report.html")
    text = page.read_text(encoding="utf-8")
    assert "nested-submit" in text
    assert "This fault does not exist there." in text
    assert text.count("../../deadlock/") == 2


def test_two_sets_of_results_stand_beside_each_other(results: Path, tmp_path: Path) -> None:
    runs = results / "reports"
    done = lab("compare", runs / "deadlock", runs / "nested-submit", "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    assert [len(each["faults"]) for each in done.json["sets"]] == [1, 1]
    assert (tmp_path / done.json["report"]).is_file()
    words = lab("compare", runs / "deadlock", runs / "nested-submit", cwd=tmp_path).out
    assert "only in A: deadlock processes" in words
    assert "only in B: nested-submit threads" in words


def test_many_runs_end_with_the_comparison(tmp_path: Path) -> None:
    done = lab("run", "--tag", "import", "--no-heap", "--variant", "threads", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "threads beside processes" in done.out
    assert len(list(tmp_path.glob("reports/comparison/*/report.html"))) == 1


def test_nothing_to_compare_is_no_answer_and_says_what_to_run(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    done = lab("compare", cwd=tmp_path)
    assert done.code == 4
    assert "lab run --all" in done.complaint


def test_three_sets_are_too_many(tmp_path: Path) -> None:
    done = lab("compare", "a", "b", "c", cwd=tmp_path)
    assert done.code == 2
    assert "at most two" in done.complaint
