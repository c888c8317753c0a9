"""The wait-for graph as an accessible drawing: who waits for what, and who holds it.

What a colour says is also said by a shape, a dash pattern or a word.
"""

from __future__ import annotations

from markupsafe import Markup

from lab.model import Diagnosis, Evidence
from lab.report import order
from lab.report.graph_layout import BOX_HEIGHT, BOX_WIDTH, LABEL, Arrow, Box, lay_out
from lab.report.svg import element, path, picture
from lab.report.words import EVIDENCE, shorten

_SAID = 8
"""How many waits the text alternative tells; all of them are in the table beside it."""
_FITS = (16, 20, 19)
"""How many characters of each line of a box fit into it."""


def draw_graph(diagnosis: Diagnosis, name: str, title: str) -> Markup:
    """Return the drawing; ``name`` makes its ids unique on the page.

    Its text alternative is the diagnosis' own story, or its headline when it has none.
    """
    layout = lay_out(diagnosis)
    told = order.story(diagnosis)
    more = [f"And {len(told) - _SAID} more waits."] if len(told) > _SAID else []
    said = " ".join([*told[:_SAID], *more]) or diagnosis.headline
    return picture(
        name,
        title,
        said.replace("`", ""),
        layout.width,
        layout.height,
        element("defs", *(_head(name, role) for role in ("waits", "held"))),
        *(_line(arrow, name) for arrow in layout.arrows),
        *(_box(box) for box in layout.boxes),
        *(_label(arrow) for arrow in layout.arrows),
    )


def grades(diagnosis: Diagnosis) -> list[tuple[Evidence, str, str, Markup]]:
    """Return (grade, name, meaning, a sample of its line) for each grade that the graph uses."""
    used = {edge.evidence for edge in diagnosis.edges}
    return [(grade, *EVIDENCE[grade], _sample(grade)) for grade in Evidence if grade in used]


def _sample(grade: Evidence) -> Markup:
    stroke = element("path", d="M1,5L43,5", class_=f"arrow evidence-{grade}")
    return element("svg", stroke, class_="sample", aria_hidden="true", width=44, height=10)


def _head(name: str, role: str) -> Markup:
    shape = element("path", d="M0,0L9,4.5L0,9z", class_=f"head {role}")
    return element(
        "marker",
        shape,
        id=f"{name}-{role}",
        markerWidth=9,
        markerHeight=9,
        refX=8.5,
        refY=4.5,
        orient="auto",
        markerUnits="userSpaceOnUse",
    )


def _line(arrow: Arrow, name: str) -> Markup:
    loop = " cycle" if arrow.in_cycle else ""
    return element(
        "path",
        d=path(arrow.points, radius=8),
        class_=f"arrow {arrow.role} evidence-{arrow.evidence}{loop}",
        marker_end=f"url(#{name}-{arrow.role})",
    )


def _label(arrow: Arrow) -> Markup:
    x, y = arrow.label_at
    lines = (
        element(
            "tspan",
            shorten(line, LABEL),
            x=x,
            y=y + 14 * index,
            class_="spot" if ":" in line else None,
        )
        for index, line in enumerate(arrow.label)
    )
    return element("text", *lines, class_="label", text_anchor=arrow.anchor)


def _box(box: Box) -> Markup:
    corner = BOX_HEIGHT / 2 if box.kind == "actor" else 4
    shape = element(
        "rect", x=box.x, y=box.y, width=BOX_WIDTH, height=BOX_HEIGHT, rx=corner, class_="box"
    )
    x, y = box.middle
    top = y + 5 - 8 * (len(box.lines) - 1)
    lines = (
        element(
            "text",
            shorten(line, width),
            x=x,
            y=top + 16 * index,
            text_anchor="middle",
            class_="name" if index == 0 else "detail",
        )
        for index, (line, width) in enumerate(zip(box.lines, _FITS, strict=False))
    )
    loop = " cycle" if box.in_cycle else ""
    return element("g", shape, *lines, *_extras(box), class_=f"node {box.kind}{loop}")


def _extras(box: Box) -> list[Markup]:
    """Return the letter of a resource, and the note under it."""
    x, y = box.middle
    below = y + BOX_HEIGHT / 2 + 16
    extras = [
        element("text", line, x=x, y=below + 14 * index, text_anchor="middle", class_="note")
        for index, line in enumerate(box.note)
    ]
    if box.tag:
        extras += [
            element("circle", cx=box.x, cy=box.y, r=11, class_="tag"),
            element("text", box.tag, x=box.x, y=box.y + 4, text_anchor="middle", class_="letter"),
        ]
    return extras
