"""Who holds the GIL of a process, and how often it has changed hands.

The fields of ``struct _gil_runtime_state`` (``pycore_gil.h``): the thread state of the last holder,
whether it is locked, and the count of switches. They are the same in 3.12 and 3.13. The word that
waiters sleep on lies in the same struct, so its address tells a wait for the GIL from any other.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from lab import procfs
from lab.capture.memory.access import CannotReadMemoryError, Memory
from lab.capture.memory.interpreter import Interpreter
from lab.kernel.syscalls import current
from lab.model import Gil

_HOLDER, _LOCKED, _SWITCHES = 8, 16, 24
_BYTES = 208
_LOOKS = 20
_PAUSE_S = 0.001
_LONG_ON_CPU_S = 0.03
"""Six switch intervals: time enough to be asked for the GIL and to let go of it."""


def read_gil(pid: int, interpreter: Interpreter) -> Gil | None:
    """Return the state of the GIL at this moment, or ``None`` where its layout is not known."""
    layout, runtime = interpreter.layout, interpreter.runtime
    if layout is None or runtime is None or layout.gil is None or layout.frames is None:
        return None
    try:
        with Memory(pid) as memory:
            main = memory.word(runtime + layout.interpreters_head)
            gil = memory.word(main + layout.gil)
            locked = memory.signed(gil + _LOCKED, 4) == 1
            holder = memory.word(gil + _HOLDER)
            ident = memory.word(holder + layout.frames.thread_ident) if locked else 0
            switches = memory.word(gil + _SWITCHES)
    except CannotReadMemoryError:
        return None
    return Gil(start=gil, end=gil + _BYTES, holder_ident=ident or None, switches=switches)


def on_cpu_s(pid: int) -> dict[int, float]:
    """Return how long each thread of ``pid`` has been on a CPU, by thread id."""
    times = ((tid, procfs.schedstat(pid, tid)) for tid in procfs.thread_ids(pid))
    return {tid: int(text.split()[0]) / 1e9 for tid, text in times if text}


def could_have_yielded(pid: int, holder: int, before: Mapping[int, float]) -> bool:
    """Whether the holder of the GIL had its chance to let go of it since ``before``.

    It is asleep in C code, or has been on a CPU for long. On a busy machine a thread may keep the
    GIL only because it is not given a CPU.
    """
    state = procfs.stat(pid, holder)
    if state is None:
        return False
    now = on_cpu_s(pid).get(holder, 0.0)
    return state.state == "S" or now - before.get(holder, now) >= _LONG_ON_CPU_S


def gil_waiters(pid: int, gil: Gil) -> tuple[int, ...]:
    """Return the threads of ``pid`` that wait for its GIL.

    They wake every few milliseconds to ask for it, so that one look may find them awake.
    """
    found: set[int] = set()
    threads = set(procfs.thread_ids(pid))
    for _ in range(_LOOKS if len(threads) > 1 else 0):
        found |= {tid for tid in threads - found if _sleeps_in(pid, tid, gil)}
        if len(found) == len(threads) - 1:
            break
        time.sleep(_PAUSE_S)
    return tuple(sorted(found))


def _sleeps_in(pid: int, tid: int, gil: Gil) -> bool:
    call = current(pid, tid)
    return bool(call and call.name == "futex" and gil.start <= call.arguments[0] < gil.end)
