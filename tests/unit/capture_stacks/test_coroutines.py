"""Suspended coroutines and the lines of their instructions, read from this very process."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import types
from collections.abc import Iterator

import pytest

from lab.capture.memory import CannotReadMemoryError, Memory, Objects, find_interpreter
from lab.capture.memory.coroutines import is_coroutine, suspended_frames
from lab.capture.memory.lines import line_at
from lab.capture.memory.names import Modules
from lab.capture.memory.tasks import read_tasks


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from _codes(inner)


@pytest.mark.parametrize("module", [asyncio.tasks, contextlib])
def test_every_instruction_has_the_line_that_python_says(module: types.ModuleType) -> None:
    text = inspect.getsource(module)
    for code in _codes(compile(text, "module.py", "exec")):
        for start, end, line in code.co_lines():
            for offset in range(start, end, 2):
                found = line_at(code.co_linetable, code.co_firstlineno, offset)
                assert line is None or found == line, (code.co_qualname, offset)


@pytest.mark.parametrize("table", [b"", b"\x00", b"\xff\xff\xff", bytes(range(128, 256))])
def test_a_table_that_makes_no_sense_still_gives_a_line(table: bytes) -> None:
    assert isinstance(line_at(table, 7, 100), int)


@pytest.fixture
def objects() -> Iterator[Objects]:
    interpreter = find_interpreter(os.getpid())
    assert interpreter is not None
    if interpreter.layout is None or interpreter.layout.frames is None:
        pytest.skip(f"objects of Python {interpreter.version} cannot be read")
    with Memory(os.getpid()) as memory:
        yield Objects(memory, interpreter.layout)


async def inner(event: asyncio.Event) -> None:
    await event.wait()


async def outer(event: asyncio.Event) -> None:
    word = "here"
    await inner(event)
    del word


def test_the_frames_of_a_suspended_coroutine(objects: Objects) -> None:
    async def main() -> None:
        task = asyncio.create_task(outer(asyncio.Event()), name="subject")
        await asyncio.sleep(0)
        coroutine = task.get_coro()
        frames = suspended_frames(objects, id(coroutine))
        assert [frame.function for frame in frames] == ["Event.wait", "inner", "outer"]
        first = outer.__code__.co_firstlineno
        assert (frames[2].file, frames[2].line) == (__file__, first + 2)
        assert [o.text for o in frames[2].locals if o.name == "word"] == ["'here'"]
        assert not is_coroutine(objects, id(task))
        task.cancel()

    asyncio.run(main())


def test_the_tasks_of_a_loop(objects: Objects) -> None:
    runtime = find_interpreter(os.getpid())
    assert runtime is not None
    assert runtime.runtime is not None
    address = runtime.runtime

    async def main() -> None:
        first = asyncio.create_task(outer(asyncio.Event()), name="first")
        ended = asyncio.create_task(asyncio.sleep(0), name="ended")
        waiting = asyncio.create_task(asyncio.wait({first}), name="waiting")
        await ended
        await asyncio.sleep(0)
        found = {task.name: task for task in read_tasks(objects, Modules(objects, address))}
        assert found["first"].address == id(first)
        assert not found["first"].running
        assert "ended" not in found
        (own,) = (task for task in found.values() if task.running)
        assert own.address == id(asyncio.current_task())
        for task in (waiting, first):
            task.cancel()

    asyncio.run(main())


@pytest.mark.parametrize("address", [0, 8, 4096, 1 << 46, (1 << 64) - 8])
def test_what_is_no_coroutine_gives_nothing(objects: Objects, address: int) -> None:
    assert not is_coroutine(objects, address)
    try:
        assert suspended_frames(objects, address) == ()
    except CannotReadMemoryError:
        pytest.fail("an address that cannot be read was let through")
