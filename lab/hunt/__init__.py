"""Hunting for the interleaving that breaks a test: control the schedule, find, shrink, replay.

``hunt(body, Settings(...))`` searches, ``replay(body, token)`` repeats. Names are loaded when first
used, so that importing the lab stays light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from lab.hunt.linearizability import NotLinearizable as NotLinearizable
    from lab.hunt.linearizability import linearizable as linearizable
    from lab.hunt.loop import hunt as hunt
    from lab.hunt.records import Explored as Explored
    from lab.hunt.records import HuntResult as HuntResult
    from lab.hunt.records import ReplayResult as ReplayResult
    from lab.hunt.records import Settings as Settings
    from lab.hunt.replays import replay as replay
    from lab.hunt.schedule import Schedule as Schedule

_HOMES: Final = {
    "hunt": "loop",
    "Explored": "records",
    "HuntResult": "records",
    "ReplayResult": "records",
    "Settings": "records",
    "replay": "replays",
    "linearizable": "linearizability",
    "NotLinearizable": "linearizability",
    "Schedule": "schedule",
}

__all__ = [
    "Explored",
    "HuntResult",
    "NotLinearizable",
    "ReplayResult",
    "Schedule",
    "Settings",
    "hunt",
    "linearizable",
    "replay",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)
