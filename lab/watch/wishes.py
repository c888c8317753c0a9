"""What ``lab watch`` was asked for: the words of its command line, checked. Kept light.

The options are read here and not by typer, whose import alone takes longer than many a command.
Whatever is not understood is left to typer, for its help and its complaint.
"""

from __future__ import annotations

from collections.abc import Sequence

from lab.errors import UsageError

OPTIONS = ("--timeout", "--quiet-for", "--report", "--on-hang")
"""All of them take a value."""
QUIET_FOR_S = 60.0
REPORT = "reports"
ACTIONS = ("report", "kill")
_UNITS = {"ms": 1e-3, "s": 1.0, "": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


class Wishes:
    """The command and how to watch it; ``None`` for a time means without limit."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        timeout: str | None = None,
        quiet_for: str | None = None,
        report: str | None = None,
        on_hang: str | None = None,
    ) -> None:
        """Raises :class:`UsageError` for a word that makes no sense."""
        self.command = tuple(command)
        if not self.command:
            raise UsageError(
                "no command to watch", wanted="it after --", next_step="lab watch -- python job.py"
            )
        self.timeout_s = seconds("--timeout", timeout) if timeout is not None else None
        quiet = seconds("--quiet-for", quiet_for) if quiet_for is not None else QUIET_FOR_S
        self.quiet_for_s = quiet
        self.directory = report or REPORT
        self.actions = _actions(on_hang)


def read(words: Sequence[str]) -> Wishes | None:
    """Return what the words after ``lab watch`` say, or ``None`` when typer should have them."""
    given: dict[str, str] = {}
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] != "--":
        name, equals, value = rest.pop(0).partition("=")
        if name not in OPTIONS or not (equals or rest):
            return None
        given[name[2:].replace("-", "_")] = value if equals else rest.pop(0)
    if rest[:1] == ["--"]:
        del rest[0]
    return Wishes(rest, **given) if rest else None


def seconds(option: str, text: str) -> float | None:
    """Return the seconds that a duration such as ``90``, ``1.5h`` or ``250ms`` means.

    ``None`` for 0, which stands for no limit. Raises :class:`UsageError` for anything else.
    """
    number = text.rstrip("abcdefghijklmnopqrstuvwxyz")
    unit = _UNITS.get(text[len(number) :])
    plain = number.replace(".", "", 1)
    if unit is None or not (plain.isascii() and plain.isdigit()):
        raise UsageError(
            f"{option} {text}", wanted="a duration such as 90, 60s, 10m, 1.5h, or 0 for no limit"
        )
    return float(number) * unit or None


def _actions(text: str | None) -> frozenset[str]:
    words = text.split(",") if text is not None else list(ACTIONS)
    if not words or not set(words) <= set(ACTIONS):
        raise UsageError(f"--on-hang {text}", wanted="report, kill, or report,kill")
    return frozenset(words)
