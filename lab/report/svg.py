"""The few lines that write SVG elements, with every text and attribute escaped."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

from lab.report.words import visible

type Point = tuple[float, float]
type Attribute = str | float | None


def element(tag: str, *children: str, **attributes: Attribute) -> Markup:
    """Return one element.

    Children that are not :class:`Markup` are escaped. In attribute names ``_`` stands for ``-``,
    and a trailing ``_`` is dropped (``class_``). ``None`` leaves an attribute out.
    """
    words = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(_plain(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    inside = "".join(
        child if isinstance(child, Markup) else escape(visible(child)) for child in children
    )
    return Markup(f"<{tag}{words}>{inside}</{tag}>")


def _plain(value: Attribute) -> str:
    if isinstance(value, str):
        return visible(value)
    return f"{value:.1f}".rstrip("0").rstrip(".") if value is not None else ""


def path(points: Sequence[Point], radius: float = 0.0) -> str:
    """Return the ``d`` of a line through ``points``, its corners rounded by ``radius``."""
    parts = [f"M{_pair(points[0])}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        near, far = _towards(corner, before, radius), _towards(corner, after, radius)
        parts.append(f"L{_pair(near)}Q{_pair(corner)} {_pair(far)}")
    parts.append(f"L{_pair(points[-1])}")
    return "".join(parts)


def _pair(point: Point) -> str:
    return f"{_plain(point[0])},{_plain(point[1])}"


def _towards(start: Point, goal: Point, distance: float) -> Point:
    """Return the point ``distance`` from ``start`` on the way to ``goal``, at most half way."""
    length = ((goal[0] - start[0]) ** 2 + (goal[1] - start[1]) ** 2) ** 0.5
    share = min(distance / length, 0.5) if length else 0.0
    return (start[0] + (goal[0] - start[0]) * share, start[1] + (goal[1] - start[1]) * share)


def picture(
    name: str, title: str, description: str, width: float, height: float, *children: str
) -> Markup:
    """Return a whole drawing that a screen reader announces by its title and description.

    ``name`` makes its ids unique on the page. Sizes are in pixels of its own coordinates.
    """
    return element(
        "svg",
        element("title", title, id=f"{name}-title"),
        element("desc", description, id=f"{name}-desc"),
        *children,
        class_="drawing",
        role="img",
        aria_labelledby=f"{name}-title",
        aria_describedby=f"{name}-desc",
        viewBox=f"0 0 {_plain(width)} {_plain(height)}",
        width=width,
        height=height,
    )
