"""Which frames are the user's own, and the lines of source to point at."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath

from lab.model import Frame, SourceLine, lines_of

_STANDARD = re.compile(
    r"^<frozen|^<(?:__array|attrs)|/lib(?:64)?/python3\.\d+t?/(?!site-|dist-)"
    r"|-packages/(?:multiprocess|billiard)/"
)
"""The standard library, with the packages that are forks of its ``multiprocessing``."""


def is_users(frame: Frame) -> bool:
    """Whether the frame is of the program, not of the standard library."""
    return not _STANDARD.search(frame.file)


def first_users(frames: Sequence[Frame]) -> int | None:
    """Return the index of the innermost frame of the program's own, if there is one."""
    return next((i for i, frame in enumerate(frames) if is_users(frame)), None)


def line_of(frame: Frame, sources: Mapping[str, str], line: int | None = None) -> SourceLine:
    """Return the line that a frame is at, or another ``line`` of its function, with its text."""
    number = frame.line if line is None else line
    lines = lines_of(sources.get(frame.file, ""))
    text = lines[number - 1].strip() if 0 < number <= len(lines) else ""
    return SourceLine(file=frame.file, line=number, function=frame.function, text=text)


def short(line: SourceLine) -> str:
    """Return ``name.py:17``, the way a story refers to a line."""
    return f"{PurePath(line.file).name}:{line.line}"
