"""What became of a scenario's test when it was hunted."""

from __future__ import annotations

import msgspec

from lab.model.base import Record
from lab.model.diagnosis import VerdictKind


class Hunted(Record, frozen=True, kw_only=True):
    """The hunt of a race: how soon it was found, under which models, and whether it comes again.

    ``executions`` were run in all, the last of which failed if ``found``. ``models`` says of each
    model whether the failure was found under it. The schedule was replayed ``replays`` times, and
    its test run ``tries`` times on free threads that were held up at its switches only.
    """

    test: str
    """``PATH.py:FUNCTION``."""
    found: bool
    verdict: VerdictKind
    message: str = ""
    models: dict[str, str] = msgspec.field(default_factory=dict)
    executions: int = 0
    switches: int | None = None
    schedule: str = ""
    replays: int = 0
    replayed: int = 0
    tries: int = 0
    confirmed: int = 0
    unconfirmed: str = ""
    """Why it was not tried on free threads."""
    story: tuple[str, ...] = ()
    """The interleaving, a step on something shared in each line."""
    explored: str = ""
    inconclusive: str = ""
    """Why the hunt has no answer; empty when it has one."""
    seconds: float = 0.0
