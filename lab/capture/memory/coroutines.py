"""The frames of a suspended coroutine, which are on no stack: each awaits the next.

A coroutine has its frame inside it (``PyGenObject.gi_iframe``); what it awaits lies on top of that
frame's stack. The offsets are those of CPython 3.12 and 3.13 (``offsetof``, 64-bit).
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.capture.memory import layout as at
from lab.capture.memory.access import CannotReadMemoryError
from lab.capture.memory.entered import (
    GENERATOR_FRAME,
    GENERATOR_STATE,
    INSTRUCTION,
    entered,
)
from lab.capture.memory.layout import FrameLayout
from lab.capture.memory.lines import line_at
from lab.capture.memory.objects import Objects
from lab.model import Frame, Local

_STACK_TOP = 64
_FIRST_LINE = 68
_LINE_TABLE = 136
_MOST_FRAMES = 200
_MOST_VARIABLES = 256
_COROUTINES = ("coroutine", "generator", "async_generator")
_WRAPPERS = (
    "coroutine_wrapper", "async_generator_asend", "async_generator_athrow", "_asyncio.FutureIter",
)  # fmt: skip
"""What wraps an awaited thing: its first field is the thing."""


def is_coroutine(objects: Objects, address: int) -> bool:
    """Whether there is a coroutine or a generator at ``address``."""
    try:
        return objects.type_of(address).name in _COROUTINES
    except CannotReadMemoryError:
        return False


def is_over(objects: Objects, coroutine: int) -> bool:
    """Whether a coroutine has returned, or is running: then it has no frame to show."""
    return objects.memory.signed(coroutine + GENERATOR_STATE, 1) >= 0


def is_running(objects: Objects, coroutine: int) -> bool:
    """Whether a coroutine is on the stack of a thread."""
    return objects.memory.signed(coroutine + GENERATOR_STATE, 1) == 0


def suspended_frames(objects: Objects, coroutine: int) -> tuple[Frame, ...]:
    """Return the frames of a suspended coroutine and of what it awaits, innermost first.

    Empty when nothing could be read; cut off where it could not be followed.
    """
    frames = objects.layout.frames
    found: list[Frame] = []
    try:
        while frames and len(found) < _MOST_FRAMES and is_coroutine(objects, coroutine):
            if is_over(objects, coroutine):
                break
            iframe = coroutine + GENERATOR_FRAME
            found.append(_frame(objects, frames, iframe))
            coroutine = _unwrapped(objects, _awaited(objects, frames, iframe))
    except CannotReadMemoryError:
        pass
    return tuple(reversed(found))


def _awaited(objects: Objects, frames: FrameLayout, iframe: int) -> int:
    top = objects.memory.signed(iframe + _STACK_TOP, 4)
    if not 0 < top < 1 << 16:
        return 0
    return objects.memory.word(iframe + frames.localsplus + 8 * (top - 1))


def _unwrapped(objects: Objects, address: int) -> int:
    if address and objects.type_of(address).name in _WRAPPERS:
        return objects.memory.word(address + at.OB_SIZE)
    return address


def _frame(objects: Objects, frames: FrameLayout, iframe: int) -> Frame:
    word = objects.memory.word
    code = word(iframe + frames.executable)
    if objects.type_of(code).name != "code":
        raise CannotReadMemoryError(f"no code object at {code:#x}")
    offset = word(iframe + INSTRUCTION) - (code + frames.code_start)
    first = objects.memory.signed(code + _FIRST_LINE, 4)
    table = objects.bytes_of(word(code + _LINE_TABLE))
    return Frame(
        function=objects.text(word(code + frames.code_qualname)),
        file=objects.text(word(code + frames.code_filename)),
        line=line_at(table, first, offset),
        locals=tuple(_variables(objects, frames, iframe, code)),
        entered=entered(objects, frames, iframe, code),
    )


def _variables(objects: Objects, frames: FrameLayout, iframe: int, code: int) -> Iterator[Local]:
    names = objects.memory.word(code + frames.code_names)
    count = min(objects.memory.word(names + at.OB_SIZE), _MOST_VARIABLES)
    for i in range(count):
        value = objects.memory.word(iframe + frames.localsplus + 8 * i)
        if value:
            name = objects.text(objects.memory.word(names + at.TUPLE_ITEMS + 8 * i))
            yield Local(name=name, text=_printed(objects, value), address=value)


def _printed(objects: Objects, address: int) -> str:
    """Return a simple value as Python prints it, as the stack tools do."""
    try:
        kind = objects.type_of(address).name
        text = objects.text(address)
    except CannotReadMemoryError:
        return ""
    return repr(text) if kind == "str" else text
