"""A race in the reports, and what the seven questions say of it."""

from __future__ import annotations

import io
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from lab.model import AnswerKind, Hunted, Observation, VerdictKind
from lab.racing import answer_of_race, counted_violations
from lab.report.columns import columns_of
from lab.report.figures import key_figures
from lab.report.html import render
from lab.report.race import facts
from lab.report.terminal import print_summary
from tests.unit.report import runs
from tests.unit.report.races import FOUND, race_run, raced


def kinds(*args: object) -> dict[int, AnswerKind]:
    found = answer_of_race(*args)  # type: ignore[arg-type]
    return {answer.number: answer.kind for answer in found.answers}


def test_the_first_questions_have_no_answer_after_the_fact() -> None:
    trial = raced(runs.THREADS, 3)
    asked = kinds(trial, [trial], FOUND)
    assert {asked[number] for number in (1, 2, 3, 4, 6)} == {AnswerKind.UNKNOWN}


@pytest.mark.parametrize(
    ("variant", "hunted", "how"),
    [
        (runs.THREADS, FOUND, AnswerKind.RIGHT),
        (runs.FORK, FOUND, AnswerKind.PARTLY),
        (runs.THREADS, None, AnswerKind.UNKNOWN),
    ],
)
def test_the_order_of_events_is_known_by_hunting_only(variant, hunted, how) -> None:
    trial = raced(variant, 3)
    assert kinds(trial, [trial], hunted)[5] is how


@pytest.mark.parametrize(
    ("shown", "tries", "replayed", "again"),
    [
        (0, 1000, 20, AnswerKind.RIGHT),
        (0, 1000, 19, AnswerKind.UNKNOWN),
        (3, 1000, 0, AnswerKind.PARTLY),
        (1, 1, 0, AnswerKind.RIGHT),
    ],
)
def test_it_happens_again_by_replay_or_always(shown, tries, replayed, again) -> None:
    trial = raced(runs.THREADS, shown, tries)
    hunted = msgspec.structs.replace(FOUND, replayed=replayed)
    assert kinds(trial, [trial], hunted)[7] is again


def test_repeats_add_up() -> None:
    siblings = [raced(runs.THREADS, 1), raced(runs.THREADS, 2)]
    told = answer_of_race(siblings[0], siblings, FOUND).answers[-1].answer
    assert told == (
        "Left to chance, 3 of 2000 tries; hunted, after 4 executions; replayed, 20 of 20; "
        "on free threads held up there, 19 of 20."
    )


def test_a_program_that_counts_nothing_is_no_race() -> None:
    assert counted_violations(runs.deadlocked(runs.THREADS)) is None


def test_what_was_found_is_told_with_where_it_can_happen() -> None:
    told = dict(facts(FOUND))
    assert told["Hunted"].startswith("found after 4 executions, by 1 switch: AssertionError")
    assert "with the GIL" in told["Can happen"]
    assert told["Replayed"] == "failed in 20 of 20 replays"
    assert "19 of 20 tries" in told["Confirmed"]


def test_what_this_interpreter_cannot_confirm_is_said() -> None:
    hunted = msgspec.structs.replace(FOUND, unconfirmed="it needs free threads")
    assert dict(facts(hunted))["Confirmed"] == "no: it needs free threads"


def test_nothing_found_is_no_proof_and_no_answer_is_said() -> None:
    clean = Hunted(test="t", found=False, verdict=VerdictKind.AS_EXPECTED, explored="9 executions")
    assert facts(clean) == [("Hunted", "nothing found, which is no proof: 9 executions")]
    stuck = msgspec.structs.replace(clean, inconclusive="a thread is blocked")
    assert facts(stuck) == [("Hunted", "inconclusive: a thread is blocked")]


def test_the_page_tells_the_interleaving_and_links_to_it(tmp_path: Path) -> None:
    page = render(race_run(tmp_path))
    assert "./hunt/report.html" in page
    assert "lost_update.py:24 reads accounts[number]" in page
    assert 'href="#race"' in page


def test_the_first_screen_says_how_often_chance_showed_it_and_what_the_hunt_found(tmp_path) -> None:
    summary = render(race_run(tmp_path)).partition('id="figures-title"')[0]
    assert "tries went wrong by chance" in summary
    assert "Hunted as a test of threads: found after 4 executions" in summary


def test_a_program_that_ended_and_is_no_race_has_its_own_figures_there(tmp_path: Path) -> None:
    own = (Observation(name="PSS a worker", value=2048, unit="bytes"),)
    trial = msgspec.structs.replace(raced(runs.THREADS, 0), observed=own)
    column, *_ = columns_of(runs.write(tmp_path, [trial]))
    assert key_figures(column)[0] == ("2.0 KiB", "PSS a worker")
    out = io.StringIO()
    console = Console(file=out, width=100, color_system=None)
    print_summary(runs.write(tmp_path / "again", [trial]), console, None)
    assert "PSS a worker" in out.getvalue(), "an acronym keeps its capitals"


def test_a_run_without_a_hunt_has_no_such_section(tmp_path: Path) -> None:
    assert 'href="#race"' not in render(runs.deadlock_run(tmp_path))


@pytest.mark.parametrize("width", [60, 120])
def test_the_terminal_tells_it_within_its_width(tmp_path: Path, width: int) -> None:
    out = io.StringIO()
    print_summary(race_run(tmp_path), Console(file=out, width=width, color_system=None), None)
    text = out.getvalue()
    for said in ("violations", "found after 4 executions", "switch: Thread-1"):
        assert said in " ".join(text.split()), said
    assert max(map(len, text.partition("\nagain")[0].splitlines())) <= width
