"""What frames hold that py-spy does not show: shared variables, and the managers they have entered.

py-spy shows plain locals only, while a lock is as often a variable of the enclosing function. The
frames are reached from the interpreter state, as ``sys._current_frames()`` does it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from lab.capture.memory import layout as at
from lab.capture.memory.access import CannotReadMemoryError
from lab.capture.memory.entered import Managers, entered
from lab.capture.memory.layout import FrameLayout
from lab.capture.memory.objects import Objects
from lab.model import Frame, Local, ThreadStack

_MOST_THREADS = 4096
_MOST_FRAMES = 1000
_MOST_VARIABLES = 256
_SHARED = 0x40 | 0x80
"""``CO_FAST_CELL`` and ``CO_FAST_FREE`` of ``pycore_code.h``."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A frame in memory: its function, its shared variables' cells, and what it is inside of."""

    file: str
    function: str
    cells: tuple[tuple[str, int], ...]
    entered: Managers | None


def with_shared_variables(
    objects: Objects, runtime: int, stacks: tuple[ThreadStack, ...]
) -> tuple[ThreadStack, ...]:
    """Return ``stacks`` with the cells of shared variables added to the locals of their frames.

    A frame that is not found again, as when the thread has moved on, stays as it is.
    """
    frames = objects.layout.frames
    if frames is None:
        return stacks
    states = dict(_states(objects, runtime, frames))
    return tuple(
        msgspec.structs.replace(
            stack, frames=tuple(_merge(stack.frames, _chain(objects, frames, states[stack.ident])))
        )
        if stack.ident in states
        else stack
        for stack in stacks
    )


def _states(objects: Objects, runtime: int, frames: FrameLayout) -> Iterator[tuple[int, int]]:
    """Yield the pthread handle and the thread state of every thread of the interpreter."""
    word = objects.memory.word
    try:
        interpreter = word(runtime + objects.layout.interpreters_head)
        state = word(interpreter + frames.threads_head)
        for _ in range(_MOST_THREADS):
            if not state:
                return
            yield word(state + frames.thread_ident), state
            state = word(state + frames.thread_next)
    except CannotReadMemoryError:
        return


def _chain(objects: Objects, frames: FrameLayout, state: int) -> Iterator[_Seen]:
    """Yield the frames of a thread, innermost first; those of C code are left out."""
    word = objects.memory.word
    try:
        frame = word(state + frames.current_frame)
        if frames.behind_cframe:
            frame = word(frame)
        for _ in range(_MOST_FRAMES):
            if not frame:
                return
            if seen := _frame(objects, frames, frame):
                yield seen
            frame = word(frame + frames.previous)
    except CannotReadMemoryError:
        return


def _frame(objects: Objects, frames: FrameLayout, frame: int) -> _Seen | None:
    word = objects.memory.word
    try:
        code = word(frame + frames.executable)
        if objects.type_of(code).name != "code":
            return None
        cells = tuple(_cells(objects, frames, frame, code))
        file = objects.text(word(code + frames.code_filename))
        function = objects.text(word(code + frames.code_qualname))
    except CannotReadMemoryError:
        return None
    return _Seen(file, function, cells, _entered(objects, frames, frame, code))


def _entered(objects: Objects, frames: FrameLayout, frame: int, code: int) -> Managers | None:
    try:
        return entered(objects, frames, frame, code)
    except CannotReadMemoryError:
        return None


def _cells(
    objects: Objects, frames: FrameLayout, frame: int, code: int
) -> Iterator[tuple[str, int]]:
    word = objects.memory.word
    names = word(code + frames.code_names)
    kinds = word(code + frames.code_kinds)
    count = min(word(names + at.OB_SIZE), _MOST_VARIABLES)
    for i in range(count):
        if objects.memory.byte(kinds + at.BYTES_DATA + i) & _SHARED:
            cell = word(frame + frames.localsplus + 8 * i)
            if cell and objects.type_of(cell).name == "cell":
                yield objects.text(word(names + at.TUPLE_ITEMS + 8 * i)), cell


def _merge(frames: tuple[Frame, ...], chain: Iterator[_Seen]) -> Iterator[Frame]:
    """Add cells to frames, walking both from the innermost outwards."""
    for frame in frames:
        match = next((one for one in chain if _same(frame, one)), None)
        known = {local.name for local in frame.locals}
        more = [
            Local(name=name, text="", address=cell)
            for name, cell in (match.cells if match else ())
            if name not in known
        ]
        managers = match.entered if match else None
        yield msgspec.structs.replace(frame, locals=(*frame.locals, *more), entered=managers)


def _same(frame: Frame, seen: _Seen) -> bool:
    names = frame.function.rpartition(".")[2], seen.function.rpartition(".")[2]
    return names[0] == names[1] and frame.file == seen.file
