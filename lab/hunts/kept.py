"""Failures that were found before, tried first next time, in Hypothesis's example database.

A team that shares that database (a directory in version control, a server, a CI artifact) shares
the schedules with it. Without Hypothesis nothing is kept.
"""

from __future__ import annotations

import importlib.util
from collections import OrderedDict
from pathlib import Path
from typing import Any, Final

from lab.errors import UsageError
from lab.hunt.schedule import parse

LIMIT: Final = 8  # schedules kept for one test: more would make every run slower than it helps
_PREFIX: Final = b"lab-hunt\0"
_PACKAGES: Final = ("site-packages", "dist-packages")


class Kept:
    """The failing schedules of the test called ``name``, newest first.

    What this process has seen is remembered here, what others have is in the database.
    """

    _here: Final[dict[str, OrderedDict[str, None]]] = {}

    def __init__(self, name: str) -> None:
        self.name = name
        self._key = _PREFIX + name.encode()
        self._known = self._here.setdefault(name, OrderedDict())

    def tokens(self) -> list[str]:
        """Return the tokens, those of this process first."""
        tokens = list(reversed(self._known))
        database = _database()
        if database is not None and not tokens:
            found = sorted(database.fetch(self._key), key=len)
            tokens = [value.decode(errors="replace") for value in found]
        return [token for token in tokens if _is_readable(token)][:LIMIT]

    def add(self, token: str) -> None:
        """Keep ``token``; the oldest one gives way."""
        self._known[token] = None
        self._known.move_to_end(token)
        while len(self._known) > LIMIT:
            self._known.popitem(last=False)
        database = _database()
        if database is not None:
            others = sorted(database.fetch(self._key), key=len)
            for old in others[LIMIT - 1 :]:
                database.delete(self._key, old)
            database.save(self._key, token.encode())

    def drop(self, token: str) -> None:
        """Forget ``token``: the test no longer fails under it."""
        self._known.pop(token, None)
        database = _database()
        if database is not None:
            database.delete(self._key, token.encode())


def identity(file: str, qualname: str) -> str:
    """Return the name of a test by which its failures are found again on another machine.

    An installed one is called by its module: where an environment lies is nobody else's business.
    """
    path = Path(file)
    try:
        path = path.resolve()
        installed = _module_of(path)
        if installed:
            return f"{installed}:{qualname}"
        path = path.relative_to(Path.cwd())
    except (OSError, ValueError):
        path = Path(path.name)
    return f"{path.as_posix()}:{qualname}"


def _module_of(path: Path) -> str:
    """Return the dotted name of an installed module; empty if ``path`` is not below packages."""
    parts = path.with_suffix("").parts
    below = [at for at, part in enumerate(parts) if part in _PACKAGES]
    return ".".join(parts[below[-1] + 1 :]).removesuffix(".__init__") if below else ""


def _is_readable(token: str) -> bool:
    try:
        parse(token)
    except UsageError:
        return False
    return True


def _database() -> Any:
    """Return Hypothesis's example database, None when there is none."""
    if importlib.util.find_spec("hypothesis") is None:
        return None
    from hypothesis import settings

    return settings().database
