"""Locks of files and databases: the holder is in the kernel's tables; sleepers are left alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lab.model import Evidence
from lab.scenario import Cause
from tests.integration.diagnose.conftest import Seen


def _asleep(look: Callable, tmp_path: Path, program: str) -> Seen:
    """Look until the main thread is not found awake, which it is between two of its sleeps."""
    for number in range(10):
        directory = tmp_path / str(number)
        directory.mkdir()
        seen: Seen = look("files.py", program, str(directory), at_most_s=1.0)
        if any(seen.label(edge.waiter) == "main" for edge in seen.diagnosis.edges):
            break
    return seen


@pytest.mark.parametrize(
    ("program", "marker", "grade"),
    [
        ("flock_held", "flock-waits", Evidence.CONFIRMED),
        ("lockf_held", "lockf-waits", Evidence.CONFIRMED),
        ("polled", "polls", Evidence.SOURCE),
        ("sqlite_writer", "inserts", Evidence.SOURCE),
        ("sqlite_reader", "commits", Evidence.SOURCE),
        ("sqlite_wal", "inserts", Evidence.SOURCE),
    ],
)
def test_the_holder_is_named(
    look: Callable, tmp_path: Path, program: str, marker: str, grade: Evidence
) -> None:
    seen = _asleep(look, tmp_path, program)

    edge = seen.edge("main", marker)
    assert (seen.label(edge.holder), edge.evidence) == ("keeper", grade)
    assert seen.diagnosis.cause is Cause.NONE, "the keeper's sleep will end"
    resource = next(one for one in seen.diagnosis.resources if one.id == edge.resource)
    assert str(tmp_path) in resource.name


def test_two_processes_each_hold_the_file_that_the_other_wants(
    look: Callable, tmp_path: Path
) -> None:
    seen = look("files.py", "crossed", str(tmp_path))

    assert seen.diagnosis.cause is Cause.LOCK_CYCLE
    assert seen.holder("worker-1", "crossed-waits") == ("worker-2", None)
    assert seen.holder("worker-2", "crossed-waits") == ("worker-1", None)


def test_a_process_that_waits_for_its_own_lock_of_a_file(look: Callable, tmp_path: Path) -> None:
    seen = look("files.py", "flock_twice", str(tmp_path))

    assert seen.diagnosis.cause is Cause.SELF_DEADLOCK
    assert seen.holder("main", "twice-waits") == ("main", None)


def test_a_process_that_asks_again_for_what_it_has(look: Callable, tmp_path: Path) -> None:
    seen = look("files.py", "polled_itself", str(tmp_path), at_most_s=1.0)

    assert seen.holder("main", "polls-itself") == ("main", None)
    assert seen.diagnosis.cause is Cause.NONE, "it may have a deadline of its own"


def test_another_connection_of_the_same_process(look: Callable, tmp_path: Path) -> None:
    seen = _asleep(look, tmp_path, "sqlite_same_process")

    edge = seen.edge("main", "inserts")
    assert edge.holder is None
    assert "another of its connections" in edge.because


@pytest.mark.parametrize(
    "program", ["sleeps_beside_a_lock", "sleeps_beside_a_database", "slow_query"]
)
def test_a_sleeper_waits_for_nobody(look: Callable, tmp_path: Path, program: str) -> None:
    seen = look("files.py", program, str(tmp_path))

    assert seen.diagnosis.cause is Cause.NONE
    assert not [one for one in seen.diagnosis.edges if seen.label(one.waiter) == "main"]


def test_turns_are_no_deadlock(look: Callable, tmp_path: Path) -> None:
    seen = look("files.py", "takes_turns", str(tmp_path), at_once=True)

    assert seen.diagnosis.cause is Cause.NONE
    assert seen.diagnosis.cycles == ()
