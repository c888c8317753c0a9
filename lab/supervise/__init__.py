"""Contains a target, watches it, and says when it can never go on. Nothing of it outlives the lab.

Three processes: the lab, a shim that keeps the target and cleans up after it even when the lab is
killed, and the target with its bootstrap. A command that is only watched runs on the lab's own
terminal, under a keeper that is a fork of the lab. Needs Linux; elsewhere this can be imported,
not used. Each name is loaded when it is first used: a watched command does not wait for the rest.
"""

import importlib

TYPE_CHECKING = False  # known to type checkers; importing typing takes time
if TYPE_CHECKING:
    from typing import Any

    from lab.supervise.experiment import stop_one
    from lab.supervise.launch import Launch, TargetNotReady, TargetSpec, scenario_launch
    from lab.supervise.planted import Planted
    from lab.supervise.supervisor import Supervisor
    from lab.supervise.watchdog import Progress, Watchdog

_HOMES = {
    "experiment": ("stop_one",),
    "launch": ("Launch", "TargetNotReady", "TargetSpec", "scenario_launch"),
    "planted": ("Planted",),
    "supervisor": ("Supervisor",),
    "watchdog": ("Progress", "Watchdog"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Launch",
    "Planted",
    "Progress",
    "Supervisor",
    "TargetNotReady",
    "TargetSpec",
    "Watchdog",
    "scenario_launch",
    "stop_one",
]


def __getattr__(name: str) -> "Any":
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)
