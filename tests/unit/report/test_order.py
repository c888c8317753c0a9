"""The order in which a reader meets the waits: the same for every variant with the same fault."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from lab.model import Diagnosis
from lab.report import order
from tests.unit.report import runs
from tests.unit.report.strategies import any_diagnosis


@given(st.permutations(range(3)), st.integers(0, 1))
def test_however_it_was_written_down_it_reads_the_same(mix: list[int], turn: int) -> None:
    plain = runs.diagnosis(runs.THREADS)
    ring = plain.cycles[0]
    mixed = msgspec.structs.replace(
        plain,
        edges=tuple(plain.edges[i] for i in mix),
        story=tuple(plain.story[i] for i in mix),
        resources=tuple(plain.resources[i] for i in mix),
        cycles=(ring[turn:] + ring[:turn],),
    )
    assert order.edges(mixed) == list(plain.edges)
    assert order.story(mixed) == list(plain.story)
    assert order.tags_of(mixed) == {"lock-a": "A", "lock-b": "B", "join-1": "C"}


@given(any_diagnosis())
def test_nothing_is_lost(diagnosis: Diagnosis) -> None:
    assert all(edge in order.edges(diagnosis) for edge in diagnosis.edges)
    assert sorted(order.story(diagnosis)) == sorted(diagnosis.story)
    tags = order.tags_of(diagnosis)
    assert set(tags) == {resource.id for resource in diagnosis.resources}
    assert len(set(tags.values())) == len(tags)


def test_letters_go_on_after_z() -> None:
    resources = tuple(
        msgspec.structs.replace(runs.diagnosis(runs.THREADS).resources[0], id=str(n))
        for n in range(28)
    )
    diagnosis = msgspec.structs.replace(
        runs.diagnosis(runs.THREADS), resources=resources, edges=(), cycles=()
    )
    assert list(order.tags_of(diagnosis).values())[-3:] == ["Z", "AA", "AB"]
