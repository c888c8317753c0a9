"""``lab run --tag`` and ``--all``: which scenarios are run, in which variants, and what is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import registry
from lab.cli.batch import choose
from tests.integration.lab_command import lab

EVERY = [entry.name for entry in registry.installed() if not entry.error]


def test_all_means_all() -> None:
    assert choose((), everything=True) == EVERY


def test_a_scenario_with_two_of_the_tags_is_chosen_once() -> None:
    chosen = choose(("pipe", "queue", "pipe"), everything=False)
    assert "join-before-drain" in chosen
    assert len(chosen) == len(set(chosen))
    assert set(chosen) < set(EVERY)


def test_each_is_run_and_a_table_sums_them_up(tmp_path: Path) -> None:
    done = lab("run", "--tag", "pipe", "--no-heap", "--output", tmp_path)

    assert done.code == 0, done.err
    assert [line.split(":")[0] for line in done.err.splitlines()] == [
        "[1/2] full-pipes",
        "[2/2] join-before-drain",
    ]
    pages = list(tmp_path.glob("*/*/report.html"))
    assert sorted(page.parts[-3] == "comparison" for page in pages) == [False, False, True]
    assert done.out.count("as expected") == 2


def test_as_json(tmp_path: Path) -> None:
    done = lab("run", "--tag", "asyncio", "--no-heap", "--json", "--output", tmp_path)

    assert done.code == 0, done.err
    assert [run["result"]["verdict"] for run in done.json] == ["as-expected"] * 2


def test_variants_without_the_fault_are_left_out(tmp_path: Path) -> None:
    words = ("--no-heap", "--start-method", "spawn", "--variant", "processes")
    done = lab("run", "--tag", "fork", "--tag", "asyncio", *words, "--output", tmp_path)

    assert done.code == 4
    assert done.err.count("the fault does not exist in this variant") == 3


def test_one_scenario_says_where_it_has_no_fault() -> None:
    line = lab("run", "fork-held-lock", "--start-method", "spawn").complaint
    assert "--start-method spawn: the fault does not exist there; wanted: fork" in line


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "no scenario is named; wanted: a name, --tag or --all"),
        (["deadlock", "--all"], "deadlock with --tag or --all"),
        (["--all", "--set", "workers=3"], "--set with --tag or --all"),
        (["--tag", "pipes"], "no scenario has the tag 'pipes'; wanted: did you mean 'pipe'"),
    ],
)
def test_what_does_not_go_together(words: list[str], said: str) -> None:
    done = lab("run", *words)
    assert done.code == 2
    assert said in done.complaint


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("fork-held-lock", ["processes (by fork only)", "nobody holds (inherited-by-fork)"]),
        ("lock-upgrade", ["cause wait-cycle (from outside: unsatisfied-wait)", "not to be known"]),
        ("join-before-drain", ["worker waits inside the standard library for QueueFeeder"]),
        ("starved-consumer", ["waits at starved_consumer.py:", "for what nobody will provide"]),
    ],
)
def test_show_tells_the_whole_truth(name: str, words: list[str]) -> None:
    shown = lab("show", name).out
    for word in words:
        assert word in shown
