"""A fault-injection and correctness lab for Python concurrency.

These are the public names for people who write scenarios. Importing this package loads the
standard library only: it happens inside the program under test, whose footprint is measured.
"""

from lab.errors import ExitCode, InconclusiveError, LabError, UsageError
from lab.kit import Kit, LockLike, Worker
from lab.scenario import (
    Cause,
    NoHolder,
    OutcomeKind,
    Parameter,
    Scenario,
    StartMethod,
    Truth,
    Variant,
    Wait,
    Workers,
)

__all__ = [
    "Cause",
    "ExitCode",
    "InconclusiveError",
    "Kit",
    "LabError",
    "LockLike",
    "NoHolder",
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
]
