"""Scenarios, parameters and variants reject what could not be run, in words."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab import Parameter, Scenario, StartMethod, Truth, UsageError, Variant, Workers
from lab.scenario import Cause, OutcomeKind


def nothing(kit):
    del kit


def truth():
    return Truth(OutcomeKind.EXITED, Cause.NONE)


def make(**changes):
    fields = {
        "name": "sample",
        "title": "A sample",
        "plants": "nothing",
        "why": "because",
        "cure": "none",
        "faulty": nothing,
        "corrected": nothing,
        "truth": truth,
    }
    return Scenario(**fields | changes)


COUNT = Parameter("count", 2, "how many", minimum=2, maximum=64)


@pytest.mark.parametrize("name", ["", "Upper", "two words", "-x", "a--b", "../x"])
def test_a_name_must_be_fit_for_a_command_line(name):
    with pytest.raises(UsageError, match="scenario name"):
        make(name=name)


def test_a_parameter_is_declared_once():
    with pytest.raises(UsageError, match="declared twice"):
        make(parameters=(COUNT, COUNT))


def test_a_scenario_has_a_variant():
    with pytest.raises(UsageError, match="no variant"):
        make(variants=())
    with pytest.raises(UsageError, match="no start method"):
        make(start_methods=())


@given(st.integers(2, 64))
def test_numbers_within_the_limits_are_read(number):
    assert COUNT.parse(str(number)) == number


@given(st.one_of(st.integers(max_value=1), st.integers(min_value=65)).map(str) | st.text())
def test_anything_else_is_refused_with_the_domain(text):
    try:
        allowed = 2 <= int(text) <= 64
    except ValueError:
        allowed = False
    if not allowed:
        with pytest.raises(UsageError, match="int from 2 to 64"):
            COUNT.parse(text)


@pytest.mark.parametrize(("text", "value"), [("yes", True), ("0", False), ("TRUE", True)])
def test_switches(text, value):
    assert Parameter("on", False, "a switch").parse(text) is value


def test_a_switch_is_not_a_number():
    with pytest.raises(UsageError, match="on=2"):
        Parameter("on", False, "a switch").parse("2")


@pytest.mark.parametrize("text", ["nan", "-inf", "inf"])
def test_a_number_that_is_none_is_refused(text):
    rate = Parameter("rate", 0.5, "a share", minimum=0, maximum=1)
    with pytest.raises(UsageError, match="float from 0 to 1"):
        rate.parse(text)
    assert not math.isnan(rate.default)


def test_a_number_that_no_record_can_hold_is_refused():
    with pytest.raises(UsageError, match="rate=inf"):
        Parameter("rate", 0.5, "a share").parse("inf")


@pytest.mark.parametrize("seconds", [0, -1, math.inf, math.nan])
def test_a_time_limit_that_limits_nothing_is_refused(seconds):
    with pytest.raises(UsageError, match="timeout_s"):
        make(timeout_s=seconds)


def test_choices():
    mode = Parameter("mode", "fast", "which", choices=("fast", "slow"))
    assert mode.parse("slow") == "slow"
    with pytest.raises(UsageError, match="one of fast, slow"):
        mode.parse("medium")


def test_arguments_are_the_defaults_and_what_was_set():
    scenario = make(parameters=(COUNT, Parameter("name", "x", "a name")))
    assert scenario.arguments({"count": "3"}) == {"count": 3, "name": "x"}


def test_an_unknown_parameter_names_the_nearest():
    with pytest.raises(UsageError, match=r"'coumt'.*did you mean 'count'.*lab show sample"):
        make(parameters=(COUNT,)).arguments({"coumt": "3"})


def test_only_processes_have_a_start_method():
    assert Variant(Workers.THREADS).label == "threads"
    assert Variant(Workers.PROCESSES, StartMethod.FORK).label == "processes (fork)"
    assert Variant(Workers.PROCESSES, StartMethod.SPAWN).slug == "processes-spawn"
    with pytest.raises(UsageError):
        Variant(Workers.THREADS, StartMethod.FORK)
    with pytest.raises(UsageError):
        Variant(Workers.PROCESSES)
