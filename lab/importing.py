"""Importing somebody else's module: it may raise, exit, crash, hang, print, or start processes.

Each module is imported in a process of its own first, under a keeper that ends whatever was started
there, and in the lab only when that went well.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from types import FrameType, ModuleType

from lab import procfs
from lab.model import status_words

LIMIT_S = 10.0
_INTERRUPTS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
_PAUSE_S = 0.001
_SET_SUBREAPER, _GET_SUBREAPER = 36, 37
_TRACKER = b"multiprocessing.resource_tracker"


def problem_with(module: str) -> str:
    """Import ``module`` in another process; say what is wrong with it, or nothing."""
    reader, writer = os.pipe()
    # An interrupt that came while fork runs its hooks would be swallowed there: it has to wait.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPTS)
    keeper = os.fork()
    if keeper == 0:  # pragma: no cover - this is the child
        os.close(reader)
        _keep(module, writer)
    os.close(writer)
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        report = b"".join(iter(lambda: os.read(reader, 4096), b""))
    finally:
        os.close(reader)
        os.kill(keeper, signal.SIGTERM)
        os.waitpid(keeper, 0)
    said, _, status = report.decode(errors="replace").rpartition("\0")
    return _in_words(said, int(status) if status else None, module)


def _keep(module: str, writer: int) -> None:  # pragma: no cover - this is a child
    """Import in a child, for as long as it may take; then end all that has come of it."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _stop)
    _adopt(1)
    child = os.fork()
    if child == 0:
        _import_and_report(module, writer)
    status = ""
    with contextlib.suppress(KeyboardInterrupt):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _INTERRUPTS)
        status = _status_of(child)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if not status:
        _kill([child])
    _end_all()
    with contextlib.suppress(OSError):  # the lab may have gone
        os.write(writer, f"\0{status}".encode())
    os._exit(0)


def _status_of(child: int) -> str:  # pragma: no cover - in a child
    """Wait for the end of ``child`` and return its status; nothing when it takes too long."""
    until = time.monotonic() + LIMIT_S
    while time.monotonic() < until:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return str(status)
        time.sleep(_PAUSE_S)
    return ""


def _end_all() -> None:  # pragma: no cover - in a child
    """Kill and reap until the kernel says that there is no child left."""
    with contextlib.suppress(ChildProcessError):
        while True:
            _kill(procfs.children(os.getpid()))
            os.waitpid(-1, 0)


def _adopt(flag: int) -> int:
    """Let orphans come to this process (1) or not (0); return what was so before. Linux only."""
    before = ctypes.c_int()
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(_GET_SUBREAPER, ctypes.byref(before), 0, 0, 0)
        libc.prctl(_SET_SUBREAPER, flag, 0, 0, 0)
    return before.value


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def _import_and_report(module: str, writer: int) -> None:  # pragma: no cover - in a child
    for number in _INTERRUPTS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _INTERRUPTS)
    quiet = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(quiet, standard)
    report = b"ok"
    try:
        importlib.import_module(module)
    except BaseException as error:  # noqa: BLE001 - whatever it raises, it is the plug-in's fault
        report = _describe(error, module).encode(errors="replace")
    os.write(writer, report[:4000])
    os._exit(0)


def _describe(error: BaseException, module: str) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name == module:
        return f"there is no module {module!r}"
    steps = [step for step in traceback.extract_tb(error.__traceback__) if _is_users(step.filename)]
    where = f" ({steps[-1].filename}:{steps[-1].lineno})" if steps else ""
    return f"{type(error).__name__}: {error}{where}"


def _is_users(filename: str) -> bool:
    return not filename.startswith("<frozen") and filename not in (__file__, importlib.__file__)


def _in_words(said: str, status: int | None, module: str) -> str:
    """Return what is wrong with an import, from what the child said; empty when nothing is."""
    if said:
        return "" if said == "ok" else said
    if status is None:
        return f"importing {module} did not end within {LIMIT_S:g} s"
    ending = status_words(os.waitstatus_to_exitcode(status))
    return f"importing {module} ended the interpreter ({ending})"


def import_here(module: str) -> ModuleType:
    """Import ``module`` in this process: it prints on stderr, and its processes are ended."""
    if module in sys.modules:
        return sys.modules[module]
    with _without_processes(), contextlib.redirect_stdout(sys.stderr):
        return importlib.import_module(module)


@contextlib.contextmanager
def _without_processes() -> Iterator[None]:
    """End what is started meanwhile, but for the tracker of multiprocessing: that ends with us.

    They are not reaped: who started them may ask for them yet.
    """
    before, flag = _children(), _adopt(1)
    try:
        yield
    finally:
        _end_others(before)
        _adopt(flag)


def _end_others(before: set[int]) -> None:
    """Kill what is new, orphans that come to us meanwhile included.

    Two empty listings in a row are asked for: one may miss a process that is just being orphaned.
    """
    empty = 0
    while empty < 2:
        new = _children() - before
        _kill([each for pid in new for each in (pid, *procfs.descendants(pid))])
        empty = 0 if new else empty + 1
        time.sleep(_PAUSE_S)


def _children() -> set[int]:
    """Return the children that live, without the tracker of multiprocessing."""
    return {pid for pid in procfs.children(os.getpid()) if _is_alive(pid) and not _is_tracker(pid)}


def _is_alive(pid: int) -> bool:
    stat = procfs.stat(pid)
    return stat is not None and stat.state not in "ZX"


def _is_tracker(pid: int) -> bool:
    return _TRACKER in (procfs.read(f"/proc/{pid}/cmdline") or b"")
