"""A fault-injection and correctness lab for Python concurrency.

These are the public names for people who write scenarios and tests. Importing this package loads
the standard library only: it happens inside the program under test, whose footprint is measured.
What a hunt needs is loaded when it is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from lab.errors import ExitCode, InconclusiveError, LabError, UsageError
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

if TYPE_CHECKING:
    from lab.hunt.linearizability import NotLinearizable as NotLinearizable
    from lab.hunt.linearizability import linearizable as linearizable
    from lab.interleaving import HuntInconclusiveError as HuntInconclusiveError
    from lab.interleaving import InterleavingFailure as InterleavingFailure
    from lab.interleaving import interleave as interleave

_LATER = {
    "HuntInconclusiveError": "lab.interleaving",
    "InterleavingFailure": "lab.interleaving",
    "NotLinearizable": "lab.hunt.linearizability",
    "interleave": "lab.interleaving",
    "linearizable": "lab.hunt.linearizability",
}

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


def __getattr__(name: str) -> Any:
    home = _LATER.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)
