"""Figures and records in words."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.model import Outcome, SourceLine, StopExperiment
from lab.report import words
from lab.report.html import prose
from lab.scenario import OutcomeKind


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (None, "not measured"),
        (0, "0 ms"),
        (0.0004, "0.4 ms"),
        (0.00994, "9.9 ms"),
        (0.00996, "10 ms"),
        (0.0491, "49 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.00 s"),
        (9.994, "9.99 s"),
        (9.996, "10.0 s"),
        (125.2, "2 min 5 s"),
    ],
)
def test_duration(seconds: float | None, expected: str) -> None:
    assert words.duration(seconds) == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (None, "not measured"),
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (8_283_750, "7.9 MiB"),
        (1024**2 * 348, "348 MiB"),
        (1024**2 - 1, "1.0 MiB"),
        (-2048, "\N{MINUS SIGN}2.0 KiB"),
    ],
)
def test_size(count: int | None, expected: str) -> None:
    assert words.size(count) == expected


@given(st.text(max_size=60), st.integers(1, 40))
def test_shortened_text_fits_and_keeps_its_ends(text: str, width: int) -> None:
    short = words.shorten(text, width)
    assert len(short) <= width
    assert short == text if len(text) <= width else "…" in short


def test_long_lists_say_how_many_are_left_out() -> None:
    assert words.listed(["a"]) == "a"
    assert words.listed(["a", "b", "c"]) == "a, b and c"
    assert words.listed([str(n) for n in range(9)], limit=2) == "0, 1 and 7 more"


def test_names_sort_by_their_numbers() -> None:
    assert sorted(["worker-10", "main", "worker-2"], key=words.natural) == [
        "main",
        "worker-2",
        "worker-10",
    ]


def test_a_spread_names_the_median_and_both_ends() -> None:
    assert words.spread([]) == "not measured"
    assert words.spread([0.05]) == "50 ms"
    assert words.spread([0.04, 0.05, 0.09]) == "median 50 ms (40 ms to 90 ms)"


@given(st.text())
def test_nothing_invisible_is_left(text: str) -> None:
    seen = words.visible(text)
    hidden = [c for c in seen if unicodedata.category(c) in ("Cc", "Cf", "Cs") and c not in "\n\t"]
    assert not hidden


def test_a_line_cannot_be_turned_round() -> None:
    assert words.visible("ok\u202e gnp.exe\x00") == "ok\\u202e gnp.exe\\x00"
    assert words.visible("naïve — ok") == "naïve — ok"


def test_times_are_told_in_utc() -> None:
    assert words.instant("2026-11-22T18:05:10.123+01:00") == "2026-11-22 17:05:10 UTC"
    assert words.instant("yesterday") == "yesterday"


def test_code_in_a_sentence() -> None:
    assert str(prose("waits for `a<b`")) == "waits for <code>a&lt;b</code>"
    assert str(prose("a ` <b>")) == "a ` &lt;b&gt;"


def test_a_line_that_is_not_known_is_said_to_be_so() -> None:
    assert words.place(SourceLine(file="", line=0)) == "unknown"
    assert words.place(SourceLine(file="/a/b.py", line=7)) == "b.py:7"


@pytest.mark.parametrize(
    ("code", "expected"), [(0, "exit status 0"), (-11, "signal SIGSEGV"), (-60, "signal 60")]
)
def test_exit_status(code: int, expected: str) -> None:
    assert words.exit_status(code) == expected
    outcome = Outcome(kind=OutcomeKind.EXITED, elapsed_s=1.0, exit_code=code)
    assert words.proof_words(outcome) == expected


def test_what_stopping_one_worker_did() -> None:
    def tried(**changes: object) -> str:
        given = {
            "victim": "w",
            "tid": 1,
            "whole_process_died": False,
            "stopped_s": 0.004,
            "others": 2,
            "others_finished": 1,
            "afterwards": "running",
        }
        return words.experiment_words(StopExperiment(**{**given, **changes}))

    assert tried() == "w gone after 4.0 ms; 1 of 2 others finished; then running"
    assert tried(others=0) == "w gone after 4.0 ms; nobody else was stuck; then running"
    assert tried(whole_process_died=True) == "w gone after 4.0 ms, and the whole process with it"
    assert tried(stopped_s=None) == "w could not be stopped"
    assert words.experiment_words(None) == "not tried"
