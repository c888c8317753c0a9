"""Every deliberate error: what was seen, what was wanted, what to do next, and the exit code.

An error raised on purpose is a :class:`LabError`. Anything else that escapes is a bug of the lab
and ends with :attr:`ExitCode.INTERNAL`.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable


class ExitCode(enum.IntEnum):
    """The exit codes of every ``lab`` command."""

    EXPECTED = 0
    DEVIATED = 1
    USAGE = 2
    INTERNAL = 3
    INCONCLUSIVE = 4
    HUNG = 124
    INTERRUPTED = 130


class LabError(Exception):
    """An error with its remedy: one line of what was seen and wanted, one of what to do next.

    ``seen`` names the offending value, ``wanted`` what would have been accepted, and ``next_step``
    a command or an action. The three are joined by :meth:`line` for the terminal.
    """

    exit_code = ExitCode.INTERNAL

    def __init__(self, seen: str, *, wanted: str = "", next_step: str = "") -> None:
        self.seen = seen
        self.wanted = wanted
        self.next_step = next_step
        super().__init__(self.line())

    def line(self) -> str:
        """Return the whole error as one line of text, without a newline in it."""
        parts = [self.seen]
        if self.wanted:
            parts.append(f"wanted: {self.wanted}")
        if self.next_step:
            parts.append(f"try: {self.next_step}")
        return " ".join("; ".join(parts).split())


class UsageError(LabError):
    """The command line, a scenario or a file handed to the lab cannot be used as it is."""

    exit_code = ExitCode.USAGE


class InconclusiveError(LabError):
    """Nothing was run, or what was run does not allow an answer."""

    exit_code = ExitCode.INCONCLUSIVE


class InterruptedRunError(LabError):
    """The user, or a signal, ended the lab before it was done."""

    exit_code = ExitCode.INTERRUPTED


def suggest(word: str, known: Iterable[str]) -> str:
    """Say which of ``known`` are nearest to ``word``, or list them all when none is near."""
    import difflib  # here, because a command that makes no mistake need not wait for it

    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=3, cutoff=0.5)
    if near:
        return "did you mean " + " or ".join(repr(name) for name in near) + "?"
    return "one of " + ", ".join(names) if names else "(none is known)"
