"""Where CPython keeps things: the offsets of the fields that are read, per version.

The fields of ``PyTypeObject``, ``PyDictObject``, ``PyASCIIObject``, ... are as the headers of
CPython 3.12.1 and 3.13.0 have them on a 64-bit system (``offsetof``, ``Py_BUILD_CORE``): the same
in both, and by its headers in 3.14. What differs is how to reach ``sys.modules`` and where an
instance keeps its attributes. From 3.13 on the interpreter describes the former itself, in
``_Py_DebugOffsets`` at the start of ``_PyRuntime`` (``pycore_runtime.h``).
"""

from __future__ import annotations

from dataclasses import dataclass

# PyObject, PyVarObject
OB_TYPE = 8
OB_SIZE = 16

# PyTypeObject and PyHeapTypeObject
TP_NAME = 24
TP_BASICSIZE = 32
TP_FLAGS = 168
TP_DICT = 264
TP_DICTOFFSET = 288
TP_MRO = 344
HT_CACHED_KEYS = 880
INLINE_VALUES = 1 << 2
MANAGED_DICT = 1 << 4
HEAP_TYPE = 1 << 9
MANAGED_DICT_BEFORE = 24
"""The word with the dictionary of an instance lies this far before the instance."""

# PyMemberDef, which follows the heap type, one for each entry of __slots__
MEMBER_SIZE = 40
MEMBER_KIND = 8
MEMBER_OFFSET = 16
MEMBER_IS_OBJECT = 16

# PyDictObject and PyDictKeysObject
MA_KEYS = 32
MA_VALUES = 40
DK_LOG2_INDEX_BYTES = 9
DK_KIND = 10
DK_NENTRIES = 24
DK_INDICES = 32
DK_GENERAL = 0

# PyTupleObject, PyListObject, PyCellObject, PyModuleObject, PyMethodObject
TUPLE_ITEMS = 24
LIST_ITEMS = 24
CELL_CONTENT = 16
MODULE_DICT = 16

DESCRIPTOR = 16
"""``sock_fd`` of PySocketSockObject, and ``fd`` of fileio."""

WRAPPED = (
    ("_io.BufferedReader", "raw", 16),
    ("_io.BufferedWriter", "raw", 16),
    ("_io.BufferedRandom", "raw", 16),
    ("_io.TextIOWrapper", "buffer", 32),
)
"""Where a file object keeps what it wraps: ``buffered.raw`` and ``textio.buffer``."""

FUNC = {"qualname": 40, "closure": 72}
"""Fields of PyFunctionObject."""

# PySetObject, PyWeakReference
SET_MASK = 32
SET_TABLE = 40
SET_ENTRY = 16
REFERENT = 16

# PyASCIIObject, PyCompactUnicodeObject
STR_LENGTH = 16
STR_STATE = 32
STR_ASCII_DATA = 40
STR_OTHER_DATA = 56

# PyLongObject
INT_TAG = 16
INT_DIGITS = 24
INT_DIGIT_BITS = 30


BYTES_DATA = 32
"""``PyBytesObject.ob_sval``."""


@dataclass(frozen=True, slots=True)
class FrameLayout:
    """Where threads, frames and code objects keep what leads to a frame's variables."""

    threads_head: int
    thread_next: int
    thread_ident: int
    current_frame: int
    behind_cframe: bool
    """3.12: the thread points at a ``_PyCFrame``, whose first word is the frame."""
    previous: int
    executable: int
    localsplus: int
    code_filename: int
    code_qualname: int
    code_names: int
    code_kinds: int
    code_start: int
    """Where the instructions begin in a code object."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What differs between the versions that can be read."""

    interpreters_head: int
    modules: tuple[int, ...]
    """Where ``sys.modules`` may hang off the interpreter state; the first that is a dict is it."""
    inline_values: bool
    """3.13 and later: attributes lie behind the instance, not in a block of their own."""
    lock_is_mutex: bool
    """3.14 and later: a lock is a byte in the object (PyMutex), not a pointer to a semaphore."""
    frames: FrameLayout | None
    gil: int | None = None
    """Where the interpreter state points at its GIL."""


LAYOUT_312 = Layout(
    interpreters_head=40,
    modules=(944,),
    inline_values=False,
    lock_is_mutex=False,
    frames=FrameLayout(
        threads_head=72,
        thread_next=8,
        thread_ident=136,
        current_frame=56,
        behind_cframe=True,
        previous=8,
        executable=0,
        localsplus=72,
        code_filename=112,
        code_qualname=128,
        code_names=96,
        code_kinds=104,
        code_start=192,
    ),
    gil=384,
)
"""``offsetof(_PyRuntimeState, interpreters.head)`` and ``offsetof(PyInterpreterState,
imports.modules)`` in 3.12; 3.12 has no ``_Py_DebugOffsets``."""

COOKIE = b"xdebugpy"
_DEBUG_OFFSETS_SIZE = 352
_FREE_THREADED = 2
_INTERPRETERS_HEAD = 5
_CEVAL_GIL = 14
_CODE_ADAPTIVE = 43
_IMPORTS_MODULES = {(3, 13): (11,), (3, 14): (12, 11)}
"""Releases of 3.14 have ``threads_main`` before it, which early versions did not."""


def read_layout(version: tuple[int, int], runtime: bytes) -> Layout | None:
    """Return the layout of an interpreter, or ``None`` when it is not known.

    ``version`` is (major, minor), ``runtime`` the first bytes of ``_PyRuntime``. Free-threaded
    builds have another object header and are not known.
    """
    if version == (3, 12):
        return LAYOUT_312
    if version not in _IMPORTS_MODULES or not runtime.startswith(COOKIE):
        return None
    words = [int.from_bytes(runtime[i : i + 8], "little") for i in range(0, len(runtime), 8)]
    if words[_FREE_THREADED]:
        return None
    return Layout(
        interpreters_head=words[_INTERPRETERS_HEAD],
        modules=tuple(words[i] for i in _IMPORTS_MODULES[version]),
        inline_values=True,
        lock_is_mutex=version >= (3, 14),
        frames=_frames_313(words) if version == (3, 13) else None,
        gil=words[_CEVAL_GIL] if version == (3, 13) else None,
    )


def _frames_313(words: list[int]) -> FrameLayout:
    """Read the offsets of frames from ``_Py_DebugOffsets`` of 3.13, by their place in it."""
    return FrameLayout(
        threads_head=words[9],
        thread_next=words[21],
        thread_ident=words[24],
        current_frame=words[23],
        behind_cframe=False,
        previous=words[29],
        executable=words[30],
        localsplus=words[32],
        code_filename=words[35],
        code_qualname=words[37],
        code_names=words[41],
        code_kinds=words[42],
        code_start=words[_CODE_ADAPTIVE],
    )


RUNTIME_BYTES = _DEBUG_OFFSETS_SIZE
"""How much of ``_PyRuntime`` :func:`read_layout` needs."""
