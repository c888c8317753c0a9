"""Every program of threads that hangs: the right cause, the right lines, the right holder."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lab.model import Evidence, NoHolder
from lab.scenario import Cause

# program, the line that is held, the line that waits, the evidence that must be reached
CROSSED = [
    ("attributes", "account-holds", "account-wants", Evidence.SAME_OBJECT),
    ("private_attributes", "private-holds", "private-wants", Evidence.SAME_OBJECT),
    ("slots", "slot-holds", "slot-wants", Evidence.SAME_OBJECT),
    ("dictionary", "key-holds", "key-wants", Evidence.SAME_OBJECT),
    ("several_items", "pair", "pair", Evidence.SAME_OBJECT),
    ("exit_stack", "stack-holds", "stack-wants", Evidence.SAME_OBJECT),
    ("reentrant", "reentrant-holds", "reentrant-wants", Evidence.CONFIRMED),
    ("generator_manager", "managed-holds", "managed-wants", Evidence.SOURCE),
    ("helper_methods", "helper-holds", "begin-acquires", Evidence.SOURCE),
]


@pytest.mark.parametrize(("program", "held", "wanted", "grade"), CROSSED)
def test_two_threads_each_hold_what_the_other_wants(
    look: Callable, program: str, held: str, wanted: str, grade: Evidence
) -> None:
    seen = look("threads.py", program)

    assert seen.diagnosis.cause is Cause.LOCK_CYCLE
    assert len(seen.diagnosis.cycles) == 1
    assert seen.holder("worker-1", wanted) == ("worker-2", seen.line(held))
    assert seen.holder("worker-2", wanted) == ("worker-1", seen.line(held))
    assert seen.edge("worker-1", wanted).evidence is grade


@pytest.mark.parametrize("program", ["global_locks", "heartbeat"])
def test_global_locks_also_beside_a_thread_that_runs(look: Callable, program: str) -> None:
    seen = look("threads.py", program)

    assert seen.diagnosis.cause is Cause.LOCK_CYCLE
    assert seen.holder("worker-1", "g-wants-second") == ("worker-2", seen.line("g-second"))
    assert seen.holder("worker-2", "g-wants-first") == ("worker-1", seen.line("g-first"))
    assert seen.snapshot.stable is (program == "global_locks")


def test_acquire_and_release_in_try_finally(look: Callable) -> None:
    seen = look("threads.py", "acquire_release")

    assert seen.diagnosis.cause is Cause.LOCK_CYCLE
    assert seen.holder("worker-1", "explicit-wants") == ("worker-2", seen.line("late-holds"))
    assert seen.holder("worker-2", "late-wants") == ("worker-1", seen.line("explicit-holds"))


def test_three_philosophers_with_indexed_forks(look: Callable) -> None:
    seen = look("threads.py", "items")

    assert seen.diagnosis.cause is Cause.LOCK_CYCLE
    assert [len(cycle) for cycle in seen.diagnosis.cycles] == [3]
    for i in (1, 2, 3):
        neighbour = f"worker-{i % 3 + 1}"
        assert seen.holder(f"worker-{i}", "fork-right") == (neighbour, seen.line("fork-left"))


def test_the_story_is_in_plain_sentences_with_lines(look: Callable) -> None:
    seen = look("threads.py", "attributes")
    held, wanted = seen.line("account-holds"), seen.line("account-wants")

    assert seen.diagnosis.story[0] == (
        f"worker-1 holds `self._lock` (threads.py:{held}) and waits for `other._lock`"
        f" (threads.py:{wanted}), which worker-2 has held since threads.py:{held}."
    )
    assert seen.diagnosis.headline.startswith(seen.diagnosis.story[0])
    assert seen.diagnosis.story[2].startswith("main waits for the end of Thread worker-1")


def test_a_thread_that_takes_its_own_lock_again(look: Callable) -> None:
    seen = look("threads.py", "self_deadlock")

    assert seen.diagnosis.cause is Cause.SELF_DEADLOCK
    assert seen.holder("worker-1", "self-wants") == ("worker-1", seen.line("self-holds"))


@pytest.mark.parametrize(
    ("program", "marker", "grade"),
    [
        ("leaked_lock", "leak-wants", Evidence.SOURCE),
        ("leaked_rlock", "rleak-wants", Evidence.CONFIRMED),
    ],
)
def test_a_lock_that_a_finished_thread_kept(
    look: Callable, program: str, marker: str, grade: Evidence
) -> None:
    seen = look("threads.py", program)

    assert seen.diagnosis.cause is Cause.ABANDONED_LOCK
    edge = seen.edge("main", marker)
    assert (edge.holder, edge.no_holder, edge.evidence) == (None, NoHolder.LEAKED, grade)


def test_joining_a_thread_that_wants_what_one_holds(look: Callable) -> None:
    seen = look("threads.py", "join_with_lock")

    assert seen.diagnosis.cause is Cause.WAIT_CYCLE
    assert seen.holder("worker-1", "joined-wants") == ("main", seen.line("join-holds"))
    assert seen.holder("main", "join-waits") == ("worker-1", None)


def test_a_thread_that_keeps_the_interpreter_from_exiting(look: Callable) -> None:
    seen = look("threads.py", "forgotten_thread")

    assert seen.diagnosis.cause is Cause.UNSATISFIED_WAIT
    assert seen.edge("worker-1", "queue-gets").holder is None
    (main,) = (edge for edge in seen.diagnosis.edges if seen.label(edge.waiter) == "main")
    assert (seen.label(main.holder), main.evidence) == ("worker-1", Evidence.SOURCE)


UNSATISFIED = [
    ("event", "worker-1", "event-waits", "threading.Event", "event"),
    ("condition", "worker-1", "condition-waits", "threading.Condition", "condition"),
    ("queue_get", "worker-1", "queue-gets", "queue.Queue", "items"),
    ("queue_put", "main", "queue-puts", "queue.Queue", "items"),
    ("queue_join", "main", "queue-joins", "queue.Queue", "items"),
    ("semaphore", "worker-1", "permit-wants", "threading.Semaphore", "semaphore"),
    ("barrier", "worker-2", "barrier-waits", "threading.Barrier", "barrier"),
    ("starved_pool", "pool_0", "pool-waits", "concurrent.futures.Future", "later"),
]


@pytest.mark.parametrize(("program", "waiter", "marker", "kind", "name"), UNSATISFIED)
def test_a_wait_that_nobody_can_satisfy(
    look: Callable, program: str, waiter: str, marker: str, kind: str, name: str
) -> None:
    seen = look("threads.py", program)

    assert seen.diagnosis.cause is Cause.UNSATISFIED_WAIT
    assert not seen.diagnosis.cycles
    edge = seen.edge(waiter, marker)
    assert (edge.holder, edge.no_holder) == (None, None)
    resource = next(one for one in seen.diagnosis.resources if one.id == edge.resource)
    assert (resource.kind, resource.name) == (kind, name)
