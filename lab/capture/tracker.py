"""The heap profiler inside the target: one for each process, opened around the program's own code.

It is loaded into the program under test, so it uses the standard library only, and memray where
the target's interpreter has it. Nothing in here may change how the program ends: what goes wrong
is written into the process's note, and the program goes on unmeasured.

What is left in the directory, for :mod:`lab.capture.heap` to read from outside:

- ``heap-<pid>.note``: which process this is, which tool measures it, or why none does;
- ``heap-<pid>.bin``: memray's capture. It is written through a shared mapping and readable
  after SIGKILL, in memray's default format (the aggregated one is written at the end only);
- ``heap-<pid>.figures``: what tracemalloc says. tracemalloc keeps everything inside the process,
  so a program that never ends must be asked: by :data:`SIGNAL`, just before it is killed;
- ``heap-<pid>.threads``: the names of the worker threads that ran, one a line.

The signal leaves no thread and no timer behind that would spoil the proof of a deadlock. Python
runs its handler in the main thread, which an untimed wait for a lock, a join, a queue, a pipe, a
child or a file lock lets happen on 3.12 and 3.13. A main thread that is blocked inside foreign C
code that does not return to Python cannot answer.

memray has a thread of its own that waits with a time-out. It is given the name
:data:`INSTRUMENT_THREAD`, so that a watchdog can leave it out, and so long an interval that it
never runs.
"""

from __future__ import annotations

import contextlib
import functools
import json
import multiprocessing
import os
import signal
import sys
import sysconfig
import threading
import tracemalloc
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

INSTRUMENT_THREAD = "lab-memray"
"""The kernel's name (``comm``) of memray's own thread."""
SIGNAL = getattr(signal, "SIGRTMAX", 64) - 5
"""Asks a process that tracemalloc measures for its figures."""
LARGEST = 10
_NEVER_MS = 24 * 3600 * 1000


class _Recorder(Protocol):
    def start(self) -> object:
        """Begin to record."""

    def settle(self) -> None:
        """Do what is left to do once it records."""

    def stop(self) -> None:
        """Finish, so that what was recorded can be read."""


class _State:
    """Which process the tracker is open in. A fork copies it: the pid tells the copy."""

    pid: int | None = None
    profile_hook: Any = None


@dataclass(frozen=True, slots=True)
class Tracked:
    """Where and how this run is measured. Picklable, so that it reaches spawned workers."""

    directory: str
    tool: str
    main_pid: int

    def main(self) -> contextlib.AbstractContextManager[None]:
        """Return a context manager for the whole program, in the main process.

        memray draws no frame that is not deeper than its own start, so a program that is called
        by the very function that holds the ``with`` is missing from its own flame graph: call it
        through one function more.
        """
        return _Session(self, "main")

    def worker(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``function`` with a tracker around it if it runs in a process of its own.

        In a thread the tracker of its process covers it. The result can be pickled if
        ``function`` can. This is a wrapper for :class:`lab.kit.Kit`.
        """
        return functools.partial(_call, self, function)


def tracker(*, directory: str, tool: str = "auto") -> Tracked:
    """Return the tracker of this run, not started yet.

    ``directory`` must exist; ``tool`` is ``memray``, ``tracemalloc``, or ``auto``: memray where it
    can be imported, else tracemalloc. Call it in the main process of the target. An unknown tool
    raises ``ValueError``.
    """
    if tool not in ("auto", "memray", "tracemalloc"):
        raise ValueError(f"heap tool {tool!r}; wanted: auto, memray or tracemalloc")
    return Tracked(directory=str(Path(directory).resolve()), tool=tool, main_pid=os.getpid())


def _call(plan: Tracked, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    if _State.pid == os.getpid() or plan.main_pid == os.getpid():
        _record_thread(plan)
        return function(*args, **kwargs)
    with _Session(plan, multiprocessing.current_process().name):
        return _one_frame_deeper(function, *args, **kwargs)


def _one_frame_deeper(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call ``function``; see :meth:`Tracked.main`."""
    return function(*args, **kwargs)


def _record_thread(plan: Tracked) -> None:
    """Note that this worker ran: one that holds nothing at the peak shows in no capture."""
    name = threading.current_thread().name.replace("\n", " ")
    with contextlib.suppress(OSError):
        _append(_path(plan, "threads"), name + "\n")


def _append(path: Path | str, text: str) -> None:
    """Write without a buffer: what is allocated here is charged to the program's threads."""
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


class _Session:
    """One process being measured. What fails is written into its note, never raised."""

    def __init__(self, plan: Tracked, label: str) -> None:
        self._plan = plan
        self._pid = os.getpid()
        tool, why = _choose(plan.tool)
        self._note = {"pid": self._pid, "label": label, "tool": tool, "why": why, "error": ""}
        self._recorder: _Recorder | None = None

    def __enter__(self) -> None:
        self._try("when it began", self._prepare)
        _State.pid = self._pid
        self._write_note()  # now, as what is allocated later is charged to the program
        if self._recorder is not None:
            try:
                self._recorder.start()  # here: memray counts the frames that it will not draw
            except Exception as error:  # noqa: BLE001 - the program must run, measured or not
                self._fail("when it began", error)
        if self._recorder is not None:
            self._try("when it began", self._recorder.settle)

    def __exit__(self, *exc: object) -> None:
        # A fork inside the block leaves it twice; the copy must not touch its parent's capture.
        if os.getpid() != self._pid:
            return
        _State.pid = None
        if self._recorder is not None:
            self._try("when it ended", self._recorder.stop)

    def _prepare(self) -> None:
        _leave_parents_tracker()
        kind = _Memray if str(self._note["tool"]).startswith("memray") else _Tracemalloc
        self._recorder = kind(self._plan)

    def _try(self, when: str, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001 - the program must run, measured or not
            self._fail(when, error)

    def _fail(self, when: str, error: Exception) -> None:
        self._note["error"] = f"{when}: {type(error).__name__}: {error}"
        self._recorder = None
        self._write_note()

    def _write_note(self) -> None:
        _write(_path(self._plan, "note"), self._note)


def _choose(wanted: str) -> tuple[str, str]:
    """Return the tool with its version, and why it is not the one that is wanted most."""
    if wanted == "tracemalloc":
        return "tracemalloc", ""
    try:
        import memray
    except Exception as error:  # noqa: BLE001 - a native module can fail in any way
        if wanted == "memray":
            return "memray", ""
        return "tracemalloc", f"memray cannot be imported in the target: {error}"
    return f"memray {getattr(memray, '__version__', '')}".strip(), ""


class _Memray:
    """memray around the rest of the block, for all threads of this process."""

    def __init__(self, plan: Tracked) -> None:
        import memray

        _State.profile_hook = threading.getprofile()
        self._threads = _thread_ids(_open_threads())
        self._tracker = memray.Tracker(
            destination=memray.FileDestination(_path(plan, "bin")),
            memory_interval_ms=_NEVER_MS,
            # Without the GIL, small objects come from mimalloc, whose requests to the system say
            # little of what the program asked for.
            trace_python_allocators=bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        )
        self.start = self._tracker.__enter__
        # Opened now and read later: its buffer is then not among what is measured.
        self._threads_later = _open_threads()
        # Because of memray's thread, every os.fork would warn of a program with threads.
        warnings.filterwarnings(
            "ignore", message="This process .* is multi-threaded", category=DeprecationWarning
        )

    def settle(self) -> None:
        """Name memray's thread."""
        for tid in _thread_ids(self._threads_later) - self._threads:
            with contextlib.suppress(OSError):
                _append(f"/proc/self/task/{tid}/comm", INSTRUMENT_THREAD)

    def stop(self) -> None:
        """Close the capture."""
        self._tracker.__exit__(None, None, None)


type _Entries = contextlib.AbstractContextManager[Iterable[os.DirEntry[str]]]


def _open_threads() -> _Entries:
    """Open the list of this process's threads; empty where there is none. See proc_pid_task(5)."""
    try:
        return os.scandir("/proc/self/task")
    except OSError:
        return contextlib.nullcontext(())


def _thread_ids(opened: _Entries) -> set[str]:
    with opened as entries:
        return {entry.name for entry in entries}


def _leave_parents_tracker() -> None:
    """In a fork child, take away what the parent's tracker left in Python's own objects.

    memray stops recording in a child by itself, but its interceptors stay on the ``Thread``
    class, and a second tracker asserts that there are none (seen with 1.20 on 3.12 and 3.13).
    """
    if _State.pid in (None, os.getpid()):
        return
    for name in ("_name", "_ident"):
        left = vars(threading.Thread).get(name)
        if type(left).__module__.startswith("memray"):
            delattr(threading.Thread, name)
            threading.setprofile(_State.profile_hook)
    if tracemalloc.is_tracing():
        tracemalloc.stop()  # and forget what the parent had allocated
    _State.pid = None


class _Tracemalloc:
    """tracemalloc around the block; its figures are written at the end, or on request."""

    def __init__(self, plan: Tracked) -> None:
        self._plan = plan
        self._pid = os.getpid()
        self._ours = not tracemalloc.is_tracing()

    def start(self) -> None:
        """Trace, with one frame for each block: the least that names a line."""
        if self._ours:
            tracemalloc.start()

    def settle(self) -> None:
        """Answer requests from now on."""
        self._previous = signal.signal(SIGNAL, self._asked)

    def stop(self) -> None:
        """Write the figures and stop tracing, unless the program had begun to trace by itself."""
        self._write_figures()
        signal.signal(SIGNAL, self._previous)
        if self._ours:
            tracemalloc.stop()

    def _asked(self, _number: int, _frame: object) -> None:
        """Answer a request from outside. A child inherits the handler, but is not this process."""
        if os.getpid() != self._pid:
            return
        try:
            self._write_figures()
        except Exception as error:  # noqa: BLE001 - raised here, it would surface in the program
            _write(_path(self._plan, "figures"), {"error": f"{type(error).__name__}: {error}"})

    def _write_figures(self) -> None:
        if not tracemalloc.is_tracing():
            raise RuntimeError("the program had stopped tracemalloc")
        current, peak = tracemalloc.get_traced_memory()  # before the snapshot adds to it
        statistics = tracemalloc.take_snapshot().statistics("lineno")
        largest = [
            (f"{top.traceback[0].filename}:{top.traceback[0].lineno}", top.size)
            for top in statistics[:LARGEST]
        ]
        figures = {"current": current, "peak": peak, "largest": largest}
        _write(_path(self._plan, "figures"), figures)


def _path(plan: Tracked, kind: str) -> Path:
    return Path(plan.directory) / f"heap-{os.getpid()}.{kind}"


def _write(path: Path, value: object) -> None:
    """Write all of it or nothing; a full or vanished disk must not stop the program."""
    partial = path.with_name(path.name + ".part")
    try:
        partial.write_text(json.dumps(value), encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        print(f"lab: cannot write {path}: {error}", file=sys.stderr)
