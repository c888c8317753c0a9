"""What a program reports about itself: from the kit to the file, the judge and the words."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab import Kit, Observed, Variant, Workers
from lab.judge import judge
from lab.model import Expectation, Observation, Outcome, Verdict, VerdictKind
from lab.report.words import quantity, truth_words
from lab.scenario import Cause, OutcomeKind
from lab.store import OBSERVATIONS, RunDirectory
from tests.unit.records import clean

THREADS = Variant(Workers.THREADS)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
WANTED = Observed("lost updates", minimum=1, maximum=3)


def verdict(*observed: Observation) -> Verdict:
    wanted = Expectation(outcome=OutcomeKind.EXITED, cause=Cause.NONE, observed=(WANTED,))
    ended = Outcome(kind=OutcomeKind.EXITED, elapsed_s=1.0, exit_code=0, reason="")
    return judge(wanted, ended, None, clean(), observed)


def crashed(code: int) -> Outcome:
    return Outcome(kind=OutcomeKind.CRASHED, elapsed_s=1.0, exit_code=code, reason="")


@given(st.lists(st.tuples(st.text(max_size=8), FINITE, st.sampled_from(["", "s"])), max_size=6))
def test_the_last_value_of_each_name_arrives(tmp_path_factory, figures):
    directory = RunDirectory(tmp_path_factory.mktemp("run"))
    kit = Kit(THREADS, observations=str(directory.observations("t")))
    for name, value, unit in figures:
        kit.observe(name, value, unit)
    wanted = {name: (value, unit) for name, value, unit in figures}
    assert {o.name: (o.value, o.unit) for o in directory.observed("t")} == wanted


def test_what_a_killed_program_left_half_written_is_no_figure(tmp_path):
    directory = RunDirectory(tmp_path)
    Kit(THREADS, observations=str(directory.observations("t"))).observe("tries", 3)
    with (directory.captures("t") / OBSERVATIONS).open("ab") as file:
        file.write(b'{"name": "viol')
    assert [(o.name, o.value) for o in directory.observed("t")] == [("tries", 3.0)]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_figure_is_finite(value):
    with pytest.raises(ValueError, match="observed tries"):
        Kit(THREADS).observe("tries", value)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (0, VerdictKind.DEVIATED),
        (1, VerdictKind.AS_EXPECTED),
        (3, VerdictKind.AS_EXPECTED),
        (4, VerdictKind.DEVIATED),
    ],
)
def test_a_figure_is_held_against_its_range(value, kind):
    found = verdict(Observation(name="lost updates", value=value))
    assert found.kind is kind
    assert [c.wanted for c in found.checks if c.name == "observed lost updates"] == ["from 1 to 3"]


def test_a_figure_that_was_not_reported_is_not_known():
    assert verdict(Observation(name="other", value=2)).kind is VerdictKind.INCONCLUSIVE


@pytest.mark.parametrize(
    ("named", "kind"),
    [
        (0, VerdictKind.AS_EXPECTED),
        (-9, VerdictKind.AS_EXPECTED),
        (-11, VerdictKind.DEVIATED),
    ],
)
def test_a_crash_is_held_against_its_signal_where_one_is_named(named, kind):
    wanted = Expectation(outcome=OutcomeKind.CRASHED, cause=Cause.NONE, exit_code=named)
    crashed = Outcome(kind=OutcomeKind.CRASHED, elapsed_s=1.0, exit_code=-9, reason="")
    assert judge(wanted, crashed, None, clean()).kind is kind


@pytest.mark.parametrize(
    ("limits", "words"),
    [((None, None), "any figure"), ((1, None), "at least 1"), ((None, 2), "at most 2"),
     ((0, 0), "0"), ((1, 2.5), "from 1 to 2.5")],
)  # fmt: skip
def test_a_range_in_words(limits, words):
    assert Observed("n", *limits).range == words


def test_figures_in_words():
    assert quantity(3) == "3"
    assert quantity(0.12345, "tries/s") == "0.1235 tries/s"
    assert quantity(123456.7) == "123457"
    assert quantity(0.25, "s") == "250 ms"
    assert quantity(2048, "bytes") == "2.0 KiB"
    truth = Expectation(outcome=OutcomeKind.EXITED, cause=Cause.NONE, observed=(WANTED,))
    assert truth_words(truth).endswith(", lost updates from 1 to 3")
