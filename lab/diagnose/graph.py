"""Cycles of a directed graph, each found once."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping


def cycles[T: Hashable](edges: Mapping[T, Iterable[T]]) -> list[tuple[T, ...]]:
    """Return one shortest cycle for every strongly connected part of a graph that has one.

    ``edges`` maps a node to those it waits for. A cycle is given in waiting order and begins with
    the node that comes first in ``edges``. Parts are found as by Tarjan (SIAM J. Comput. 1(2),
    1972), here by reachability, which is simple and fast enough for hundreds of threads.
    """
    found: list[tuple[T, ...]] = []
    used: set[T] = set()
    for node in edges:
        if node not in used and (cycle := _shortest(edges, node)):
            found.append(cycle)
            used |= _part(edges, node)
    return found


def _shortest[T: Hashable](edges: Mapping[T, Iterable[T]], start: T) -> tuple[T, ...]:
    """Return the shortest way from ``start`` back to itself, by breadth-first search."""
    ways: dict[T, tuple[T, ...]] = {}
    pending: list[tuple[T, ...]] = [(start,)]
    while pending:
        way = pending.pop(0)
        for target in edges.get(way[-1], ()):
            if target == start:
                return way
            if target not in ways:
                ways[target] = (*way, target)
                pending.append(ways[target])
    return ()


def _reach[T: Hashable](edges: Mapping[T, Iterable[T]], start: T) -> set[T]:
    seen: set[T] = set()
    pending = list(edges.get(start, ()))
    while pending:
        node = pending.pop()
        if node not in seen:
            seen.add(node)
            pending += edges.get(node, ())
    return seen


def _part[T: Hashable](edges: Mapping[T, Iterable[T]], node: T) -> set[T]:
    return {other for other in _reach(edges, node) if node in _reach(edges, other)} | {node}
