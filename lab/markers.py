"""Markers in a scenario's source: how its ground truth names lines without typing their numbers.

A marker is a comment ``# lab: NAME`` at the end of a line. It names that line, and moves with it.
"""

from __future__ import annotations

import io
import re
import tokenize

from lab.errors import UsageError

_MARKER = re.compile(r"#\s*lab:\s*([A-Za-z][\w-]*)\s*$")


def find_markers(source: str, filename: str = "<source>") -> dict[str, int]:
    """Return ``{marker name: 1-based line}`` for every marker comment in ``source``.

    Only real comments count: a marker inside a string is text. Raises :class:`UsageError` when a
    name marks two lines, or when the source cannot be tokenised.
    """
    found: dict[str, int] = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type != tokenize.COMMENT:
                continue
            match = _MARKER.search(token.string)
            if match is None:
                continue
            name, line = match[1], token.start[0]
            if name in found:
                raise UsageError(
                    f"{filename}:{line}: marker {name!r} already marks line {found[name]}",
                    wanted="each marker once in a file",
                )
            found[name] = line
    except (tokenize.TokenError, IndentationError) as error:
        raise UsageError(f"{filename}: its markers cannot be read: {error}") from error
    return found
