"""How much of a long list the page shows: it stays small enough to attach, and says what it cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from lab.model import Actor, Check, Diagnosis
from lab.report import order

MOST_ROWS = 48
"""Rows of one kind on a page, shared out among its variants."""
MOST_DRAWN, MOST_TOLD = 16, 10
"""Waits in one drawing, and sentences in one story: a table holds the rest."""
GAP = "gap"
"""The id of the box that stands for those who are not drawn."""


@dataclass(frozen=True)
class Shown[T]:
    """The rows that are shown, and how many are not."""

    rows: tuple[T, ...]
    left_out: int = 0


def cut[T](rows: Sequence[T], most: int) -> Shown[T]:
    """Return the first ``most`` rows."""
    return Shown(tuple(rows[:most]), max(0, len(rows) - most))


def cut_checks(checks: Sequence[Check], most: int) -> Shown[Check]:
    """Return the checks in their order, or, if they are too many, what did not pass first."""
    if len(checks) > most:
        checks = sorted(checks, key=lambda check: check.passed is True)
    return cut(checks, most)


def condense(diagnosis: Diagnosis, most: int) -> Diagnosis:
    """Return a diagnosis small enough to draw: long cycles cut short, and at most ``most`` waits.

    A stretch of a long cycle becomes one actor that says for how many it stands, so that the cycle
    still closes. What is left out besides that is not in the graph.
    """
    for cycle in order.cycles(diagnosis):
        if len(cycle) > most:
            return _condense_cycle(diagnosis, cycle, most)
    edges = order.edges(diagnosis)[:most]
    if len(edges) == len(diagnosis.edges) and len(diagnosis.actors) <= 2 * most:
        return diagnosis
    return _only(diagnosis, edges, diagnosis.cycles)


def _condense_cycle(diagnosis: Diagnosis, cycle: tuple[str, ...], most: int) -> Diagnosis:
    ring = order.around(cycle, diagnosis)
    if not ring:
        return _only(diagnosis, order.edges(diagnosis)[:most], ())
    kept = cycle[: most - 1]
    first = ring[: most - 1]
    first[-1] = msgspec.structs.replace(first[-1], holder=GAP)
    last = msgspec.structs.replace(ring[-1], waiter=GAP)
    others = [edge for edge in order.edges(diagnosis) if edge not in ring][: most // 4]
    gap = Actor(id=GAP, label=f"… and {len(cycle) - len(kept)} more", pid=0, tid=0)
    small = _only(diagnosis, [*first, last, *others], ((*kept, GAP),))
    return msgspec.structs.replace(small, actors=(*small.actors, gap))


def _only(diagnosis: Diagnosis, edges: Sequence[object], cycles: object) -> Diagnosis:
    """Return the diagnosis with some of its edges, and only who and what they mention."""
    whole = msgspec.structs.replace(diagnosis, edges=tuple(edges), cycles=cycles)
    named = {name for edge in whole.edges for name in (edge.waiter, edge.holder)}
    wanted = {edge.resource for edge in whole.edges}
    return msgspec.structs.replace(
        whole,
        actors=tuple(actor for actor in diagnosis.actors if actor.id in named),
        resources=tuple(each for each in diagnosis.resources if each.id in wanted),
        cycles=tuple(cycle for cycle in whole.cycles if set(cycle) <= named),
    )
