"""Cycles: found where there are some, and only there."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from lab.diagnose.graph import cycles

graphs = st.dictionaries(st.integers(0, 9), st.lists(st.integers(0, 9), max_size=4), max_size=10)


def _reaches(graph: dict[int, list[int]], start: int, goal: int) -> bool:
    seen: set[int] = set()
    pending = list(graph.get(start, []))
    while pending:
        node = pending.pop()
        if node not in seen:
            seen.add(node)
            pending += graph.get(node, [])
    return goal in seen


@settings(deadline=None)  # the machine may be busy
@given(graphs)
def test_what_is_found_is_a_cycle(graph: dict[int, list[int]]) -> None:
    for cycle in cycles(graph):
        assert len(set(cycle)) == len(cycle)
        for here, there in zip(cycle, (*cycle[1:], cycle[0]), strict=True):
            assert there in graph[here]


@settings(deadline=None)  # the machine may be busy
@given(graphs)
def test_every_knot_has_one_cycle(graph: dict[int, list[int]]) -> None:
    found = cycles(graph)
    on_cycles = {node for node in graph if _reaches(graph, node, node)}
    for node in on_cycles:
        same = [c for c in found if _reaches(graph, node, c[0]) and _reaches(graph, c[0], node)]
        assert len(same) == 1
    assert bool(found) == bool(on_cycles)


@settings(deadline=None)  # the machine may be busy
@given(st.permutations(range(8)))
def test_a_ring_is_one_cycle_of_all(order: list[int]) -> None:
    ring = dict(zip(order, [[n] for n in (*order[1:], order[0])], strict=True))
    (cycle,) = cycles(ring)
    assert cycle == tuple(order)


def test_the_shortest_cycle_of_a_knot_is_given() -> None:
    assert cycles({"a": ["b", "c"], "b": ["c"], "c": ["a"]}) == [("a", "c")]


def test_no_cycle() -> None:
    assert cycles({"a": ["b"], "b": ["c"]}) == []
    assert cycles({}) == []


def test_a_self_loop() -> None:
    assert cycles({"a": ["a"]}) == [("a",)]
