"""The real interpreter's answer to :mod:`gil_patterns`: free threads, a switch interval of 1 µs."""

from __future__ import annotations

import contextlib
import sys
import threading
import types
from collections.abc import Callable

from tests.quality.hunt.gil_patterns import State

_WARM = 20_000


@contextlib.contextmanager
def eager_switching():
    """Ask the interpreter to switch as often as it can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def warm(step: Callable[[State], None]) -> None:
    """Run ``step`` alone until the interpreter has specialised it, whatever ran it before.

    After an attempt that failed the specialiser leaves a call alone for a few thousand passes at
    most. One switch while code is cold can lose thousands of increments: the other thread makes
    all of them in the meantime.
    """
    state = State()
    for _ in range(_WARM):
        step(state)


def lost_updates(step: Callable[[State], None], times: int) -> int:
    """Return how many of 2 x ``times`` increments were lost by two free-running threads."""
    state = State()
    together = threading.Barrier(2)

    def run():
        together.wait()
        for _ in range(times):
            step(state)

    _both(run)
    return 2 * times - state.total()


def lost_when_cold(step: Callable[[State], None], times: int) -> int:
    """The same with code that was never run before: a fresh code object for every increment."""
    lost = 0
    for _ in range(times):
        state = State()
        fresh = types.FunctionType(step.__code__.replace(), step.__globals__)
        together = threading.Barrier(2)

        def run(fresh=fresh, state=state, together=together):
            together.wait()
            fresh(state)

        _both(run)
        lost += 2 - state.total()
    return lost


def _both(run: Callable[[], None]) -> None:
    threads = [threading.Thread(target=run) for _ in range(2)]
    with eager_switching():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
