"""The page: one self-contained HTML file about a run, made from its records.

It makes no request at all, works without scripts, and escapes whatever it is given. A content
security policy in the page forbids loading anything, so a mistake here cannot leak either.
"""

from __future__ import annotations

import functools
import shlex
from importlib import resources
from typing import Any

import jinja2
from jinja2 import meta
from markupsafe import Markup, escape

from lab.model import RunRecord
from lab.report import words
from lab.report.view import page_of

STYLES = ("tokens.css", "page.css", "parts.css", "figures.css", "drawings.css", "print.css")


def render(record: RunRecord) -> str:
    """Return the whole page of a run, finished or not.

    Reads snapshots and file sizes from ``record.directory``. Raises :class:`UsageError` when a
    snapshot there cannot be read.
    """
    template = environment().get_template("report.html.j2")
    page = template.render(page=page_of(record), style=stylesheet())
    return page.encode("utf-8", "backslashreplace").decode()


def compile_templates(name: str) -> None:
    """Compile the template ``name``, and those that it names, into :func:`environment`."""
    made = environment()
    loader = made.loader
    assert loader is not None
    left, met = [name], set[str]()
    while left:
        each = left.pop()
        if each not in met:
            met.add(each)
            made.get_template(each)
            source = loader.get_source(made, each)[0]
            left += [inner for inner in meta.find_referenced_templates(made.parse(source)) if inner]


@functools.cache
def environment() -> jinja2.Environment:
    """Return the templates' environment: everything escaped, words as filters."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("lab.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    made.filters.update(
        duration=words.duration,
        size=words.size,
        place=words.place,
        shorten=words.shorten,
        file_name=words.file_name,
        exit_status=words.exit_status,
        shell=shlex.join,
        instant=words.instant,
        prose=prose,
        sentence=words.sentence,
    )
    made.globals["words"] = words
    return made


def _finalize(value: Any) -> Any:
    """Make hidden characters visible in whatever a template prints; ``None`` prints nothing."""
    if value is None:
        return ""
    if isinstance(value, str) and not isinstance(value, Markup):
        return words.visible(value)
    return value


def prose(text: str) -> Markup:
    """Return a sentence as HTML: what stands in a pair of backticks is code, all is escaped."""
    parts = words.visible(text).split("`")
    if len(parts) % 2 == 0:
        return escape("`".join(parts))
    tagged = (
        Markup("<code>{}</code>").format(part) if index % 2 else escape(part)
        for index, part in enumerate(parts)
    )
    return Markup("").join(tagged)


@functools.cache
def stylesheet() -> Markup:
    """Return the page's style sheet."""
    folder = resources.files("lab.report") / "static"
    parts = ((folder / name).read_text(encoding="utf-8") for name in STYLES)
    return Markup("\n".join(parts))
