"""C code that keeps the GIL, and threads that only take turns with it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lab.capture.native import parse_native, with_native_frames
from lab.diagnose import diagnose
from lab.model import Evidence
from lab.scenario import Cause


@pytest.mark.parametrize(
    ("program", "marker"), [("sleep_with_gil", "sleeps-in-c"), ("regex", "matches")]
)
def test_who_keeps_the_gil_is_named(look: Callable, program: str, marker: str) -> None:
    seen = look("native.py", program, at_most_s=0.5)

    (edge,) = (one for one in seen.diagnosis.edges if seen.label(one.waiter) == "counter")
    assert seen.label(edge.holder) == "main"
    assert edge.evidence is Evidence.CONFIRMED
    assert edge.held_at is not None
    assert edge.held_at.line == seen.line(marker)
    assert seen.diagnosis.cause is Cause.NONE
    assert "GIL" in seen.diagnosis.headline


def test_a_deadlock_between_the_gil_and_a_pipe(look: Callable) -> None:
    seen = look("native.py", "read_with_gil", at_most_s=0.5)

    assert seen.diagnosis.cause is Cause.WAIT_CYCLE
    assert seen.holder("main", "reads-in-c") == ("writer", None)
    (edge,) = (one for one in seen.diagnosis.edges if seen.label(one.waiter) == "writer")
    assert seen.label(edge.holder) == "main"
    assert edge.held_at is not None
    assert edge.held_at.line == seen.line("reads-in-c")


@pytest.mark.parametrize("program", ["taking_turns", "short_calls", "sleep_without_gil"])
def test_turns_are_not_told(look: Callable, program: str) -> None:
    seen = look("native.py", program, at_once=True)

    assert seen.diagnosis.cause is Cause.NONE
    assert not [one for one in seen.diagnosis.resources if one.kind == "GIL"]


def test_c_code_that_waits_for_its_own_lock(look: Callable) -> None:
    seen = look("native.py", "mutex_in_c")

    assert seen.diagnosis.cause is Cause.UNKNOWN
    called = f"native sleeps in C code called at native.py:{seen.line('locks-in-c')}"
    assert [text for text in seen.diagnosis.unknowns if text.startswith(called)]


def test_the_frames_of_c_code(look: Callable) -> None:
    seen = look("native.py", "mutex_in_c")

    snapshot, (report,) = with_native_frames(seen.snapshot, {seen.root})

    (text,) = diagnose(snapshot).unknowns
    assert "pthread_mutex_lock" in text
    assert report.paused_s, "it was stopped, and that is said"


def test_what_py_spy_writes_of_c_code() -> None:
    text = """[{"os_thread_id": 7, "frames": [
        {"name": "0x1", "filename": "/lib/libc.so.6"},
        {"name": "poll", "filename": "/lib/libc.so.6"},
        {"name": "work", "filename": "/app/work.py"},
        {"name": "main", "filename": "/usr/bin/python"}]}]"""
    assert parse_native(text) == {7: ("poll",)}
    assert parse_native("{}") == {}
