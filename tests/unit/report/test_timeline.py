"""The timeline: a lane for each thread, moments in order, a scale that is honest."""

from __future__ import annotations

import itertools
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.model import Event
from lab.report.columns import columns_of
from lab.report.scale import Scale, Span, round_times, shared_scale
from lab.report.timeline import Moment, Timeline, timeline
from lab.report.timeline_svg import (
    APART,
    LEFT,
    RIGHT,
    WIDTH,
    draw_timeline,
    page_scale,
    spread_out,
)
from tests.unit.report import runs
from tests.unit.report.structure import structure

times = st.floats(-200.0, 2000.0, allow_nan=False)
spans = st.builds(
    lambda before, end, focus: Span(-before, end, focus and focus * end),
    st.floats(0.0, 100.0),
    st.floats(0.0, 1000.0),
    st.none() | st.floats(0.001, 1.0),
)
scales = st.lists(spans, max_size=3).map(lambda all_: shared_scale(all_, LEFT, WIDTH - RIGHT))


def of_deadlock(tmp_path: Path) -> Timeline:
    return timeline(columns_of(runs.deadlock_run(tmp_path))[0])


def test_there_is_a_lane_for_each_thread_under_its_name(tmp_path: Path) -> None:
    shown = of_deadlock(tmp_path)
    assert [lane.label for lane in shown.lanes] == ["main", "worker-1", "worker-2"]
    assert shown.lanes[1].note == (
        f"holds B since deadlock.py:{runs.HOLDS}, waits for A at deadlock.py:{runs.WANTS}"
    )
    ran, blocked = shown.lanes[1].bars
    assert (ran.start_s, ran.end_s, blocked.start_s) == pytest.approx((0.006, 0.009, 0.009))
    assert blocked.end_s == pytest.approx(0.608), "blocked until the clean-up"


def test_the_moments_come_in_order_and_name_the_proof(tmp_path: Path) -> None:
    shown = of_deadlock(tmp_path)
    at = [moment.at_s for moment in shown.moments]
    assert at == sorted(at)
    texts = [moment.text for moment in shown.moments]
    assert any(text.startswith("the deadlock is proved") for text in texts)
    assert "the last progress of any thread" in texts
    assert "2 captures taken" in texts
    assert "worker-1 was killed alone; the program then: deadlocked" in texts
    assert "3 processes left, killed and reaped" in texts
    assert [phase.name for phase in shown.phases][:2] == ["starting", "watching"]


def test_an_unknown_event_is_shown_under_its_own_name(tmp_path: Path) -> None:
    odd = Event(at_s=1.0, kind="moon rose", trial="threads-1", trial_s=0.5, detail={"x_s": 0.25})
    record = runs.write(tmp_path, [runs.deadlocked(runs.THREADS)], extra_events=(odd,))
    shown = timeline(columns_of(record)[0])
    assert ("moon rose: x 250 ms", pytest.approx(0.448)) in [
        (m.text, m.at_s) for m in shown.moments
    ]


def test_without_a_watchdog_the_processes_have_the_lanes(tmp_path: Path) -> None:
    trial = runs.deadlocked(runs.FORK)
    outcome = msgspec.structs.replace(trial.outcome, proof=None)
    trial = msgspec.structs.replace(trial, outcome=outcome, diagnosis=None)
    record = runs.write(tmp_path, [trial], runs.header(variants=(runs.FORK,)))
    shown = timeline(columns_of(record)[0])
    assert [lane.label for lane in shown.lanes] == ["main", "worker-1", "worker-2"]
    assert {bar.kind for lane in shown.lanes for bar in lane.bars} == {"alive"}


@given(scales, times, times)
def test_later_is_never_drawn_further_left(scale: Scale, one: float, other: float) -> None:
    early, late = sorted((one, other))
    assert LEFT <= scale.x(early) <= scale.x(late) <= WIDTH - RIGHT + 1e-6


@given(scales)
def test_ticks_lie_on_the_axis_and_apart(scale: Scale) -> None:
    ticks = scale.ticks()
    assert 1 <= len(ticks) <= 14
    assert 0.0 in ticks
    places = [scale.x(tick) for tick in ticks]
    assert places == sorted(places)
    assert all(after - before > 50 for before, after in itertools.pairwise(places))


@given(scales, st.lists(times, max_size=60))
def test_bubbles_keep_their_order_and_do_not_touch(scale: Scale, at: list[float]) -> None:
    moments = [Moment(seconds, "") for seconds in sorted(at)]
    places = spread_out(moments, scale)
    room = (WIDTH - LEFT - RIGHT) / max(1, len(moments) - 1)
    apart = min(APART, room) - 1e-6
    assert all(after - before >= apart for before, after in itertools.pairwise(places))
    assert all(LEFT - 1e-6 <= place <= WIDTH - RIGHT + 1e-6 for place in places)


def test_one_scale_for_all_variants(tmp_path: Path) -> None:
    shown = [timeline(column) for column in columns_of(runs.deadlock_run(tmp_path))]
    scale = page_scale(shown)
    assert [at for at, _ in scale.knots] == pytest.approx([-0.052, 0, 0.06 * 1.3, 0.658])
    assert scale.x(0.06) - scale.x(0.0) > 250, "what matters has room"
    assert len(page_scale([]).knots) == 2


def test_round_times() -> None:
    assert round_times(0.0, 0.1, 5) == pytest.approx([0.0, 0.02, 0.04, 0.06, 0.08, 0.1])
    assert round_times(-0.2, 0.0, 2) == pytest.approx([-0.2, -0.1, 0.0])


def test_the_drawing_says_in_words_what_it_shows(tmp_path: Path) -> None:
    shown = of_deadlock(tmp_path)
    drawing = structure(draw_timeline(shown, page_scale([shown]), "t", "Timeline"))
    text = " ".join(drawing.text)
    assert all(lane.note in text for lane in shown.lanes)
    assert all(moment.text in text for moment in shown.moments)
