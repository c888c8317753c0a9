"""Contains a target, watches it, and says when it can never go on. Nothing of it outlives the lab.

Three processes: the lab, a shim that keeps the target and cleans up after it even when the lab is
killed, and the target with its bootstrap. Needs Linux; elsewhere this can be imported, not used.
"""

from lab.supervise.experiment import stop_one
from lab.supervise.launch import Launch, TargetNotReady, TargetSpec, scenario_launch
from lab.supervise.planted import Planted
from lab.supervise.supervisor import Supervisor
from lab.supervise.watchdog import Progress, Watchdog

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
