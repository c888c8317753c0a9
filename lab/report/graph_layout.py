"""Where the boxes and arrows of a wait-for graph go.

Pure arithmetic, no drawing. Boxes sit on a grid of two columns. A cycle runs clockwise around the
grid: down the right column and up the left one, so that it is a closed loop to the eye as well.
Whoever is not in a cycle gets a row below, and an arrow that is not between neighbours runs along
a lane in the margin; all the arrows to one box share its lane.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lab.model import Actor, Diagnosis, Edge, Evidence
from lab.report import order
from lab.report.words import EVIDENCE, NO_HOLDERS, depends, place

BOX_WIDTH, BOX_HEIGHT = 132.0, 62.0
GAP_X, GAP_Y = 136.0, 64.0
MARGIN, LANE = 12.0, 14.0
LABEL, CHARACTER = 17, 7.0
"""The most characters of a line of a label, and how wide one is at most."""

type Cell = tuple[int, int]
"""(column, row) on the grid; column 0 is the left one."""


@dataclass(frozen=True)
class Box:
    """An actor or a resource, with its upper left corner."""

    id: str
    kind: str
    """``actor`` or ``resource``."""
    lines: tuple[str, ...]
    tag: str
    note: tuple[str, ...]
    """What is said under the box, in lines: that no live holder exists, and why."""
    in_cycle: bool
    x: float
    y: float

    @property
    def middle(self) -> tuple[float, float]:
        """The centre of the box."""
        return (self.x + BOX_WIDTH / 2, self.y + BOX_HEIGHT / 2)


@dataclass(frozen=True)
class Arrow:
    """A wait (actor to resource) or a hold (resource to its holder)."""

    role: str
    """``waits`` or ``held``."""
    points: tuple[tuple[float, float], ...]
    label: tuple[str, ...]
    label_at: tuple[float, float]
    """The baseline of the label's first line."""
    anchor: str
    evidence: Evidence
    in_cycle: bool


@dataclass(frozen=True)
class Layout:
    """A whole drawing."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    width: float
    height: float


@dataclass(frozen=True)
class _Link:
    """One arrow before it has a place."""

    role: str
    source: str
    target: str
    label: tuple[str, ...]
    evidence: Evidence


@dataclass
class _Grid:
    """Who sits where, while the layout is being made."""

    cells: dict[str, Cell] = field(default_factory=dict)
    rows: int = 0
    cycle: set[tuple[str, str]] = field(default_factory=set)
    """The links (source, target) that belong to a cycle."""
    left: list[str] = field(default_factory=list)
    right: list[str] = field(default_factory=list)
    """The boxes that have a lane in the left and in the right margin."""

    def put(self, name: str, cell: Cell) -> None:
        self.cells.setdefault(name, cell)
        self.rows = max(self.rows, cell[1] + 1)

    def corner(self, cell: Cell) -> tuple[float, float]:
        x = MARGIN + LANE * len(self.left) + cell[0] * (BOX_WIDTH + GAP_X)
        return (x, 2 * MARGIN + cell[1] * (BOX_HEIGHT + GAP_Y))

    def middle(self, name: str) -> tuple[float, float]:
        x, y = self.corner(self.cells[name])
        return (x + BOX_WIDTH / 2, y + BOX_HEIGHT / 2)

    @property
    def width(self) -> float:
        return 2 * (MARGIN + BOX_WIDTH) + GAP_X + LANE * (len(self.left) + len(self.right))


def lay_out(diagnosis: Diagnosis) -> Layout:
    """Return the drawing of a diagnosis; every actor, resource and edge of it is in it."""
    links = list(_links(diagnosis))
    grid = _Grid()
    for cycle in order.cycles(diagnosis):
        _place_cycle(grid, order.around(cycle, diagnosis))
    _place_rest(grid, diagnosis)
    _give_lanes(grid, links)
    boxes = tuple(_boxes(grid, diagnosis))
    arrows = tuple(_arrow(grid, link) for link in links)
    height = 3 * MARGIN + grid.rows * (BOX_HEIGHT + GAP_Y) - GAP_Y
    if any(box.note for box in boxes) or any(_is_routed(grid, link) for link in links):
        height += GAP_Y
    ends = (*map(_right_end, arrows), *map(_note_end, boxes))
    width = max((grid.width, *ends))
    return Layout(boxes=boxes, arrows=arrows, width=width, height=height)


def _right_end(arrow: Arrow) -> float:
    """Return how far to the right the label of an arrow reaches, where it begins at its place."""
    if arrow.anchor != "start":
        return 0.0
    return arrow.label_at[0] + CHARACTER * min(LABEL, max(map(len, arrow.label), default=0))


def _note_end(box: Box) -> float:
    """Return how far to the right the note under a box reaches."""
    return box.middle[0] + CHARACTER * max(map(len, box.note), default=0) / 2


def _links(diagnosis: Diagnosis) -> Iterator[_Link]:
    """Yield every arrow once: several may wait for a thing, and it is still held once."""
    seen: set[tuple[str, str]] = set()
    kinds = {resource.id: resource.kind for resource in diagnosis.resources}
    for edge in order.edges(diagnosis):
        for link in _links_of(edge, kinds.get(edge.resource, "")):
            if (link.source, link.target) not in seen:
                seen.add((link.source, link.target))
                yield link


def _links_of(edge: Edge, kind: str) -> Iterator[_Link]:
    waiter, resource = f"actor:{edge.waiter}", f"resource:{edge.resource}"
    label = ("waits at", place(edge.at)) if edge.at.file else ("waits",)
    yield _Link("waits", waiter, resource, label, edge.evidence)
    if edge.holder is not None:
        known = edge.held_at is not None and edge.held_at.file
        since = ("held since", place(edge.held_at)) if known else (depends(edge, kind),)
        grade = f"({EVIDENCE[edge.evidence][0]})"
        yield _Link("held", resource, f"actor:{edge.holder}", (*since, grade), edge.evidence)


def _place_cycle(grid: _Grid, ring: list[Edge]) -> None:
    """Put a cycle on rows of its own, unless some of it is already in another cycle."""
    names = [f"{kind}:{id_}" for e in ring for kind, id_ in _ends(e)]
    if not names or len(set(names)) < len(names) or any(name in grid.cells for name in names):
        return
    first, half = grid.rows, len(names) // 2
    for index, name in enumerate(names):
        on_right = 1 <= index <= half
        row = index - 1 if on_right else (len(names) - index) % len(names)
        grid.put(name, (1 if on_right else 0, first + row))
    grid.cycle.update(zip(names, names[1:] + names[:1], strict=True))


def _ends(edge: Edge) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("actor", edge.waiter), ("resource", edge.resource)


def _place_rest(grid: _Grid, diagnosis: Diagnosis) -> None:
    """Give a row to every actor outside the cycles, with what it waits for beside it."""
    wanted = {edge.waiter: f"resource:{edge.resource}" for edge in reversed(diagnosis.edges)}
    edges = order.edges(diagnosis)
    actors = [edge.waiter for edge in edges] + [actor.id for actor in diagnosis.actors]
    actors += [edge.holder for edge in edges if edge.holder is not None]
    for actor in dict.fromkeys(actors):
        if f"actor:{actor}" in grid.cells:
            continue
        row = grid.rows
        grid.put(f"actor:{actor}", (0, row))
        if actor in wanted and wanted[actor] not in grid.cells:
            grid.put(wanted[actor], (1, row))
    resources = [resource.id for resource in diagnosis.resources]
    for resource in resources + [edge.resource for edge in diagnosis.edges]:
        if f"resource:{resource}" not in grid.cells:
            grid.put(f"resource:{resource}", (1, grid.rows))


def _give_lanes(grid: _Grid, links: list[_Link]) -> None:
    for link in links:
        side = grid.right if grid.cells[link.target][0] else grid.left
        if _is_routed(grid, link) and link.target not in side:
            side.append(link.target)


def _is_routed(grid: _Grid, link: _Link) -> bool:
    """Whether an arrow takes a lane: it is not one of a cycle, nor between boxes of one row."""
    if (link.source, link.target) in grid.cycle:
        return False
    source, target = grid.cells[link.source], grid.cells[link.target]
    return not (link.role == "waits" and source[1] == target[1])


def _boxes(grid: _Grid, diagnosis: Diagnosis) -> Iterator[Box]:
    actors = {f"actor:{actor.id}": actor for actor in diagnosis.actors}
    resources = {f"resource:{resource.id}": resource for resource in diagnosis.resources}
    tags, notes = order.tags_of(diagnosis), _notes(diagnosis)
    looped = {name for link in grid.cycle for name in link}
    for name, cell in grid.cells.items():
        kind, _, key = name.partition(":")
        lines: tuple[str, ...]
        if name in actors:
            lines = _actor_lines(actors[name])
        elif name in resources:
            found = resources[name]
            lines = (
                found.name or found.kind,
                found.kind if found.name else "",
                short_identity(found.identity),
            )
        else:
            lines = (key,)
        x, y = grid.corner(cell)
        tag, note = (tags.get(key, ""), notes.get(name, ())) if kind == "resource" else ("", ())
        yield Box(name, kind, lines, tag, note, name in looped, x, y)


def _actor_lines(actor: Actor) -> tuple[str, ...]:
    if not actor.pid:
        return (actor.label,)
    own = f"thread {actor.tid}" if actor.tid else "task of asyncio"
    return (actor.label, f"process {actor.pid}", own)


def short_identity(text: str) -> str:
    """Return the part of an identity that tells it from others: an inode, or an address."""
    inode, address = re.search(r"inode \d+", text), re.search(r"0x[0-9a-fA-F]+", text)
    found = inode or address
    return found[0] if found else text


def _notes(diagnosis: Diagnosis) -> dict[str, tuple[str, ...]]:
    notes: dict[str, tuple[str, ...]] = {}
    for edge in diagnosis.edges:
        if edge.no_holder is not None:
            notes[f"resource:{edge.resource}"] = ("no live holder:", NO_HOLDERS[edge.no_holder])
        elif edge.holder is None:
            notes[f"resource:{edge.resource}"] = ("holder unknown",)
    return notes


def _arrow(grid: _Grid, link: _Link) -> Arrow:
    looped = (link.source, link.target) in grid.cycle
    if _is_routed(grid, link):
        points, label_at, anchor = _along_lane(grid, link)
    elif grid.cells[link.source][1] == grid.cells[link.target][1]:
        points, label_at, anchor = _across(grid, link)
    else:
        points, label_at, anchor = _down(grid, link)
    return Arrow(link.role, points, link.label, label_at, anchor, link.evidence, looped)


type _Placed = tuple[tuple[tuple[float, float], ...], tuple[float, float], str]


def _across(grid: _Grid, link: _Link) -> _Placed:
    """Between the two boxes of a row; a loop of two needs both ways, one above the other."""
    (x1, y), (x2, _) = grid.middle(link.source), grid.middle(link.target)
    both = (link.target, link.source) in grid.cycle
    shift = (-14.0 if link.role == "waits" else 14.0) if both else 0.0
    edge = BOX_WIDTH / 2 if x2 > x1 else -BOX_WIDTH / 2
    below = both and link.role == "held"
    label_y = y + shift + (17 if below else 4 - 14 * len(link.label))
    points = ((x1 + edge, y + shift), (x2 - edge, y + shift))
    return points, ((x1 + x2) / 2, label_y + (0 if below else 4)), "middle"


def _down(grid: _Grid, link: _Link) -> _Placed:
    """Between neighbours in a column; the label is on the inner side."""
    (x, y1), (_, y2) = grid.middle(link.source), grid.middle(link.target)
    edge = BOX_HEIGHT / 2 if y2 > y1 else -BOX_HEIGHT / 2
    inward = -9.0 if grid.cells[link.source][0] else 9.0
    top = (y1 + y2) / 2 + 5 - 7 * (len(link.label) - 1)
    anchor = "end" if inward < 0 else "start"
    return ((x, y1 + edge), (x, y2 - edge)), (x + inward, top), anchor


def _along_lane(grid: _Grid, link: _Link) -> _Placed:
    """Out at the bottom, to the lane of the target, along it, and in at the target's side."""
    (x, y), (goal_x, goal_y) = grid.middle(link.source), grid.middle(link.target)
    on_right = bool(grid.cells[link.target][0])
    side = grid.right if on_right else grid.left
    index = side.index(link.target)
    reach = BOX_WIDTH / 2 + LANE * (index + 1)
    lane_x = goal_x + reach if on_right else goal_x - reach
    into_x = goal_x + (BOX_WIDTH / 2 if on_right else -BOX_WIDTH / 2)
    exit_x = x + (BOX_WIDTH / 4 if on_right else -BOX_WIDTH / 4)
    gutter = y + BOX_HEIGHT / 2 + 52 - 5 * (index % 3)
    points = (
        (exit_x, y + BOX_HEIGHT / 2),
        (exit_x, gutter),
        (lane_x, gutter),
        (lane_x, goal_y + 8),
        (into_x, goal_y + 8),
    )
    return points, (exit_x + 7, y + BOX_HEIGHT / 2 + 15), "start"
