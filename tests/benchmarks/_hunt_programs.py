"""The programs of the hunting benchmark, in the forms that the tools compared ask for.

Nothing fails: what is measured is executions, so a search must not stop. Standard library only, for
it is run in the peers' environment too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class Counter:
    """Two unguarded increments: the least a scheduler can be given."""

    def __init__(self) -> None:
        self.value = 0

    def increment(self) -> None:
        seen = self.value
        self.value = seen + 1

    def workers(self) -> list[str]:
        return ["increment", "increment"]


class Account:
    """A deposit, a withdrawal and an audit under one lock."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.balance = 10
        self.done = 0

    def deposit(self) -> None:
        with self.lock:
            self.balance += 5
            self.done += 1

    def withdraw(self) -> None:
        with self.lock:
            self.balance -= 3
            self.done += 1

    def audit(self) -> None:
        with self.lock:
            self.seen = (self.balance, self.done)

    def workers(self) -> list[str]:
        return ["audit", "deposit", "withdraw"]


class Deque:
    """A work-stealing queue: the owner at one end without a lock, two thieves at the other."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.head = 0
        self.tail = 0
        self.slots: list[Any] = [None] * 8
        self.taken: list[Any] = []

    def push(self, item: object) -> None:
        self.slots[self.tail % 8] = item
        self.tail += 1

    def pop(self) -> object:
        self.tail -= 1
        if self.head <= self.tail:
            return self.slots[self.tail % 8]
        with self.lock:
            self.tail += 1
        return None

    def steal(self) -> None:
        for _ in range(2):
            with self.lock:
                at = self.head
                self.head = at + 1
                if at < self.tail:
                    self.taken.append(self.slots[at % 8])
                else:
                    self.head = at

    def own(self) -> None:
        for turn in range(2):
            self.push(2 * turn)
            self.push(2 * turn + 1)
            self.taken.append(self.pop())
        for _ in range(2):
            self.taken.append(self.pop())

    def workers(self) -> list[str]:
        return ["own", "steal", "steal"]


PROGRAMS: dict[str, type[Any]] = {"counter": Counter, "account": Account, "work stealing": Deque}


def body(program: type[Any], thread: Callable[..., Any] = threading.Thread) -> Callable[[], None]:
    """Return the program as a test without arguments that starts and joins its own threads."""

    def run() -> None:
        state = program()
        threads = [thread(target=getattr(state, name)) for name in state.workers()]
        for each in threads:
            each.start()
        for each in threads:
            each.join()

    return run


def calls(program: type[Any]) -> list[Callable[[Any], None]]:
    """Return the program's threads as functions of its state."""
    return [getattr(program, name) for name in program().workers()]


# As tests that a command line can name.
counter, account, work_stealing = (body(program) for program in PROGRAMS.values())
