"""The timeline as an accessible drawing; all variants of a page share one scale."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup

from lab.report.scale import Scale, shared_scale
from lab.report.svg import element, path, picture
from lab.report.timeline import Bar, Lane, Moment, Phase, Timeline
from lab.report.words import duration, shorten

WIDTH, LEFT, RIGHT = 920.0, 128.0, 24.0
LANE_HEIGHT, BAR_HEIGHT, TOP = 46.0, 18.0, 54.0
BUBBLE, APART = 9.0, 21.0


def page_scale(timelines: Iterable[Timeline]) -> Scale:
    """Return the one scale that all timelines of a page share."""
    return shared_scale((each.span for each in timelines), LEFT, WIDTH - RIGHT)


def draw_timeline(shown: Timeline, scale: Scale, name: str, title: str) -> Markup:
    """Return the drawing; ``name`` makes its ids unique on the page."""
    rows = len(shown.lanes) + bool(shown.phases)
    bottom = TOP + LANE_HEIGHT * max(1, rows)
    said = [f"{lane.label}: {lane.note}." for lane in shown.lanes]
    said += [f"{duration(moment.at_s)}: {moment.text}." for moment in shown.moments]
    return picture(
        name,
        title,
        " ".join(said),
        WIDTH,
        bottom + 30,
        _axis(scale, bottom),
        *_moments(shown.moments, scale, bottom),
        *(_lane(lane, scale, index) for index, lane in enumerate(shown.lanes)),
        *_phases(shown.phases, scale, TOP + LANE_HEIGHT * len(shown.lanes) + 4),
    )


def _axis(scale: Scale, bottom: float) -> Markup:
    parts = [element("path", d=path([(LEFT, bottom), (WIDTH - RIGHT, bottom)]), class_="axis")]
    for tick in scale.ticks():
        x = scale.x(tick)
        parts.append(element("path", d=path([(x, bottom), (x, bottom + 5)]), class_="axis"))
        words = duration(tick)
        parts.append(
            element("text", words, x=x, y=bottom + 19, text_anchor="middle", class_="tick")
        )
    for x in map(scale.x, scale.breaks):
        zigzag = [
            (x - 4, bottom + 7),
            (x - 1, bottom - 7),
            (x + 1, bottom + 7),
            (x + 4, bottom - 7),
        ]
        parts.append(element("path", d=path(zigzag), class_="break"))
    return element("g", *parts)


def _moments(moments: Sequence[Moment], scale: Scale, bottom: float) -> list[Markup]:
    """Draw numbered bubbles in a row, apart from each other, each led to its true time."""
    drawn = []
    for number, (moment, x) in enumerate(zip(moments, spread_out(moments, scale), strict=True), 1):
        at = scale.x(moment.at_s)
        down = [(x, 14 + BUBBLE), (x, 30), (at, 42), (at, bottom)]
        drawn.append(element("path", d=path(down), class_="leader"))
        drawn.append(element("circle", cx=x, cy=14, r=BUBBLE, class_="bubble"))
        text = str(number)
        drawn.append(element("text", text, x=x, y=18, text_anchor="middle", class_="number"))
    return drawn


def spread_out(moments: Sequence[Moment], scale: Scale) -> list[float]:
    """Return where the bubbles go: near their times, in order, at least ``APART`` from each other.

    First pushed to the right, then back from the right edge. With more bubbles than fit they keep
    their order and share the width evenly.
    """
    room = (WIDTH - LEFT - RIGHT) / max(1, len(moments) - 1)
    apart = min(APART, room)
    places: list[float] = []
    for moment in moments:
        x = scale.x(moment.at_s)
        places.append(max(x, places[-1] + apart) if places else x)
    limit = WIDTH - RIGHT
    for index in reversed(range(len(places))):
        places[index] = min(places[index], limit)
        limit = places[index] - apart
    return places


def _lane(lane: Lane, scale: Scale, index: int) -> Markup:
    top = TOP + LANE_HEIGHT * index + 4
    label = shorten(lane.label, 17)
    parts = [
        element("text", label, x=LEFT - 10, y=top + 13, text_anchor="end", class_="lane"),
        *(_bar(bar, scale, top) for bar in lane.bars),
    ]
    if lane.note:
        start = scale.x(lane.bars[-1].start_s if lane.bars else 0.0)
        x = min(start, WIDTH - RIGHT - 6.6 * min(len(lane.note), 100))
        note = shorten(lane.note, 100)
        parts.append(element("text", note, x=max(LEFT, x), y=top + BAR_HEIGHT + 14, class_="note"))
    return element("g", *parts)


def _phases(phases: Sequence[Phase], scale: Scale, top: float) -> list[Markup]:
    """Draw what the lab did, each phase named inside where there is room for its name."""
    if not phases:
        return []
    drawn = [element("text", "the lab", x=LEFT - 10, y=top + 13, text_anchor="end", class_="lane")]
    for phase in phases:
        start, end = scale.x(phase.start_s), scale.x(phase.end_s)
        wide = max(1.0, end - start)
        shape = element("rect", x=start, y=top, width=wide, height=BAR_HEIGHT, class_="phase")
        drawn.append(shape)
        if wide > 7 * len(phase.name):
            x = (start + end) / 2
            words = element(
                "text", phase.name, x=x, y=top + 13, text_anchor="middle", class_="inside"
            )
            drawn.append(words)
    return drawn


def _bar(bar: Bar, scale: Scale, top: float) -> Markup:
    start, end = scale.x(bar.start_s), scale.x(bar.end_s)
    return element(
        "rect",
        x=start,
        y=top,
        width=max(2.0, end - start),
        height=BAR_HEIGHT,
        rx=2,
        class_=f"bar {bar.kind}",
    )
