"""A lost update, left to chance; ``two_increments`` is also a test that can be hunted.

The line between load and store calls into C, which is where a build with the GIL can switch. A
statement without such a call loses nothing there.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

from lab.kit import Kit
from lab.scenario import OutcomeKind, Parameter, Scenario, Truth, Workers


class Counter:
    """Something to update."""

    value = 0


def add_with_call(counter: Counter) -> None:
    """Add one, with a call between load and store."""
    seen = counter.value
    counter.value = int(seen) + 1


def add_without_call(counter: Counter) -> None:
    """Add one, in a statement that calls nothing."""
    counter.value += 1


def two_increments() -> None:
    """Two threads add one each: raises AssertionError when one update is lost."""
    counter = Counter()
    threads = [threading.Thread(target=add_with_call, args=(counter,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.value == 2


def lost(add: Callable[[Counter], None], times: int) -> int:
    """Return how many of 2 x ``times`` updates two threads lose that switch as often as can be."""
    counter, together = Counter(), threading.Barrier(2)

    def run() -> None:
        together.wait()
        for _ in range(times):
            add(counter)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 2 * times - counter.value


def program(kit: Kit, executions: int, times: int) -> None:
    """Run the test again and again, then both statements under stress."""
    failures = 0
    began = time.perf_counter()
    for _ in range(executions):
        try:
            two_increments()
        except AssertionError:
            failures += 1
    kit.observe("failures by chance", failures)
    kit.observe("executions by chance", executions)
    kit.observe("seconds of chance", time.perf_counter() - began, "s")
    sys.setswitchinterval(1e-6)
    kit.observe("updates lost without a call", lost(add_without_call, times))
    kit.observe("updates lost with a call", lost(add_with_call, times))
    kit.observe("updates under stress", 2 * times)


SCENARIO = Scenario(
    name="race",
    title="A lost update, left to chance",
    plants="Two threads load, change and store the same number.",
    why="Threads only: processes that share memory switch anywhere.",
    cure="A lock around all three.",
    faulty=program,
    corrected=program,
    truth=lambda **_: Truth(OutcomeKind.EXITED),
    parameters=(
        Parameter("executions", 1000, "executions of the test", minimum=1),
        Parameter("times", 200_000, "updates of each thread under stress", minimum=1),
    ),
    variants=(Workers.THREADS,),
    claims=("T7", "G1"),
)
