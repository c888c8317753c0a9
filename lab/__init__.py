"""A fault-injection and correctness lab for Python concurrency.

These are the public names for people who write scenarios and tests. Each is loaded when it is first
used: this package is imported inside the program under test, whose footprint is measured, and by
`lab watch`, which nobody should notice.
"""

import importlib

TYPE_CHECKING = False  # known to type checkers; importing typing would double the time of this file
if TYPE_CHECKING:
    from typing import Any

    from lab.errors import ExitCode, InconclusiveError, LabError, UsageError
    from lab.hunt.linearizability import NotLinearizable, linearizable
    from lab.interleaving import HuntInconclusiveError, InterleavingFailure, interleave
    from lab.kit import Kit, LockLike, Worker, point
    from lab.scenario import (
        Cause,
        NoHolder,
        Observed,
        OutcomeKind,
        Parameter,
        Scenario,
        StartMethod,
        Truth,
        Variant,
        Wait,
        Workers,
    )

_HOMES = {
    "lab.errors": ("ExitCode", "InconclusiveError", "LabError", "UsageError"),
    "lab.hunt.linearizability": ("NotLinearizable", "linearizable"),
    "lab.interleaving": ("HuntInconclusiveError", "InterleavingFailure", "interleave"),
    "lab.kit": ("Kit", "LockLike", "Worker", "point"),
    "lab.scenario": (
        "Cause",
        "NoHolder",
        "Observed",
        "OutcomeKind",
        "Parameter",
        "Scenario",
        "StartMethod",
        "Truth",
        "Variant",
        "Wait",
        "Workers",
    ),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Cause",
    "ExitCode",
    "HuntInconclusiveError",
    "InconclusiveError",
    "InterleavingFailure",
    "Kit",
    "LabError",
    "LockLike",
    "NoHolder",
    "NotLinearizable",
    "Observed",
    "OutcomeKind",
    "Parameter",
    "Scenario",
    "StartMethod",
    "Truth",
    "UsageError",
    "Variant",
    "Wait",
    "Worker",
    "Workers",
    "interleave",
    "linearizable",
    "point",
]


def __getattr__(name: str) -> "Any":
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value  # the next time it is found at once
    return value
