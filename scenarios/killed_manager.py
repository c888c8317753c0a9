"""A manager process that is killed.

A manager keeps objects in a process of its own and hands out proxies. What it keeps is nowhere
else.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing.managers import SyncManager
from multiprocessing.util import get_temp_dir

from lab import Kit, Observed, OutcomeKind, Parameter, Scenario, Truth, Workers

GONE = (EOFError, OSError)
"""What a proxy raises when its manager is dead: mostly ConnectionResetError or EOFError."""


def new_manager(kit: Kit) -> SyncManager:
    """Start a manager process."""
    return multiprocessing.get_context(kit.variant.start_method).Manager()


def faulty(kit: Kit, results: int) -> None:
    """Keep all results in the manager, until it dies when one more object is asked of it."""
    manager = new_manager(kit)
    kept = manager.dict()
    for number in range(results):
        kept[number] = number * number
    found = 0
    try:
        manager.list()
        found = len(kept)
    except GONE:
        found = count(kept)
    kit.observe("results lost", results - found)


def count(kept: object) -> int:
    """Return how many results can still be read."""
    try:
        return len(kept)  # type: ignore[arg-type]
    except GONE:
        return 0


def corrected(kit: Kit, results: int) -> None:
    """Keep them in a place that one can name, and in the manager a copy for the others."""
    get_temp_dir()  # made here, so that no dead manager is the one who should remove it
    own = {number: number * number for number in range(results)}
    manager = new_manager(kit)
    kept = manager.dict(own)
    try:
        manager.list()
    except GONE:
        manager = new_manager(kit)
        kept = manager.dict(own)
        manager.list()
    kit.observe("results lost", results - len(kept))


def truth(results: int) -> Truth:
    """Every result is gone with the manager."""
    return Truth(OutcomeKind.EXITED, observed=(Observed("results lost", results, results),))


def healthy(results: int) -> Truth:
    """A new manager has them all."""
    del results
    return Truth(OutcomeKind.EXITED, observed=(Observed("results lost", 0, 0),))


SCENARIO = Scenario(
    name="killed-manager",
    title="A manager process killed",
    plants="The process that keeps the shared objects dies, and all they held with it.",
    why=(
        "A proxy is an address and a connection. The objects look like a dict and a list of one's "
        "own, but each use is a message to one process, and that is the single place in which "
        "they exist. Threads need no manager: they have the objects themselves."
    ),
    cure="Have an owner for the data, and let the manager have a copy that can be made again.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    healthy=healthy,
    faults=("kill:SyncManager-1@call:multiprocessing.managers.Server.create#2",),
    parameters=(Parameter("results", 5, "results to keep", minimum=1, maximum=1000),),
    variants=(Workers.PROCESSES,),
    tags=("killed", "manager"),
    claims=("P6", "T4"),
)
