"""Every program of processes that hangs, for each way to start a worker."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lab.model import Evidence, NoHolder
from lab.scenario import Cause

METHODS = ["fork", "forkserver", "spawn"]
pytestmark = pytest.mark.parametrize("method", METHODS)


def test_two_processes_each_hold_what_the_other_wants(look: Callable, method: str) -> None:
    seen = look("processes.py", "reentrant", method)

    assert seen.diagnosis.cause is Cause.LOCK_CYCLE
    assert seen.holder("worker-1", "p-wants") == ("worker-2", seen.line("p-holds"))
    assert seen.holder("worker-2", "p-wants") == ("worker-1", seen.line("p-holds"))
    assert seen.edge("worker-1", "p-wants").evidence is Evidence.CONFIRMED
    assert seen.holder("main", "joins") == ("worker-1", None)


def test_a_ring_of_three(look: Callable, method: str) -> None:
    seen = look("processes.py", "ring", method)

    assert seen.diagnosis.cause is Cause.LOCK_CYCLE
    for i in (1, 2, 3):
        neighbour = f"worker-{(i - 2) % 3 + 1}"
        assert seen.holder(f"worker-{i}", "ring-wants") == (neighbour, seen.line("ring-holds"))


def test_a_process_that_takes_its_own_lock_again(look: Callable, method: str) -> None:
    seen = look("processes.py", "self_deadlock", method)

    assert seen.diagnosis.cause is Cause.SELF_DEADLOCK
    assert seen.holder("worker-1", "twice-wants") == ("worker-1", seen.line("twice-holds"))


@pytest.mark.parametrize("program", ["dead_holder", "exited_holder"])
def test_a_holder_that_died(look: Callable, program: str, method: str) -> None:
    seen = look("processes.py", program, method)

    assert seen.diagnosis.cause is Cause.ABANDONED_LOCK
    edge = seen.edge("worker-1", "dead-wants")
    assert (edge.holder, edge.no_holder) == (None, NoHolder.DEAD_PROCESS)
    assert edge.evidence is Evidence.CONFIRMED


def test_a_consumer_killed_with_the_queue_s_lock(look: Callable, method: str) -> None:
    seen = look("processes.py", "dead_consumer", method)

    assert seen.diagnosis.cause is Cause.ABANDONED_LOCK
    edge = seen.edge("survivor", "pqueue-gets")
    assert edge.no_holder is NoHolder.DEAD_PROCESS
    assert "`Queue._rlock`" in seen.diagnosis.headline


def test_a_parent_that_joins_a_child_that_wants_its_lock(look: Callable, method: str) -> None:
    seen = look("processes.py", "parent_joins_holding", method)

    assert seen.diagnosis.cause is Cause.WAIT_CYCLE
    assert seen.holder("worker-1", "dead-wants") == ("main", seen.line("parent-holds"))


@pytest.mark.parametrize(
    ("program", "marker", "kind"),
    [
        ("event", "pevent-waits", "multiprocessing.Event"),
        ("queue_get", "pqueue-gets", "multiprocessing.Queue"),
    ],
)
def test_a_wait_that_nobody_can_satisfy(
    look: Callable, program: str, marker: str, kind: str, method: str
) -> None:
    seen = look("processes.py", program, method)

    assert seen.diagnosis.cause is Cause.UNSATISFIED_WAIT
    edge = seen.edge("worker-1", marker)
    assert edge.holder is None
    assert kind in [one.kind for one in seen.diagnosis.resources]


def test_both_ends_of_a_pipe_are_waited_on(look: Callable, method: str) -> None:
    seen = look("processes.py", "pipe", method)

    assert seen.diagnosis.cause is Cause.WAIT_CYCLE
    assert seen.holder("main", "main-receives") == ("worker-1", None)
    assert seen.holder("worker-1", "pipe-receives") == ("main", None)


def test_a_child_that_is_joined_before_its_queue_is_drained(look: Callable, method: str) -> None:
    seen = look("processes.py", "undrained_queue", method)

    assert seen.diagnosis.cause is Cause.WAIT_CYCLE
    assert seen.holder("main", "joins") == ("worker-1", None)
    around = {seen.label(actor) for actor in seen.diagnosis.cycles[0]}
    assert around == {"main", "worker-1", "QueueFeederThread in worker-1"}


@pytest.mark.parametrize(
    ("program", "marker", "grade"),
    [
        ("inherited_lock", "forked-wants", Evidence.SAME_OBJECT),
        ("inherited_rlock", "reforked-wants", Evidence.CONFIRMED),
    ],
)
def test_a_lock_that_was_taken_when_the_process_forked(
    look: Callable, program: str, marker: str, grade: Evidence, method: str
) -> None:
    if method != "fork":
        pytest.skip("only a fork copies the locks of threading")
    seen = look("processes.py", program, method)

    assert seen.diagnosis.cause is Cause.ABANDONED_LOCK
    edge = seen.edge("worker-1", marker)
    assert (edge.no_holder, edge.evidence) == (NoHolder.INHERITED_BY_FORK, grade)
    assert "keeper" in edge.because
