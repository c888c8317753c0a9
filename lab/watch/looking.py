"""Takes the dump of a command that hangs, or that somebody asked about."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import msgspec

from lab import moment
from lab.model import Dump, Snapshot
from lab.watch.stillness import believed

HUNG = "hung"
"""Nothing can ever run again, which was proved."""
QUIET = "quiet"
TIMED_OUT = "timed out"
ASKED = "asked"


@dataclass(frozen=True)
class Trouble:
    """What is wrong with a command, or what it does when somebody asks."""

    kind: str
    command: tuple[str, ...]
    after_s: float
    """Seconds since it was started, without those that it was stopped."""
    still_s: float
    """For how long nothing has run."""
    dump: Dump | None = None
    snapshot: Snapshot | None = None
    failure: str = ""
    """Why there is no dump."""


def look(
    kind: str,
    command: tuple[str, ...],
    *,
    root: int,
    tree: Callable[[], list[int]],
    outside: Collection[int],
    after_s: float,
    still_s: float,
) -> Trouble:
    """Dump the tree. Whatever goes wrong with that is told in the result and not raised."""
    try:
        found = moment.examine(root, tree, outside=outside)
    except Exception as error:  # noqa: BLE001 - the command must end as it would with a diagnosis
        reason = f"{type(error).__name__}: {error}"
        return Trouble(kind, command, after_s, still_s, failure=reason)
    dump = found.dump
    if dump.proof and not believed(dump.proof):
        dump = msgspec.structs.replace(dump, state="quiet", proof=None)
    return Trouble(kind, command, after_s, still_s, dump, found.snapshot)
