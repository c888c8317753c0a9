"""Programs that only look as if they hung: no cycle, no lost lock, and no wrong holder."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lab.scenario import Cause

THREADS = [
    "contended",
    "ordered_many",
    "slow_holder",
    "handed_over",
    "same_names",
    "impatient",
    "idle_pool",
    "slow_producer",
    "timer",
    "busy",
    "producers_and_consumers",
    "event_loop",
    "child_command",
    "logging_threads",
]
PROCESSES = ["contended_processes", "slow_process", "executor"]
METHODS = ["fork", "forkserver", "spawn"]


def _is_calm(seen) -> bool:
    diagnosis = seen.diagnosis
    assert diagnosis.cause is Cause.NONE, diagnosis.story
    assert diagnosis.cycles == ()
    assert not [edge for edge in diagnosis.edges if edge.no_holder]
    return all(edge.holder != edge.waiter for edge in diagnosis.edges)


@pytest.mark.parametrize("program", THREADS)
def test_threads(look: Callable, program: str) -> None:
    assert _is_calm(look("healthy.py", program, at_once=True))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("program", PROCESSES)
def test_processes(look: Callable, program: str, method: str) -> None:
    assert _is_calm(look("healthy.py", program, method, at_once=True))


def test_a_slow_holder_is_named(look: Callable) -> None:
    seen = look("healthy.py", "slow_holder")

    assert _is_calm(seen)
    assert seen.holder("worker-2", "slow-wants") == ("worker-1", seen.line("slow-holds"))
    assert seen.diagnosis.headline.startswith(
        "Nothing is known to be stuck for good: worker-2 waits for"
    )


def test_a_lock_that_was_given_back_is_not_held(look: Callable) -> None:
    seen = look("healthy.py", "handed_over")

    assert _is_calm(seen)
    assert seen.holder("worker-1", "over-wants") == ("worker-2", seen.line("over-holds"))


@pytest.mark.parametrize("method", METHODS)
def test_a_slow_process_is_named(look: Callable, method: str) -> None:
    seen = look("healthy.py", "slow_process", method)

    assert _is_calm(seen)
    assert seen.holder("worker-2", "pslow-wants") == ("worker-1", seen.line("pslow-holds"))
