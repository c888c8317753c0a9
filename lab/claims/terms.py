"""The few terms that measuring and deciding have to agree on."""

from __future__ import annotations

from lab.scenario import StartMethod, Variant, Workers

THREADS = Variant(Workers.THREADS)
FORK = Variant(Workers.PROCESSES, StartMethod.FORK)
FORKSERVER = Variant(Workers.PROCESSES, StartMethod.FORKSERVER)
SPAWN = Variant(Workers.PROCESSES, StartMethod.SPAWN)
EVERY = (THREADS, FORK, FORKSERVER, SPAWN)

OTHERS = "CPUs used by others"
"""The figure that is added to those of every program: how busy the machine was beside it."""
LEAK = "leak"
"""The tag of scenarios in which memory leaks: their corrected version leaks as much."""

BUSY = 0.25
"""The greatest share of the CPUs that others may use while what needs them is measured."""


def team(cpus: int) -> int:
    """Return how many workers compute at once: as many as CPUs, but more than one."""
    return max(2, cpus)
