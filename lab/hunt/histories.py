"""Histories of operations: what the threads did, and whether some sequential order explains it.

Herlihy and Wing, "Linearizability: a correctness condition for concurrent objects", ACM TOPLAS
1990: every operation has to seem to happen at one moment between its call and its return. The
sequential outcomes are found by running the object itself (or a model of it) one operation after
the other, in every order that keeps each thread's own; an operation that would block ends its
thread there, which is how a wake-up that was lost is told from a wait that is right.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from lab.hunt.session import Session
from lab.hunt.strategies.base import Strategy

# Longer than any time-out of an operation: the main thread sleeps so long in virtual time, that is
# until no other thread can do anything.
_FOREVER: Final = 1e12


class Call(msgspec.Struct, frozen=True):
    """One operation to perform: the method's name and its arguments."""

    name: str
    arguments: tuple[Any, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(repr, self.arguments))})"


class Plan(msgspec.Struct, frozen=True):
    """Operations performed first, alone, and those of each thread."""

    before: tuple[Call, ...]
    threads: tuple[tuple[Call, ...], ...]


# An operation's place: its thread and its rank there. A result: whether it raised, and what.
Place = tuple[int, int]
Result = tuple[bool, Any]


class Outcome(msgspec.Struct, frozen=True):
    """One sequential order that nothing can prolong, and what each operation returned in it."""

    order: tuple[Place, ...]
    results: dict[Place, Result]


class History:
    """What one concurrent execution did: results, and what returned before what was called."""

    def __init__(self) -> None:
        self.results: dict[Place, Result] = {}
        self.earlier: dict[Place, frozenset[Place]] = {}

    def perform(self, target: object, place: Place, call: Call) -> None:
        """Perform ``call`` on ``target`` and note its result."""
        self.earlier[place] = frozenset(self.results)
        self.results[place] = perform(target, call)

    def explained_by(self, outcome: Outcome) -> bool:
        """Whether ``outcome`` has the same results, and no operation before an earlier one."""
        if self.results != outcome.results:
            return False
        rank = {place: number for number, place in enumerate(outcome.order)}
        return all(rank[before] < rank[place] for place in rank for before in self.earlier[place])


def perform(target: object, call: Call) -> Result:
    """Return what ``call`` returns, or the type of what it raises."""
    try:
        return False, getattr(target, call.name)(*call.arguments)
    except Exception as error:  # noqa: BLE001 - what an operation raises is its result
        return True, type(error).__name__


def concurrently(make: Callable[[], object], plan: Plan, history: History) -> None:
    """Perform ``plan`` with a thread for each of its parts, until none can go on."""
    target = make()
    for call in plan.before:
        perform(target, call)

    def work(index: int) -> None:
        for rank, call in enumerate(plan.threads[index]):
            history.perform(target, (index, rank), call)

    for index in range(len(plan.threads)):
        threading.Thread(target=work, args=(index,), name=f"T{index + 1}", daemon=True).start()
    time.sleep(_FOREVER)


class Sequential:
    """Finds the sequential outcomes of a plan; ``session`` notices operations that block."""

    def __init__(self, session: Session, make: Callable[[], object], plan: Plan) -> None:
        self._session = session
        self._make = make
        self._plan = plan

    def outcomes(self) -> list[Outcome]:
        """Return an outcome for every order that keeps each thread's own; empty when the plan's
        first operations block.
        """
        first = self._run(())
        return [] if first is None else list(self._prolong((), first))

    def _prolong(self, order: tuple[Place, ...], results: dict[Place, Result]) -> Iterator[Outcome]:
        further = False
        for index, calls in enumerate(self._plan.threads):
            rank = sum(place[0] == index for place in order)
            if rank == len(calls):
                continue
            longer = (*order, (index, rank))
            found = self._run(longer)
            if found is not None:
                further = True
                yield from self._prolong(longer, found)
        if not further:
            yield Outcome(order, results)

    def _run(self, order: tuple[Place, ...]) -> dict[Place, Result] | None:
        """Return the results of performing ``order``, None when an operation blocks."""
        results: dict[Place, Result] = {}

        def body() -> None:
            target = self._make()
            for call in self._plan.before:
                perform(target, call)
            for place in order:
                results[place] = perform(target, self._plan.threads[place[0]][place[1]])

        outcome = self._session.execute(Strategy(), body=body)
        return results if outcome.failure is None and outcome.conclusive else None
