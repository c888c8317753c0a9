"""``--lab-watch``: the session's side. It tells the watcher of each phase, and fails what hung.

The watcher is a process of its own, see :mod:`lab.plugin.watcher`. Under xdist each worker has one,
and the controller has none: it tells of workers that had to be ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Final

import pytest
from _pytest.outcomes import Failed

from lab import procfs
from lab.plugin.channel import Channel
from lab.plugin.journal import Journal, ending_options
from lab.plugin.phase import ENDING

QUIET_S: Final = 60.0
"""How long nothing may run when no time is given."""
_ATEXIT_S: Final = 5.0
_FOLDER: Final = "lab_watch_folder"


class TestHung(Failed):
    """The test hung: the message is the diagnosis. Not an ``Exception``: few tests catch it."""

    __test__ = False


def limit_of(text: str) -> float | None:
    """Return the seconds of ``--lab-watch=SECONDS``, ``None`` without. Raises UsageError."""
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise pytest.UsageError(
            f"--lab-watch {text}; wanted: seconds, more than 0, as in --lab-watch=300; "
            "try: the option behind the names of the tests"
        )
    return seconds


class Watching:
    """The plug-in that is registered when the option is given."""

    def __init__(self, config: pytest.Config, *, is_hunted: Callable[[pytest.Item], bool]) -> None:
        self._is_hunted = is_hunted
        self._config = config
        self._limit_s = limit_of(config.getoption("lab_watch"))
        given = getattr(config, "workerinput", None)
        self._is_worker = given is not None
        self._who = given["workerid"] if given else "main"
        self._folder = Path(given[_FOLDER] if given else tempfile.mkdtemp(prefix="lab-watch-"))
        self._journal: Journal | None = None
        self._channel: Channel | None = None
        self._number = 0
        self._in_phase = False
        self._stuck: set[threading.Thread] = set()
        self._status = 0

    # -- the session --------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Any:
        """Have a watcher for as long as tests run."""
        controls = session.config.pluginmanager.hasplugin("dsession")
        if controls or session.config.getoption("collectonly"):
            return (yield)
        self._begin(session)
        try:
            return (yield)
        finally:
            self._finish()

    def _begin(self, session: pytest.Session) -> None:
        replay: dict[str, Any] = {}
        if self._is_worker:
            _mark_bystanders()
        else:
            self._journal = Journal(self._folder, self._config)
            replay = ending_options(session)
        number = _free_signal()
        self._before = signal.signal(number, self._hung)
        _exit_on_hangup()
        self._channel = Channel(
            signal=int(number), who=self._who, folder=str(self._folder), replay=replay,
            limit_s=self._limit_s, quiet_s=QUIET_S,
        )  # fmt: skip
        self._signal = number

    def _finish(self) -> None:
        if self._channel is not None:
            self._channel.close()
            signal.signal(self._signal, self._before)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Note what pytest will exit with."""
        self._status = int(exitstatus)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self, config: pytest.Config) -> None:  # noqa: ARG002
        """Leave, also when threads of hung tests would keep the interpreter from ending."""
        if self._journal is not None:
            self._journal.close()
        if not self._is_worker:
            shutil.rmtree(self._folder, ignore_errors=True)
        if any(thread.is_alive() and not thread.daemon for thread in self._stuck):
            leave(self._status)

    # -- the tests ----------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Any:
        """Watch the fixtures being made."""
        with self._phase(item, "setup"):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Any:
        """Watch the test, unless it is hunted: the hunt has a watchdog of its own."""
        if self._is_hunted(item):
            return (yield)
        with self._phase(item, "call"):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Any:
        """Watch the fixtures being torn down."""
        with self._phase(item, "teardown"):
            return (yield)

    @contextlib.contextmanager
    def _phase(self, item: pytest.Item, name: str) -> Iterator[None]:
        channel = self._channel
        if channel is None:
            yield
            return
        self._number += 1
        before = set(threading.enumerate())
        me = os.getpid()
        channel.tell(
            kind="phase", number=self._number, test=item.nodeid, name=name,
            location=item.location, children=procfs.children(me), threads=procfs.thread_ids(me),
        )  # fmt: skip
        self._in_phase = True
        try:
            yield
        except TestHung:
            self._note_stuck(item, name, set(threading.enumerate()) - before)
            raise
        finally:
            self._in_phase = False
            channel.tell(kind="ended")
            self._stop_when_ending()

    def _note_stuck(self, item: pytest.Item, phase: str, threads: set[threading.Thread]) -> None:
        alive = {thread for thread in threads if thread.is_alive()}
        self._stuck |= alive
        if alive:
            names = ", ".join(sorted(thread.name for thread in alive))
            item.add_report_section(phase, "threads", f"left running by the hung test: {names}")

    def _stop_when_ending(self) -> None:
        """Report nothing once the watcher reports in this session's place: it will end it soon."""
        while (self._folder / ENDING).exists() and not self._is_worker:
            time.sleep(_ATEXIT_S)

    def _hung(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Raise the diagnosis of the phase that is going on: the signal's handler."""
        __tracebackhide__ = True
        if not self._in_phase or self._channel is None:
            return
        path = self._folder / f"{self._who}-{self._number}.hang.json"
        try:
            text = json.loads(path.read_bytes())["text"]
        except OSError:
            return
        self._channel.tell(kind="raised")
        raise TestHung(text)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what is reported for a session that cannot be ended by itself."""
        if self._journal is not None:
            self._journal.add(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep what could not be collected."""
        if self._journal is not None and report.failed:
            self._journal.add(report)

    def pytest_enter_pdb(self) -> None:
        """Wait for as long as somebody debugs."""
        if self._channel is not None:
            self._channel.tell(kind="pause", on=True)

    def pytest_leave_pdb(self) -> None:
        """Watch again."""
        if self._channel is not None:
            self._channel.tell(kind="pause", on=False)

    # -- xdist's controller, and the end -------------------------------------------------------

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker where hangs are written down."""
        node.workerinput[_FOLDER] = str(self._folder)

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_handlecrashitem(self, crashitem: str, report: Any) -> None:
        """Say in the report of a test whose worker had to be ended why that was."""
        from lab.plugin.hangs import hangs_in

        for hang in hangs_in(self._folder):
            if hang.test == crashitem:
                report.longrepr = f"{hang.text}\n{report.longrepr}"

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Name the tests that hung."""
        from lab.plugin.hangs import hangs_in, print_hangs

        if not self._is_worker and (hangs := hangs_in(self._folder)):
            print_hangs(terminalreporter, hangs)


def leave(status: int) -> None:
    """End the interpreter without waiting for its threads, but not without its other duties."""
    import atexit
    import sys

    duties = threading.Thread(target=atexit._run_exitfuncs, daemon=True)
    duties.start()
    duties.join(_ATEXIT_S)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def _free_signal() -> int:
    """Return a real-time signal that nobody handles."""
    for number in range(signal.SIGRTMIN + 7, signal.SIGRTMAX):
        if signal.getsignal(number) is signal.SIG_DFL:
            return number
    raise pytest.UsageError("--lab-watch: every real-time signal has a handler already")


def _exit_on_hangup() -> None:
    """Let SIGHUP, unless somebody handles it, end this process with status 1 even in C code.

    ``_exit(2)`` is the handler, and the number of the signal its argument. Python is not told.
    Children that are forked have the default again.
    """
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_DFL:
        return
    libc = ctypes.CDLL(None)
    libc.signal.argtypes = (ctypes.c_int, ctypes.c_void_p)
    libc.signal(signal.SIGHUP, ctypes.cast(libc._exit, ctypes.c_void_p))
    os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL))


def _mark_bystanders() -> None:
    """Name the threads that carry xdist's messages: none of them does anything for a test."""
    from lab.plugin.phase import BYSTANDER

    others = [tid for tid in procfs.thread_ids(os.getpid()) if tid != os.getpid()]
    if len(others) == _carriers():
        for tid in others:
            Path(f"/proc/self/task/{tid}/comm").write_text(BYSTANDER, encoding="ascii")


def _carriers() -> int:
    import sys

    return sum(_begins_in_execnet(frame) for frame in sys._current_frames().values())


def _begins_in_execnet(frame: FrameType) -> bool:
    while frame.f_back is not None:
        frame = frame.f_back
    return "execnet" in frame.f_code.co_filename and frame.f_code.co_name != "<module>"
