"""A singleton that is made when it is first asked for, and then perhaps twice.

``if it is not there: make it`` is a check and an act. Two threads that ask for the first time at
once both find nothing, both make one, and one of them works with an object that nobody else has.
"""

from __future__ import annotations

import threading
from typing import Any

from lab import Kit, Observed, OutcomeKind, Parameter, Scenario, Truth, Workers


class Registry:
    """Expensive to make, and meant to exist once."""


class Lazy:
    """Makes the registry when it is first asked for."""

    def __init__(self) -> None:
        self._made: Registry | None = None
        self._guard = threading.Lock()

    def get(self) -> Registry:
        """Return the registry, made if need be."""
        if self._made is None:
            self._made = Registry()
        return self._made

    def get_once(self) -> Registry:
        """Return the registry; look, and make it, under the lock."""
        with self._guard:
            if self._made is None:
                self._made = Registry()
            return self._made


def ask(start: Any, way: Any, holders: list[Lazy], answers: list[Registry]) -> None:
    """Ask each holder for its registry."""
    start.wait()
    answers.extend(way(holder) for holder in holders)


def faulty(kit: Kit, tries: int) -> None:
    """Ask twice for what is not made yet."""
    compete(kit, Lazy.get, tries)


def corrected(kit: Kit, tries: int) -> None:
    """Ask twice, under the lock."""
    compete(kit, Lazy.get_once, tries)


def compete(kit: Kit, way: Any, tries: int) -> None:
    """Have two ask for the same registries, and count those of which there are two."""
    holders, start = [Lazy() for _ in range(tries)], kit.barrier(2)
    answers: tuple[list[Registry], list[Registry]] = [], []
    users = [
        kit.worker(ask, start, way, holders, got, name=f"user-{n}")
        for n, got in enumerate(answers, start=1)
    ]
    for each in users:
        each.start()
    for each in users:
        each.join()
    kit.observe("tries", tries)
    kit.observe("violations", sum(a is not b for a, b in zip(*answers, strict=True)))


def hunted() -> None:
    """Two users, one registry."""
    one_registry(Lazy.get)


def hunted_corrected() -> None:
    """The same, under the lock."""
    one_registry(Lazy.get_once)


def one_registry(way: Any) -> None:
    """Have two threads ask for one registry."""
    holder = Lazy()
    got: list[Registry] = []
    users = [threading.Thread(target=lambda: got.append(way(holder))) for _ in range(2)]
    for each in users:
        each.start()
    for each in users:
        each.join()
    assert got[0] is got[1]


def truth(tries: int) -> Truth:
    """It ends as if nothing had happened; how many registries were made twice is left to chance."""
    observed = Observed("tries", tries, tries), Observed("violations", minimum=0, maximum=tries)
    return Truth(OutcomeKind.EXITED, observed=observed)


def healthy(tries: int) -> Truth:
    """Each is made once."""
    observed = Observed("tries", tries, tries), Observed("violations", 0, 0)
    return Truth(OutcomeKind.EXITED, observed=observed)


SCENARIO = Scenario(
    name="lazy-singleton",
    title="A singleton that is made twice",
    plants="Two threads find that it does not exist yet, and both make it.",
    why=(
        "It happens once in the life of a program, when all its threads start, and never again: "
        "no test that asks twice in a row can show it. Processes cannot have this fault, because "
        "each has a memory of its own: there is always one for every process, which is what the "
        "author wanted to avoid, but it is so every time."
    ),
    cure="Look and make under one lock, or make it when the module is imported.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    healthy=healthy,
    parameters=(Parameter("tries", 50000, "registries asked for", minimum=1, maximum=200000),),
    variants=(Workers.THREADS,),
    tags=("race", "memory"),
    claims=("T4", "T7", "P4", "G1"),
    hunted=hunted,
    hunted_corrected=hunted_corrected,
)
