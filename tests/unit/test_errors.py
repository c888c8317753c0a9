"""Deliberate errors: one line that names what was seen, wanted, and to be done."""

from hypothesis import given
from hypothesis import strategies as st

from lab.errors import ExitCode, LabError, UsageError, suggest


def test_a_line_joins_seen_wanted_and_next_step():
    error = UsageError("port 99999", wanted="0 to 65535", next_step="lab show x")
    assert error.line() == "port 99999; wanted: 0 to 65535; try: lab show x"
    assert error.exit_code == ExitCode.USAGE


@given(st.text(), st.text(), st.text())
def test_a_line_never_holds_a_newline(seen, wanted, next_step):
    line = LabError(seen, wanted=wanted, next_step=next_step).line()
    assert len(line.splitlines()) <= 1


def test_suggest_names_the_nearest():
    assert suggest("deadlok", ["deadlock", "race"]) == "did you mean 'deadlock'?"


def test_suggest_lists_all_when_nothing_is_near():
    assert suggest("zzz", ["b", "a"]) == "one of a, b"
    assert suggest("zzz", []) == "(none is known)"
