"""Tasks as Python 3.14 tells them; the interpreter itself is not needed for any of it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, NamedTuple

import pytest

from lab.capture import awaited
from lab.capture.unwinder import offers_tasks, tasks_of, unwound_tasks
from lab.model import ThreadStack


class Frame(NamedTuple):
    filename: str
    lineno: int
    funcname: str


class Coroutine(NamedTuple):
    call_stack: list[Frame]
    task_name: Any


class Told(NamedTuple):
    task_id: int
    task_name: str
    coroutine_stack: list[Coroutine]
    awaited_by: list[Coroutine]


class Awaited(NamedTuple):
    thread_id: int
    awaited_by: list[Told]


WAITS = Frame("/src/job.py", 7, "fetch")
MAIN = Frame("/src/job.py", 12, "main")
TOLD = [
    Awaited(
        41,
        [
            Told(1, "Task-1", [Coroutine([MAIN], "Task-1")], []),
            Told(2, "fetcher", [Coroutine([WAITS], "fetcher")], [Coroutine([MAIN], 1)]),
        ],
    ),
    Awaited(0, []),
]


def test_what_it_tells_survives_the_way_as_json():
    said = json.loads(json.dumps(awaited.described(TOLD)))
    main, fetcher = tasks_of(said, {41: 7000})
    assert (main.name, main.waits_for, main.loop_ident) == ("Task-1", 2, 7000)
    assert (fetcher.name, fetcher.waits_for) == ("fetcher", None)
    (frame,) = fetcher.frames
    assert (frame.file, frame.line, frame.function) == tuple(WAITS)


def test_a_loop_in_a_thread_that_was_not_seen_belongs_to_none():
    (main, _) = tasks_of(awaited.described(TOLD), {})
    assert main.loop_ident is None


@pytest.mark.parametrize(
    ("version", "offers"),
    [("3.14", True), ("3.14.0t", True), ("3.15", True), ("3.13.0", False), ("unknown", False)],
)
def test_from_which_version_on(version, offers):
    assert offers_tasks(version) is offers


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="this Python does tell its tasks")
def test_an_interpreter_that_cannot_tell_gives_none():
    command = [sys.executable, "-c", "print('ready', flush=True); input()"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as program:  # fmt: skip
        assert program.stdout is not None
        program.stdout.readline()
        stack = ThreadStack(pid=program.pid, tid=program.pid, name="main", ident=1, frames=())
        assert unwound_tasks(program.pid, [stack]) == ()
        program.communicate(b"\n")
    assert unwound_tasks(program.pid, []) == ()
