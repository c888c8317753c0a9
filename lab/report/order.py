"""The order in which a reader meets the waits of a diagnosis, and the letters of its resources.

First around each cycle, beginning with the name that sorts first, then everybody else by name: so
that two variants with the same fault read the same.
"""

from __future__ import annotations

from collections.abc import Iterable

from lab.model import Diagnosis, Edge
from lab.report.words import natural


def labels_of(diagnosis: Diagnosis) -> dict[str, str]:
    """Return ``{actor id: the name that people know it by}``."""
    return {actor.id: actor.label for actor in diagnosis.actors}


def cycles(diagnosis: Diagnosis) -> list[tuple[str, ...]]:
    """Return the cycles as actor ids in waiting order, each turned to begin with its first name."""
    labels = labels_of(diagnosis)
    turned = []
    for cycle in diagnosis.cycles:
        keys = [natural(labels.get(actor, actor)) for actor in cycle]
        start = keys.index(min(keys)) if keys else 0
        turned.append(cycle[start:] + cycle[:start])
    return turned


def around(cycle: Iterable[str], diagnosis: Diagnosis) -> list[Edge]:
    """Return the edges of a cycle in waiting order; nothing when one of them is missing."""
    ring = list(cycle)
    found = []
    for waiter, holder in zip(ring, ring[1:] + ring[:1], strict=True):
        pair = (waiter, holder)
        edge = next((e for e in diagnosis.edges if (e.waiter, e.holder) == pair), None)
        if edge is None:
            return []
        found.append(edge)
    return found


def edges(diagnosis: Diagnosis) -> list[Edge]:
    """Return all the edges, those of cycles first."""
    labels = labels_of(diagnosis)
    rings = [edge for cycle in cycles(diagnosis) for edge in around(cycle, diagnosis)]
    rest = [edge for edge in diagnosis.edges if edge not in rings]
    rest.sort(key=lambda edge: natural(labels.get(edge.waiter, edge.waiter)))
    return rings + rest


def story(diagnosis: Diagnosis) -> list[str]:
    """Return the sentences in the order of :func:`edges`, where there is one for each edge."""
    if len(diagnosis.story) != len(diagnosis.edges):
        return list(diagnosis.story)
    pairs = list(zip(diagnosis.edges, diagnosis.story, strict=True))
    told = [text for edge in edges(diagnosis) for other, text in pairs if other is edge]
    return told if len(told) == len(pairs) else list(diagnosis.story)


def tags_of(diagnosis: Diagnosis) -> dict[str, str]:
    """Return ``{resource id: "A"}``: a letter for each, since two may have the same name."""
    known = {resource.id for resource in diagnosis.resources}
    wanted = [edge.resource for edge in edges(diagnosis) if edge.resource in known]
    ordered = dict.fromkeys([*wanted, *(resource.id for resource in diagnosis.resources)])
    return {id_: _letters(index) for index, id_ in enumerate(ordered)}


def _letters(index: int) -> str:
    """Return A to Z, then AA, AB..."""
    before, last = divmod(index, 26)
    return (_letters(before - 1) if before else "") + chr(ord("A") + last)
