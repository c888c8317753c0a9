"""What the page leaves out, and that it says so."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lab.model import Check, Diagnosis
from lab.report.graph_layout import lay_out
from lab.report.shown import GAP, condense, cut, cut_checks
from tests.unit.report.strategies import any_diagnosis, rings


@given(st.lists(st.integers()), st.integers(0, 9))
def test_what_is_cut_is_counted(rows: list[int], most: int) -> None:
    shown = cut(rows, most)
    assert len(shown.rows) + shown.left_out == len(rows)
    assert list(shown.rows) == rows[:most]


def test_too_many_checks_keep_those_that_did_not_pass() -> None:
    checks = [Check(name=str(n), passed=n != 7, seen="", wanted="") for n in range(9)]
    assert [check.name for check in cut_checks(checks, 2).rows] == ["7", "0"]
    assert [check.name for check in cut_checks(checks, 9).rows] == [str(n) for n in range(9)]


@given(rings(), st.integers(3, 8))
def test_a_long_cycle_still_closes(diagnosis: Diagnosis, most: int) -> None:
    small = condense(diagnosis, most)
    size = len(diagnosis.cycles[0])
    (cycle,) = small.cycles
    assert len(cycle) == min(size, most)
    if size > most:
        assert cycle[-1] == GAP
        label = next(actor.label for actor in small.actors if actor.id == GAP)
        assert label == f"… and {size - most + 1} more"
    looped = [arrow for arrow in lay_out(small).arrows if arrow.in_cycle]
    assert len(looped) == 2 * len(cycle)


@given(any_diagnosis(), st.integers(3, 6))
def test_anything_can_be_condensed_and_drawn(diagnosis: Diagnosis, most: int) -> None:
    small = condense(diagnosis, most)
    lay_out(small)
    assert len(small.edges) <= 2 * most
    assert set(small.edges) <= set(diagnosis.edges) or GAP in {a.id for a in small.actors}
