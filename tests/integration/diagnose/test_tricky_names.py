"""Locks whose names are hard to follow: found all the same, or honestly not known."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lab.model import Evidence
from lab.scenario import Cause

FOLLOWED = [
    ("closure", "closure-wants-b", "closure-b", "closure-wants-a", "closure-a"),
    ("class_attributes", "class-wants-second", "class-second", "class-wants-first", "class-first"),
    ("decorator", "decorated", "decorated", "decorated", "decorated"),
    ("thread_subclass", "subclass-wants", "subclass-holds", "subclass-wants", "subclass-holds"),
    ("conditions", "condition-wants", "condition-holds", "condition-wants", "condition-holds"),
]


@pytest.mark.parametrize(("program", "first", "held_2", "second", "held_1"), FOLLOWED)
def test_names_that_are_followed(
    look: Callable, program: str, first: str, held_2: str, second: str, held_1: str
) -> None:
    seen = look("tricky.py", program)

    assert seen.diagnosis.cause is Cause.LOCK_CYCLE
    assert seen.holder("worker-1", first) == ("worker-2", seen.line(held_2))
    assert seen.holder("worker-2", second) == ("worker-1", seen.line(held_1))


def test_a_queue_that_is_written_in_c(look: Callable) -> None:
    seen = look("tricky.py", "simple_queue")

    assert seen.diagnosis.cause is Cause.UNSATISFIED_WAIT
    assert seen.edge("worker-1", "simple-gets").holder is None


def test_a_name_that_was_bound_anew_does_not_accuse_its_last_user(look: Callable) -> None:
    seen = look("tricky.py", "misnamed")

    assert seen.holder("worker-2", "misnamed-wants") == ("main", seen.line("main-takes-c"))
    assert seen.diagnosis.cause is Cause.WAIT_CYCLE  # main joins worker 1, which wants main's b


@pytest.mark.parametrize(
    ("program", "waiter", "marker"),
    [
        ("loop_over_locks", "worker-1", "all-wants"),
        ("loop_over_stack", "worker-1", "enter-wants"),
        ("rebound", "worker-1", "swap-wants"),
    ],
)
def test_what_cannot_be_followed_is_not_named(
    look: Callable, program: str, waiter: str, marker: str
) -> None:
    seen = look("tricky.py", program)

    edge = seen.edge(waiter, marker)
    assert (edge.holder, edge.no_holder, edge.evidence) == (None, None, Evidence.UNKNOWN)
    assert seen.diagnosis.cause is Cause.UNKNOWN
    assert seen.diagnosis.cycles == ()
