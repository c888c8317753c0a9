"""Charts of memory, drawn by pygal and stripped to what the page needs.

pygal writes a script, a style sheet, fixed ids and links to its home page into every chart. All
of that is taken out: the page's own style sheet colours the charts, so that they follow dark mode
and two of them do not collide, and nothing is left that could make a request.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

import pygal
from markupsafe import Markup

from lab.model import Footprint
from lab.report.columns import Column
from lab.report.memory import tree_pss
from lab.report.words import MINUS, duration, mebibytes

PYGAL: Any = pygal
"""The library, which is not typed."""
_SVG = "{http://www.w3.org/2000/svg}"
_DROPPED = {"script", "style", "desc", "defs", "title"}
_DROPPED_CLASSES = {"tooltip-overlay", "background"}
DASHES = ("solid", "dashed", "dotted", "dash-dot")
"""How the style sheet draws the lines, in words: the legend says it too."""
_LONG_NUMBER = re.compile(r"(\d+\.\d)\d+")


def added_chart(columns: Sequence[Column], name: str) -> Markup | None:
    """Return bars of what each worker added, by PSS, USS and RSS; ``None`` without figures."""
    known = [(column, footprint) for column in columns if (footprint := column.footprint)]
    if not any(footprint.added_pss_bytes is not None for _, footprint in known):
        return None
    figures = [figure for _, footprint in known for figure in _figures(footprint)]
    chart = PYGAL.HorizontalBar(
        **chart_options(height=92 + 84 * len(known)),
        range=(min(0, *figures) * 1.15, max(0, *figures) * 1.15 or 1),  # room for the numbers
        print_values=True,
        print_values_position="top",
        formatter=_mib,
        value_formatter=_mib,
    )
    # pygal draws horizontal bars from the bottom up: reversed, the first is at the top.
    known.reverse()
    chart.x_labels = [column.label for column, _ in known]
    chart.add("PSS", [_value(each.added_pss_bytes) for _, each in known])
    chart.add("USS", [_value(each.added_uss_bytes) for _, each in known])
    chart.add("RSS (misleads)", [_value(each.added_rss_bytes) for _, each in known])
    said = "Memory that one worker adds, in MiB, by PSS, USS and RSS; the table has the numbers."
    return clean(chart, name, said)


def over_time_chart(columns: Sequence[Column], name: str) -> Markup | None:
    """Return lines of the whole tree's PSS over time; ``None`` without samples."""
    lines = [(c.label, _from_zero(tree_pss(c.footprint.samples))) for c in columns if c.footprint]
    if not any(len(points) > 1 for _, points in lines):
        return None
    chart = PYGAL.XY(
        **chart_options(height=300),
        include_x_axis=True,
        show_dots=True,
        dots_size=2,
        x_value_formatter=duration,
        value_formatter=lambda value: f"{value:.0f}",
    )
    for index, (label, points) in enumerate(lines):
        chart.add(f"{label} ({DASHES[index % len(DASHES)]})", points)
    said = "PSS of the whole process tree over time, in MiB, a line for each variant."
    return clean(chart, name, said)


def _from_zero(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Count the time from the first point, which is taken just before the program begins."""
    return [(at - points[0][0], value) for at, value in points]


def _mib(value: float) -> str:
    """Return MiB with as many digits as a small figure needs."""
    return f"{value:.{1 if abs(value) >= 0.95 or not value else 2}f}".replace("-", MINUS)


def chart_options(height: int) -> dict[str, object]:
    """Return what all charts of the lab are drawn with; ``height`` in the drawing's own units."""
    return {
        "width": 520,
        "height": height,
        "js": [],
        "css": [],
        "disable_xml_declaration": True,
        "legend_at_bottom": True,
        "legend_box_size": 14,
        "truncate_legend": -1,
        "margin": 8,
        "min_scale": 3,
        "max_scale": 6,
    }


def _figures(footprint: Footprint) -> list[float]:
    added = (footprint.added_pss_bytes, footprint.added_uss_bytes, footprint.added_rss_bytes)
    return [mebibytes(count) for count in added if count is not None]


def _value(count: int | None) -> float | None:
    return None if count is None else mebibytes(count)


def clean(chart: Any, name: str, said: str) -> Markup:
    """Return the chart as inline SVG without scripts, styles, comments, ids and name spaces."""
    # The parser is handed what pygal has just written and escaped, and drops comments.
    root = ElementTree.fromstring(chart.render(is_unicode=True))
    _strip(root)
    root.attrib.update({"class": f"chart {name}", "role": "img", "aria-label": said, "id": name})
    text = ElementTree.tostring(root, encoding="unicode")
    return Markup(text)


def _strip(node: ElementTree.Element) -> None:
    node.tag = node.tag.removeprefix(_SVG)
    node.attrib.pop("id", None)
    for name, value in node.attrib.items():
        node.attrib[name] = _LONG_NUMBER.sub(r"\1", value)
    for child in list(node):
        classes = set(child.get("class", "").split())
        if child.tag.removeprefix(_SVG) in _DROPPED or classes & _DROPPED_CLASSES:
            node.remove(child)
        else:
            _strip(child)
