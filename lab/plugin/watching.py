"""``--lab-watch``: the session's side. It tells the watcher of each phase, and fails what hung.

The watcher is a process of its own, see :mod:`lab.plugin.watcher`. Under xdist each worker has one,
and the controller has none: it tells of workers that had to be ended.
"""

from __future__ import annotations

import contextlib
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
from lab.plugin.phase import ENDING, HANG
from lab.plugin.process import (
    default_on_hangup,
    exit_on_hangup,
    free_signal,
    leave,
    mark_bystanders,
    threads_stay,
)

QUIET_S: Final = 60.0
"""How long nothing may run when no time is given."""
_PAUSE_S: Final = 5.0
_FOLDER, _LOST = "lab_watch_folder", "lab_watch_lost"


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
            f"--lab-watch={text}; wanted: seconds, more than 0, as in --lab-watch=300"
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
        self._any_hung = False
        self._is_lost = False
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
        if not procfs.AVAILABLE:
            raise pytest.UsageError("--lab-watch: the system has no /proc; wanted: Linux")
        if threading.current_thread() is not threading.main_thread():
            raise pytest.UsageError("--lab-watch: tests run in another thread than the main one")
        replay: dict[str, Any] = {}
        if self._is_worker:
            mark_bystanders()
        else:
            self._journal = Journal(self._folder, self._config)
            replay = ending_options(session)
        number = free_signal()
        self._before = signal.signal(number, self._hung)
        exit_on_hangup()
        self._channel = Channel(
            self._folder / f"{self._who}.board",
            signal=int(number),
            who=self._who,
            folder=str(self._folder),
            replay=replay,
            limit_s=self._limit_s,
            quiet_s=QUIET_S,
        )
        self._signal = number

    def _finish(self) -> None:
        if self._channel is None:
            return
        self._is_lost = not self._channel.close()
        self._channel = None
        signal.signal(self._signal, self._before)
        default_on_hangup()
        if self._is_worker:
            vars(self._config)["workeroutput"][_LOST] = self._is_lost

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
        if self._any_hung and threads_stay():
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
        channel.begin(
            self._number, test=item.nodeid, name=name,
            location=item.location, children=procfs.children(me), threads=procfs.thread_ids(me),
        )  # fmt: skip
        self._in_phase = True
        began = time.monotonic()
        try:
            yield
        except TestHung:
            self._note_stuck(item, name, set(threading.enumerate()) - before)
            raise
        finally:
            self._in_phase = False
            channel.end()
            if time.monotonic() - began > _PAUSE_S / 2:
                self._stop_when_ending()

    def _note_stuck(self, item: pytest.Item, phase: str, threads: set[threading.Thread]) -> None:
        self._any_hung = True
        if alive := sorted(thread.name for thread in threads if thread.is_alive()):
            names = ", ".join(alive)
            item.add_report_section(phase, "threads", f"left running by the hung test: {names}")

    def _stop_when_ending(self) -> None:
        """Report nothing once the watcher reports in this session's place: it will end it soon."""
        while (self._folder / ENDING).exists() and not self._is_worker:
            time.sleep(_PAUSE_S)

    def _hung(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Raise the diagnosis of the phase that is going on: the signal's handler."""
        __tracebackhide__ = True
        if not self._in_phase or self._channel is None:
            return
        path = self._folder / f"{self._who}-{self._number}{HANG}"
        try:
            text = json.loads(path.read_bytes())["text"]
        except OSError:
            return
        self._channel.board.note_raised()
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
            self._channel.board.paused = True

    def pytest_leave_pdb(self) -> None:
        """Watch again."""
        if self._channel is not None:
            self._channel.board.paused = False

    # -- xdist's controller, and the end -------------------------------------------------------

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker where hangs are written down."""
        node.workerinput[_FOLDER] = str(self._folder)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Hear of a worker whose watcher was lost."""
        self._is_lost |= bool(getattr(node, "workeroutput", {}).get(_LOST))

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_handlecrashitem(self, crashitem: str, report: Any) -> None:
        """Say in the report of a test whose worker had to be ended why that was."""
        from lab.plugin.hangs import hangs_in

        for hang in hangs_in(self._folder):
            if hang.test == crashitem:
                report.longrepr = f"{hang.text}\n{report.longrepr}"

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Name the tests that hung."""
        if self._is_worker:
            return
        if any(self._folder.glob(f"*{HANG}")):
            from lab.plugin.hangs import hangs_in, print_hangs

            print_hangs(terminalreporter, hangs_in(self._folder))
        if self._is_lost:
            terminalreporter.line("--lab-watch: the watcher ended before the tests did", red=True)
