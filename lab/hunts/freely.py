"""The child's side of a confirmation: the pins of a schedule, and runs on free threads with delays.

A run's answer is written when it is known. No answer means that the interpreter stands still, or is
gone: who watches it from outside says which.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from lab.hunt import Settings, hunt
from lab.hunt.delays import Delays
from lab.hunt.outcome import Failure
from lab.hunt.pins import pinned
from lab.hunt.schedule import parse
from lab.hunt.sites import FREE_THREADED, GIL
from lab.hunts.guard import Guard, Leave
from lab.hunts.noted import Log
from lab.hunts.orders import TRIES, Order, Reply
from lab.hunts.targets import Target

SEARCHED: Final = 2_000
"""Executions spent on finding a schedule that a GIL build can perform, for one that it cannot."""

GONE: Final = "the schedule does not make the test fail any more: there is nothing to confirm"
DRAWN: Final = (
    "the inputs of the test are drawn by Hypothesis, and a schedule does not say which: "
    "they cannot be confirmed one by one"
)


class Try(msgspec.Struct, frozen=True):
    """How one run on free threads ended; ``kind`` is empty when it passed."""

    kind: str = ""
    message: str = ""
    place: str = ""


def with_gil() -> bool:
    """Whether this interpreter switches threads where a GIL allows it only."""
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())


def prepare(
    order: Order, target: Target, settings: Settings, begin: Callable[[int], None]
) -> Reply:
    """Say how the schedule fails under the scheduler, and where delays are to be made.

    ``begin`` is told the number of each execution before it begins.
    """
    if target.of_hypothesis is not None:
        return Reply(seen=DRAWN, code=4)
    guard = Guard(target.body, begin)
    try:
        plan, found = order.plan(), pinned(guard, order.plan(), settings)
        if found.failure is None:
            return Reply(seen=GONE, code=4)
        if plan.model == FREE_THREADED and with_gil():
            return _with_the_gil(guard, found.failure, settings)
        return Reply(failure=found.failure, pins=found.pins, model=plan.model)
    except Leave as leaving:
        raise leaving.reason from None


def _with_the_gil(guard: Guard, failure: Failure, settings: Settings) -> Reply:
    """Look for the same failure where this interpreter can switch: delays elsewhere would lie."""
    asked = msgspec.structs.replace(settings, model=GIL, executions=SEARCHED)
    result = hunt(guard, asked)
    if result.schedule is not None and failure.same_bug(result.failure):
        found = pinned(guard, parse(result.schedule), settings)
        if failure.same_bug(found.failure):
            return Reply(failure=found.failure, pins=found.pins, model=GIL)
    return Reply(failure=failure, model=FREE_THREADED, executions=result.executions)


def run(order: Order, target: Target, folder: Path) -> Reply:
    """Run the test with delays, as often as ordered, or until a run leaves threads behind."""
    log = Log(folder / TRIES)
    delays = Delays(order.pins, os.getpid())
    for _ in range(order.times):
        failures = _Failures()
        with delays.trial(), failures.caught():
            before = set(threading.enumerate())
            failures.of_main(target.body)
            if failures.first is None:
                _join(before)
        log.write(failures.first or Try())
        if set(threading.enumerate()) - before:
            break
    return Reply()


def _join(before: set[threading.Thread]) -> None:
    """Wait for the threads that the interpreter would wait for at its end."""
    import concurrent.futures.thread as pool

    for thread in set(threading.enumerate()) - before:
        if not thread.daemon and thread not in pool._threads_queues:
            thread.join()


class _Failures:
    """The first exception that left a thread, the test's own or another."""

    def __init__(self) -> None:
        self.first: Try | None = None

    def of_main(self, body: Callable[[], object]) -> None:
        """Run the test."""
        try:
            body()
        except BaseException as error:  # noqa: BLE001 - whatever the test raises is the answer
            self._note(error, "main")

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Return a context in which the exceptions of all threads are noted."""
        usual = threading.excepthook
        threading.excepthook = self._of_thread
        try:
            yield
        finally:
            threading.excepthook = usual

    def _of_thread(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            self._note(args.exc_value, args.thread.name if args.thread else "?")

    def _note(self, error: BaseException, thread: str) -> None:
        failure = Failure.of(error, thread, 0)
        if self.first is None:
            self.first = Try(failure.kind, failure.message, failure.place)
