"""What ``--lab-watch`` changes of the session's process: signals, names of threads, its end."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Final

import pytest

from lab import procfs
from lab.plugin.phase import BYSTANDER

_ATEXIT_S: Final = 5.0
_GRACE_S: Final = 2.0


def threads_stay() -> bool:
    """Whether threads are left for which the interpreter would wait, and they do not end."""
    until = time.monotonic() + _GRACE_S
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(max(until - time.monotonic(), 0.0))
            if thread.is_alive():
                return True
    return False


def leave(status: int) -> None:
    """End the interpreter without waiting for its threads, but not without its other duties."""
    duties = threading.Thread(target=atexit._run_exitfuncs, daemon=True)
    duties.start()
    duties.join(_ATEXIT_S)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def free_signal() -> int:
    """Return a real-time signal that nobody handles."""
    for number in range(signal.SIGRTMIN + 7, signal.SIGRTMAX):
        if signal.getsignal(number) is signal.SIG_DFL:
            return number
    raise pytest.UsageError("--lab-watch: every real-time signal has a handler already")


def exit_on_hangup() -> None:
    """Let SIGHUP, unless somebody handles it, end this process with status 1 even in C code.

    ``_exit(2)`` is the handler, and the number of the signal its argument. Python is not told.
    Children that are forked have the default again.
    """
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        libc = ctypes.CDLL(None)
        libc.signal.argtypes = (ctypes.c_int, ctypes.c_void_p)
        libc.signal(signal.SIGHUP, ctypes.cast(libc._exit, ctypes.c_void_p))
        os.register_at_fork(after_in_child=default_on_hangup)


def default_on_hangup() -> None:
    """Give SIGHUP back its default, if Python knows of nothing else."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        with contextlib.suppress(ValueError):  # not the main thread
            signal.signal(signal.SIGHUP, signal.SIG_DFL)


def mark_bystanders() -> None:
    """Name the threads that carry xdist's messages: none of them does anything for a test."""
    others = [tid for tid in procfs.thread_ids(os.getpid()) if tid != os.getpid()]
    if len(others) == _carriers():
        for tid in others:
            Path(f"/proc/self/task/{tid}/comm").write_text(BYSTANDER, encoding="ascii")


def _carriers() -> int:
    return sum(_begins_in_execnet(frame) for frame in sys._current_frames().values())


def _begins_in_execnet(frame: FrameType) -> bool:
    while frame.f_back is not None:
        frame = frame.f_back
    return "execnet" in frame.f_code.co_filename and frame.f_code.co_name != "<module>"
