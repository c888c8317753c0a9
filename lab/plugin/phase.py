"""What a session and its watcher tell each other."""

from __future__ import annotations

from typing import Any, Final

import msgspec

BYSTANDER: Final = "lab-bystander"
"""The kernel's name of a thread that carries the session's messages: no test depends on it."""
ENDING: Final = "ending"
"""The file that is there once the watcher ends the session: nothing may be reported any more."""


HANG: Final = ".hang.json"
"""How the names of the files end that describe a hang."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a watcher is to do.

    ``pid`` is the session's process and ``who`` its name: xdist's, or ``main``. ``board`` is the
    page on which it says what it does; anything on ``channel``, a descriptor, says that it is over.
    ``signal`` makes its main thread raise. ``limit_s`` is the time for each phase, if given; else
    ``quiet_s`` is how long nothing may run. ``replay`` is how to report in place of a session that
    cannot: options of pytest and what it was about; empty under xdist, whose controller does that.
    """

    pid: int
    who: str
    channel: int
    board: str
    folder: str
    signal: int
    limit_s: float | None
    quiet_s: float
    replay: dict[str, Any]


class Phase(msgspec.Struct, frozen=True, kw_only=True):
    """Setup, call or teardown of one test, with the children and threads there were before it."""

    number: int
    test: str
    name: str
    location: tuple[str, int | None, str]
    children: list[int]
    threads: list[int]
