"""Markdown for GitHub in which text from a target is only ever text.

Every character that could mean something, to Markdown or to HTML, is written as a numeric
reference: such a reference "cannot be used in place of symbols indicating structure" (CommonMark
0.31, 2.5). See also GitHub Flavored Markdown, 4.10, on tables.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from typing import Final

from lab.report.words import counted, shorten, visible

_MOST_CHARACTERS: Final = 400
_MOST_ROWS: Final = 60
_MOST_LINES: Final = 400
_MEANS_SOMETHING: Final = re.compile(r"[!-+\--/:-@\[-`{-~]")
"""ASCII punctuation but for the comma."""


def escaped(text: str) -> str:
    """Return ``text`` on one line, as Markdown that shows exactly it."""
    plain = shorten(" ".join(visible(text).split()), _MOST_CHARACTERS)
    return _MEANS_SOMETHING.sub(lambda found: f"&#{ord(found[0])};", plain)


def code(text: str) -> str:
    """Return ``text`` in the type of code; also right within a cell of a table."""
    return f"<code>{escaped(text)}</code>"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; ``heads`` and ``rows`` are Markdown already."""
    lines = [f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads))]
    lines += [f"| {' | '.join(cells)} |" for cells in rows[:_MOST_ROWS]]
    if len(rows) > _MOST_ROWS:
        lines.append(f"\nand {counted(len(rows) - _MOST_ROWS, 'more row')}")
    return "\n".join(lines)


def details(title: str, lines: Sequence[str]) -> str:
    """Return ``lines``, plain text, folded away under ``title``; empty when there are none."""
    if not lines:
        return ""
    shown = [html.escape(_one_line(line)) for line in lines[:_MOST_LINES]]
    if len(lines) > _MOST_LINES:
        shown.append(f"and {counted(len(lines) - _MOST_LINES, 'more line')}")
    text = "\n".join(shown)
    return f"<details><summary>{escaped(title)}</summary>\n\n<pre>\n{text}\n</pre>\n\n</details>"


def _one_line(text: str) -> str:
    return shorten(visible(text.replace("\n", " ").replace("\t", " ")), _MOST_CHARACTERS)


def fitting(parts: Iterable[str], room: int, cut: str) -> str:
    """Return as many whole ``parts`` as fit into ``room`` bytes, and ``cut`` if that is not all."""
    left = room - len(cut.encode())
    taken: list[str] = []
    for part in filter(None, parts):
        size = len(part.encode(errors="replace")) + 2
        if size > left:
            return "".join(taken) + cut if left >= 0 else ""
        taken.append(f"{part}\n\n")
        left -= size
    return "".join(taken)
