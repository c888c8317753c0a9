"""The page of a hunt: one self-contained file, complete without its script, which only steps.

Made from the record in the hunt's directory. It loads nothing; the security policy in the page
allows the one script by its hash.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from dataclasses import dataclass
from importlib import resources

from markupsafe import Markup

from lab.hunts.folder import HuntRecord
from lab.report.highlight import highlighted
from lab.report.html import environment, stylesheet
from lab.report.interleaving import (
    Row,
    Table,
    switches_words,
    table_of,
    users_traceback,
    where_words,
)
from lab.report.interleaving_text import arrival_words
from lab.report.words import file_name

CONTEXT = 3


@dataclass(frozen=True)
class Line:
    """A line of a file; ``steps`` are the numbers of the rows that stand on it."""

    number: int
    html: Markup
    steps: tuple[int, ...]


@dataclass(frozen=True)
class Excerpt:
    """The lines of one file that matter, with a few around them; gaps show as jumps in number."""

    file: str
    lines: tuple[Line, ...]

    @property
    def name(self) -> str:
        """The file's name without its directories."""
        return file_name(self.file)


def render(record: HuntRecord, command: str) -> str:
    """Return the page; ``command`` replays the schedule, empty when there is none."""
    table = table_of(record.result.steps)
    page = (
        environment()
        .get_template("hunt.html.j2")
        .render(
            record=record,
            result=record.result,
            table=table,
            excerpts=excerpts(table, record.sources),
            arrival=arrival_words,
            source=functools.partial(_row_source, sources=record.sources),
            where=where_words(record.result),
            switches=switches_words(record.result),
            command=command,
            detail=users_traceback(record.result.failure.detail) if record.result.failure else "",
            style=stylesheet() + Markup("\n") + _static("hunt.css"),
            script=_static("hunt.js"),
            script_hash=_hash(_static("hunt.js")),
        )
    )
    return page.encode("utf-8", "backslashreplace").decode()


def excerpts(table: Table, sources: dict[str, str]) -> list[Excerpt]:
    """Return the lines that the table's rows stand on, file by file."""
    return [_excerpt(file, table, sources[file]) for file in table.files if file in sources]


def _excerpt(file: str, table: Table, source: str) -> Excerpt:
    steps: dict[int, list[int]] = {}
    for number, row in enumerate(table.rows, 1):
        if row.file == file:
            steps.setdefault(row.line, []).append(number)
    lines = _highlighted(source)
    near = {each for line in steps for each in range(line - CONTEXT, line + CONTEXT + 1)}
    shown = sorted(number for number in near if 1 <= number <= len(lines))
    return Excerpt(
        file,
        tuple(Line(each, lines[each - 1], tuple(steps.get(each, ()))) for each in shown),
    )


def _row_source(row: Row, sources: dict[str, str]) -> Markup | str:
    lines = _highlighted(sources.get(row.file, ""))
    if not 1 <= row.line <= len(lines):
        return row.source
    return Markup(str(lines[row.line - 1]).strip())


@functools.lru_cache(maxsize=16)
def _highlighted(source: str) -> list[Markup]:
    return highlighted(source)


@functools.cache
def _static(name: str) -> Markup:
    folder = resources.files("lab.report") / "static"
    return Markup((folder / name).read_text(encoding="utf-8"))


def _hash(script: Markup) -> str:
    # Browsers hash what stands between the tags, with the line breaks that the template puts there.
    text = f"\n{script}\n"
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
