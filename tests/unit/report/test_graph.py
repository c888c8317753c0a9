"""The wait-for graph: everything is drawn, nothing overlaps, arrows begin and end at boxes."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given

from lab.model import Diagnosis, Evidence
from lab.report.graph_layout import (
    BOX_HEIGHT,
    BOX_WIDTH,
    CHARACTER,
    LABEL,
    Box,
    Layout,
    lay_out,
    short_identity,
)
from lab.report.graph_svg import draw_graph, grades
from lab.scenario import Variant
from tests.unit.report import runs
from tests.unit.report.strategies import any_diagnosis, rings
from tests.unit.report.structure import structure


def overlap(one: Box, other: Box) -> bool:
    return abs(one.x - other.x) < BOX_WIDTH and abs(one.y - other.y) < BOX_HEIGHT


def on_border(box: Box, point: tuple[float, float]) -> bool:
    x, y = point[0] - box.x, point[1] - box.y
    inside = -0.01 <= x <= BOX_WIDTH + 0.01 and -0.01 <= y <= BOX_HEIGHT + 0.01
    edge = min(abs(x), abs(y), abs(x - BOX_WIDTH), abs(y - BOX_HEIGHT))
    return inside and edge < 0.01


def check(layout: Layout, diagnosis: Diagnosis) -> None:
    ids = [box.id for box in layout.boxes]
    assert len(ids) == len(set(ids))
    wanted = {f"actor:{actor.id}" for actor in diagnosis.actors}
    wanted |= {f"resource:{resource.id}" for resource in diagnosis.resources}
    wanted |= {f"resource:{edge.resource}" for edge in diagnosis.edges}
    wanted |= {f"actor:{edge.waiter}" for edge in diagnosis.edges}
    wanted |= {f"actor:{edge.holder}" for edge in diagnosis.edges if edge.holder is not None}
    assert set(ids) == wanted
    assert not any(overlap(*pair) for pair in itertools.combinations(layout.boxes, 2))
    for arrow in layout.arrows:
        assert any(on_border(box, arrow.points[0]) for box in layout.boxes)
        assert any(on_border(box, arrow.points[-1]) for box in layout.boxes)
        assert all(0 <= x <= layout.width and 0 <= y <= layout.height for x, y in arrow.points)
        if arrow.anchor == "start":
            longest = min(LABEL, max(map(len, arrow.label)))
            assert arrow.label_at[0] + CHARACTER * longest <= layout.width
    for box in layout.boxes:
        assert box.x >= 0
        assert box.x + BOX_WIDTH <= layout.width
        for line in box.note:
            assert box.middle[0] - CHARACTER * len(line) / 2 >= 0
            assert box.middle[0] + CHARACTER * len(line) / 2 <= layout.width
        assert box.y >= 0
        assert box.y + BOX_HEIGHT <= layout.height


@given(any_diagnosis())
def test_any_diagnosis_is_drawn_whole(diagnosis: Diagnosis) -> None:
    layout = lay_out(diagnosis)
    check(layout, diagnosis)
    waits = {(edge.waiter, edge.resource) for edge in diagnosis.edges}
    holds = {(edge.resource, edge.holder) for edge in diagnosis.edges if edge.holder is not None}
    assert sum(arrow.role == "waits" for arrow in layout.arrows) == len(waits)
    assert sum(arrow.role == "held" for arrow in layout.arrows) == len(holds)


@given(rings())
def test_a_cycle_is_a_closed_loop_of_neighbours(diagnosis: Diagnosis) -> None:
    layout = lay_out(diagnosis)
    check(layout, diagnosis)
    size = len(diagnosis.cycles[0])
    looped = [arrow for arrow in layout.arrows if arrow.in_cycle]
    assert len(looped) == 2 * size
    assert all(len(arrow.points) == 2 for arrow in looped)
    assert sum(box.in_cycle for box in layout.boxes) == 2 * size


@pytest.mark.parametrize("variant", [runs.THREADS, runs.FORK])
def test_the_deadlock_is_a_square_with_main_below(variant: Variant) -> None:
    layout = lay_out(runs.diagnosis(variant))
    boxes = {box.lines[0]: box for box in layout.boxes}
    assert len(layout.boxes) == 6
    assert boxes["worker-1"].x < boxes["worker-2"].x
    assert boxes["worker-1"].y < boxes["worker-2"].y
    assert boxes["main"].y > boxes["worker-2"].y


def test_identities_are_cut_to_what_tells_them_apart() -> None:
    assert short_identity("futex 0x55fd578cfe50 of process 724") == "0x55fd578cfe50"
    assert short_identity("offset 0x0 of shared mapping, inode 1184") == "inode 1184"
    assert short_identity("pipe:[7]") == "pipe:[7]"


def test_the_drawing_says_in_words_what_it_shows() -> None:
    diagnosis = runs.diagnosis(runs.THREADS)
    drawing = structure(draw_graph(diagnosis, "g", "Wait-for graph, threads"))
    text = " ".join(drawing.text)
    assert "Wait-for graph, threads" in text
    assert all(sentence in text for sentence in diagnosis.story)
    assert f"deadlock.py:{runs.WANTS}" in text
    assert f"deadlock.py:{runs.HOLDS}" in text
    assert ("svg", "role", "img") in drawing.values
    assert ("svg", "aria-describedby", "g-desc") in drawing.values


@pytest.mark.parametrize("evidence", list(Evidence))
def test_the_grade_shows_as_a_pattern_and_a_word(evidence: Evidence) -> None:
    diagnosis = runs.diagnosis(runs.THREADS, evidence)
    drawing = draw_graph(diagnosis, "g", "graph")
    assert f"evidence-{evidence}" in drawing
    assert evidence in [grade for grade, *_ in grades(diagnosis)]


def test_two_drawings_share_no_id() -> None:
    diagnosis = runs.diagnosis(runs.THREADS)
    ids = [structure(draw_graph(diagnosis, name, "graph")).all("id") for name in ("one", "two")]
    assert not set(ids[0]) & set(ids[1])


@given(any_diagnosis())
def test_no_text_changes_what_the_drawing_is_made_of(diagnosis: Diagnosis) -> None:
    allowed = {"svg", "title", "desc", "defs", "marker", "path", "g", "rect", "text", "tspan"}
    drawing = structure(draw_graph(diagnosis, "g", "graph"))
    assert {tag for tag, _ in drawing.elements} <= allowed | {"circle"}
    assert not [name for _, name, _ in drawing.values if name.startswith("on")]
