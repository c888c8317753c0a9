"""Python source as HTML with its words, strings and comments told apart, a line at a time."""

from __future__ import annotations

import io
import keyword
import tokenize
from collections import defaultdict

from markupsafe import Markup, escape

from lab.model import lines_of
from lab.report.words import visible

_KINDS = {
    tokenize.STRING: "s", tokenize.NUMBER: "n", tokenize.COMMENT: "c",
    tokenize.FSTRING_START: "s", tokenize.FSTRING_MIDDLE: "s", tokenize.FSTRING_END: "s",
}  # fmt: skip

type Span = tuple[int, int, str]


def highlighted(source: str) -> list[Markup]:
    """Return each line of ``source`` as HTML; what is no Python is escaped and left plain."""
    lines = lines_of(source)
    spans = _spans(source, lines)
    return [_line(line, sorted(spans.get(number, ()))) for number, line in enumerate(lines, 1)]


def _spans(source: str, lines: list[str]) -> dict[int, list[Span]]:
    found: dict[int, list[Span]] = defaultdict(list)
    try:
        for token in tokenize.generate_tokens(io.StringIO(source, newline=None).readline):
            kind = _KINDS.get(token.type, "")
            if token.type == tokenize.NAME and keyword.iskeyword(token.string):
                kind = "k"
            if kind:
                _add(found, token, kind, lines)
    except (tokenize.TokenError, SyntaxError):
        pass  # the rest stays plain
    return found


def _add(
    found: dict[int, list[Span]], token: tokenize.TokenInfo, kind: str, lines: list[str]
) -> None:
    (first, start), (last, end) = token.start, token.end
    for number in range(first, last + 1):
        width = len(lines[number - 1]) if number <= len(lines) else 0
        begin = start if number == first else 0
        found[number].append((begin, end if number == last else width, kind))


def _line(text: str, spans: list[Span]) -> Markup:
    parts, at = [], 0
    for start, end, kind in spans:
        if start < at:
            continue
        parts.append(escape(visible(text[at:start])))
        word = visible(text[start:end])
        parts.append(Markup('<span class="py-{}">{}</span>').format(kind, word))
        at = end
    parts.append(escape(visible(text[at:])))
    return Markup("").join(parts)
