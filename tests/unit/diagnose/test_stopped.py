"""Programs that were stopped by a signal: a pause, and neither a deadlock nor health."""

from __future__ import annotations

import pytest

from lab.diagnose import diagnose
from lab.scenario import Cause
from tests.unit.diagnose.test_constructed import KEYS, A, B, snapshot, thread, wait

STOPPED = {"state": "T", "syscall": "", "closed": False, "channel": "do_signal_stop"}


def test_a_holder_that_is_stopped_is_the_cause() -> None:
    """Thread 1 is inside its first ``with``, thread 2 waits for the lock of that."""
    holder, waiter = thread(1, A, B, line=4), thread(2, B, A)
    found = diagnose(snapshot((holder, waiter), (wait(1, "", **STOPPED), wait(2, KEYS[A]))))
    assert found.cause is Cause.STOPPED
    assert found.headline.startswith("main is stopped by a signal: only a SIGCONT lets that go on.")
    (edge,) = [edge for edge in found.edges if edge.waiter == "1/2"]
    assert edge.holder == "1/1"


@pytest.mark.parametrize(
    "other",
    [
        {"state": "R", "syscall": "", "closed": False},
        {"syscall": "clock_nanosleep", "timed": True, "closed": False},
        {"syscall": "read", "closed": False},
    ],
    ids=["runs", "sleeps", "reads"],
)
def test_where_another_can_still_go_on_nothing_is_named(other: dict[str, object]) -> None:
    stopped, active = thread(1, A, B, line=4), thread(2, B, A, line=4)
    waits = (wait(1, "", **STOPPED), wait(2, "", **other))
    assert diagnose(snapshot((stopped, active), waits)).cause is Cause.NONE


def test_a_cycle_beside_it_comes_first() -> None:
    first, second, stopped = thread(1, A, B), thread(2, B, A), thread(3, A, B, line=1)
    waits = (wait(1, KEYS[B]), wait(2, KEYS[A]), wait(3, "", **STOPPED))
    assert diagnose(snapshot((first, second, stopped), waits)).cause is Cause.LOCK_CYCLE
