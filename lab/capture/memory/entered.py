"""The context managers that a frame is inside of, whatever the source calls them.

``with`` leaves the bound ``__exit__`` on the frame's stack until its body is left. How much of the
stack is in use at an instruction is in the code's exception table (``exception_handling_notes.txt``
of CPython): above that lie remains. The offsets are those of CPython 3.12 and 3.13.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.capture.memory import layout as at
from lab.capture.memory.access import CannotReadMemoryError
from lab.capture.memory.layout import FrameLayout
from lab.capture.memory.objects import Objects

GENERATOR_STATE = 67
GENERATOR_FRAME = 72
INSTRUCTION = 56
_EXCEPTION_TABLE = 40
_CALLEE = 16
"""``m_ml`` of a bound builtin function, and ``im_func`` of a bound method."""
_BOUND_TO = 24
"""``m_self`` and ``im_self``."""
_DEEPEST = 64
_MOST_NESTED = 4
_GENERATED = ("contextlib._GeneratorContextManager", "contextlib._AsyncGeneratorContextManager")
_CALLABLE = ("builtin_function_or_method", "method")
_BUILTIN = b"__exit__\0"

type Managers = tuple[tuple[int, ...], ...]
"""The address of each manager, outermost first, and of those that its generator is inside of."""


def entered(objects: Objects, frames: FrameLayout, frame: int, code: int) -> Managers:
    """Return the managers that ``frame``, which runs ``code``, has entered and not left."""
    return tuple(
        (manager, *_within(objects, frames, manager, _MOST_NESTED))
        for manager in _managers(objects, frames, frame, code)
    )


def _managers(objects: Objects, frames: FrameLayout, frame: int, code: int) -> Iterator[int]:
    word = objects.memory.word
    instruction = word(frame + INSTRUCTION) - (code + frames.code_start)
    table = objects.bytes_of(word(code + _EXCEPTION_TABLE))
    count = word(word(code + frames.code_names) + at.OB_SIZE)
    base = frame + frames.localsplus + 8 * count
    for place in range(min(depth_at(table, instruction // 2), _DEEPEST)):
        if (value := word(base + 8 * place)) and _is_exit(objects, value):
            yield word(value + _BOUND_TO)


def depth_at(table: bytes, unit: int) -> int:
    """Return how much of the stack is kept if the instruction at ``unit`` raises; 0 if none is."""
    numbers = _numbers(table)
    for start in numbers:
        length, _, depth = next(numbers), next(numbers), next(numbers)
        if start <= unit < start + length:
            return depth >> 1
    return 0


def _numbers(table: bytes) -> Iterator[int]:
    """Yield the numbers of an exception table: six bits a byte, the highest first."""
    value = 0
    for byte in table:
        value = value << 6 | byte & 0x3F
        if not byte & 0x40:
            yield value
            value = 0


def _is_exit(objects: Objects, value: int) -> bool:
    kind = objects.type_of(value).name
    callee = objects.memory.word(value + _CALLEE) if kind in _CALLABLE else 0
    if kind == "builtin_function_or_method":
        return objects.memory.read(objects.memory.word(callee), len(_BUILTIN)) == _BUILTIN
    if kind == "method" and objects.type_of(callee).name == "function":
        name = objects.text(objects.memory.word(callee + at.FUNC["qualname"]))
        return name.endswith((".__exit__", ".__aexit__"))
    return False


def _within(objects: Objects, frames: FrameLayout, manager: int, left: int) -> Iterator[int]:
    """Yield what the suspended generator behind a ``@contextmanager`` is inside of."""
    if not left or objects.type_of(manager).name not in _GENERATED:
        return
    generator = objects.attributes(manager).get("gen", 0)
    if not generator or objects.memory.signed(generator + GENERATOR_STATE, 1) >= 0:
        return
    frame = generator + GENERATOR_FRAME
    code = objects.memory.word(frame + frames.executable)
    if objects.type_of(code).name != "code":
        raise CannotReadMemoryError(f"no code object at {code:#x}")
    for inner in _managers(objects, frames, frame, code):
        yield inner
        yield from _within(objects, frames, inner, left - 1)
