"""Tasks of asyncio, which are on no stack: read from memory, with their locks and awaits."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lab.model import Evidence
from lab.scenario import Cause


@pytest.mark.parametrize("program", ["crossed", "beside_a_heartbeat"])
def test_two_tasks_each_hold_what_the_other_wants(look: Callable, program: str) -> None:
    seen = look("loops.py", program, at_most_s=1.0)

    assert seen.diagnosis.cause is Cause.LOCK_CYCLE
    for one, other in (("worker-1", "worker-2"), ("worker-2", "worker-1")):
        edge = seen.edge(f"task {one}", "task-wants")
        assert seen.holder(f"task {one}", "task-wants") == (
            f"task {other}",
            seen.line("task-holds"),
        )
        assert edge.evidence is Evidence.SAME_OBJECT
    assert seen.holder("task Task-1", "gathers")[0] in ("task worker-1", "task worker-2")


def test_two_tasks_await_each_other(look: Callable) -> None:
    seen = look("loops.py", "each_other")

    assert seen.diagnosis.cause is Cause.WAIT_CYCLE
    assert seen.holder("task one", "awaits-other") == ("task two", None)
    assert seen.edge("task two", "awaits-other").evidence is Evidence.CONFIRMED


def test_a_task_and_a_thread_of_an_executor(look: Callable) -> None:
    seen = look("loops.py", "lock_across_await")

    assert seen.diagnosis.cause is Cause.WAIT_CYCLE
    assert seen.holder("task Task-1", "awaits-thread") == ("asyncio_0", None)
    assert seen.holder("asyncio_0", "executor-wants") == (
        "task Task-1",
        seen.line("coroutine-holds"),
    )


def test_two_ends_of_a_stream_in_one_process(look: Callable) -> None:
    seen = look("loops.py", "silent_peer")

    assert seen.diagnosis.cause is Cause.WAIT_CYCLE
    (server,) = (o for o in seen.diagnosis.edges if o.at.line == seen.line("server-reads"))
    assert seen.label(server.holder) == "task Task-1"
    assert seen.edge("task Task-1", "client-reads").holder == server.waiter


@pytest.mark.parametrize(
    ("program", "waiter", "marker", "kind"),
    [
        ("event", "task worker-1", "event-waits", "asyncio.Event"),
        ("queue_get", "task worker-1", "queue-gets", "asyncio.Queue"),
        ("forgotten_future", "task Task-1", "future-waits", "asyncio.Future"),
        ("loop_in_thread", "task Task-1", "thread-waits", "asyncio.Event"),
    ],
)
def test_a_wait_that_nobody_can_end(
    look: Callable, program: str, waiter: str, marker: str, kind: str
) -> None:
    seen = look("loops.py", program)

    assert seen.diagnosis.cause is Cause.UNSATISFIED_WAIT
    edge = seen.edge(waiter, marker)
    assert edge.holder is None
    assert next(o.kind for o in seen.diagnosis.resources if o.id == edge.resource) == kind
    assert seen.diagnosis.headline.startswith(waiter)


def test_a_result_that_a_task_is_to_bring(look: Callable) -> None:
    seen = look("loops.py", "loop_in_thread")
    assert seen.holder("main", "result-waits") == ("task Task-1", None)


def test_a_loop_that_is_blocked_by_its_own_coroutine(look: Callable) -> None:
    seen = look("loops.py", "blocking_call")

    assert seen.diagnosis.cause is Cause.SELF_DEADLOCK
    assert seen.edge("main", "blocks-loop")
    assert "event loop of main stands still meanwhile, and with it 1 other task" in (
        seen.diagnosis.headline
    )


def test_a_slow_holder_is_named(look: Callable) -> None:
    seen = look("loops.py", "slow_holder")

    assert seen.diagnosis.cause is Cause.NONE
    assert seen.holder("task waiter", "slow-wants") == ("task holder", seen.line("slow-holds"))


def test_a_lock_that_was_given_back_is_not_held(look: Callable) -> None:
    seen = look("loops.py", "handed_over")

    assert seen.diagnosis.cause is Cause.NONE
    assert seen.diagnosis.cycles == ()
    assert seen.holder("task second", "over-wants") == ("task first", seen.line("over-holds"))


@pytest.mark.parametrize("program", ["turns", "patient", "busy"])
def test_what_only_looks_so(look: Callable, program: str) -> None:
    seen = look("loops.py", program, at_once=True)

    assert seen.diagnosis.cause is Cause.NONE
    assert seen.diagnosis.cycles == ()


def test_a_server_waits_for_the_outside(look: Callable) -> None:
    seen = look("loops.py", "served")

    assert seen.diagnosis.cause is Cause.OUTSIDE_WAIT
    assert "TCP listener" in seen.edge("task Task-1", "serves").because
