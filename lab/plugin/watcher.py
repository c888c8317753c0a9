"""The process beside a test session that sees when a test hangs, also one that keeps the GIL.

It is no child of the session, so that no test meets it, and reads from a shared page which phase of
which test is going on. Meanwhile it polls the kernel's counters of the session's process tree. Of a
hang it takes a diagnosis and writes it down; then it sends a signal to the session's main thread,
whose handler raises the diagnosis as the failure of the test. When the main thread does not answer,
the session is ended from here.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import socket
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from lab import procfs
from lab.errors import LabError
from lab.model import Dump, Proof
from lab.moment import look
from lab.plugin.board import Board
from lab.plugin.hangs import PROVED, Hang, file_of, text_of, write
from lab.plugin.phase import BYSTANDER, ENDING, Order, Phase
from lab.supervise import Progress, Watchdog

_TICK_S: Final = 0.1
_LONGEST_TICK_S: Final = 1.0
"""What a tick counts at most: when this process did not run either, nobody hung meanwhile."""
_ANSWER_S: Final = 5.0
"""How long the main thread may take to run the signal's handler."""
_STILL_S: Final = 1.0
"""How long a test that was interrupted may stand still in its clean-up before the next signal."""
_CLEAN_UP_S: Final = 10.0
_SIGNALS: Final = 5
_HELPERS: Final = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")
"""Multiprocessing's own, of which a session has one to its end."""


class SessionOver(Exception):  # noqa: N818 - no error
    """The session said good-bye, or its process is gone."""


class Watcher:
    """Watches one session, of the process ``order.pid``."""

    def __init__(self, order: Order, channel: socket.socket) -> None:
        self._order = order
        self._channel = channel
        self._process = os.pidfd_open(order.pid)
        self._board = Board(Path(order.board))
        self._phase: Phase | None = None
        self._spent_s = 0.0
        self._quiet_s = 0.0
        self._told: set[int] = set()
        self._leftover: set[tuple[int, int]] = set()
        self._watchdog = self._new_watchdog()

    def _new_watchdog(self) -> Watchdog:
        return Watchdog(self._tree, outside=(os.getpid(),), instruments=(BYSTANDER,))

    def _tree(self) -> list[int]:
        return [self._order.pid, *procfs.descendants(self._order.pid)]

    def run(self) -> None:
        """Watch until the session is over."""
        with contextlib.suppress(SessionOver):
            while True:
                tick = self._wait(_TICK_S)
                phase = self._phase
                if phase is None or phase.number in self._told or self._board.paused:
                    continue
                why, proof = self._judge(tick)
                if why:
                    self._hung(phase, why, proof)
        if self._order.replay and procfs.stat(self._order.pid) is None:
            shutil.rmtree(self._order.folder, ignore_errors=True)  # it was killed

    # -- listening ----------------------------------------------------------------------------

    def _wait(self, seconds: float) -> float:
        """Sleep, look what the session says meanwhile, and return how long that was."""
        began = time.monotonic()
        if select.select([self._process, self._channel.fileno()], [], [], seconds)[0]:
            raise SessionOver
        self._listen()
        return min(time.monotonic() - began, _LONGEST_TICK_S)

    def _listen(self) -> None:
        if self._board.number == (self._phase.number if self._phase else 0):
            return
        number, text = self._board.read()
        self._phase = msgspec.json.decode(text, type=Phase) if number else None
        self._spent_s = self._quiet_s = 0.0

    # -- judging ------------------------------------------------------------------------------

    def _judge(self, tick: float) -> tuple[str, Proof | None]:
        """Say why the phase is taken to hang, empty when it is not."""
        main = procfs.stat(self._order.pid)
        if main is None or main.state in "Tt":
            return "", None  # Ctrl-Z, or a debugger
        progress = self._poll(tick)
        limit = self._order.limit_s
        if progress.proof is not None:
            return PROVED, progress.proof
        if limit is not None and self._spent_s >= limit:
            return f"it had not ended after {limit:g} s (--lab-watch={limit:g})", None
        if limit is None and self._quiet_s >= self._order.quiet_s:
            return f"nothing in its process tree had run for {self._order.quiet_s:g} s", None
        return "", None

    def _poll(self, tick: float) -> Progress:
        progress = self._watchdog.poll()
        self._spent_s += tick
        self._quiet_s = 0.0 if progress.state == "running" else self._quiet_s + tick
        return progress

    # -- acting -------------------------------------------------------------------------------

    def _hung(self, phase: Phase, why: str, proof: Proof | None) -> None:
        self._told.add(phase.number)
        dump, failure = self._look(proof)
        self._listen()
        if self._is_over(phase):
            return  # it was only slow
        hang = Hang(
            test=phase.test,
            phase=phase.name,
            location=phase.location,
            why=why,
            text=text_of(phase.test, phase.name, why, dump, failure),
            dump=dump,
        )
        write(file_of(Path(self._order.folder), self._order.who, phase.number), hang)
        threads = self._threads() - {(self._order.pid, tid) for tid in phase.threads}
        if self._interrupt(phase):
            self._leftover |= threads
            self._watchdog = self._new_watchdog()
        else:
            self._end(hang)

    def _look(self, proof: Proof | None) -> tuple[Dump | None, str]:
        try:
            dump = look(self._order.pid, settled=self._leftover | set(self._bystanders()))
        except LabError as error:
            return None, error.line()
        if proof is not None:
            dump = msgspec.structs.replace(dump, state="deadlocked", proof=proof)
        return dump, ""

    def _bystanders(self) -> Iterator[tuple[int, int]]:
        pid = self._order.pid
        for tid in procfs.thread_ids(pid):
            if procfs.thread_name(pid, tid) == BYSTANDER:
                yield pid, tid

    def _threads(self) -> set[tuple[int, int]]:
        return {(pid, tid) for pid in self._tree() for tid in procfs.thread_ids(pid)}

    def _interrupt(self, phase: Phase) -> bool:
        """Have the main thread raise; whether the phase has ended then.

        More than one signal may be needed: a ``with`` waits for its child or its pool again.
        """
        for _ in range(_SIGNALS):
            before = self._board.raised
            begun = list(self._begun_in(phase))
            _signal(self._order.pid, self._order.signal)
            if self._settles(phase, before, begun):
                return True
            if self._board.raised == before:
                return False
        return False

    def _settles(self, phase: Phase, before: int, begun: Iterable[int]) -> bool:
        """Wait for the phase to end as long as there is hope without another signal.

        The main thread had raised ``before`` times. The processes that the phase has ``begun`` are
        killed once it has left its wait.
        """
        self._spent_s = self._quiet_s = 0.0
        while True:
            tick = self._wait(_TICK_S / 5)
            raised = self._board.raised != before
            if raised or self._is_over(phase):
                _kill(begun)
                begun = ()
            if self._is_over(phase):
                return True
            self._poll(tick)
            limits = (_CLEAN_UP_S, _STILL_S) if raised else (_ANSWER_S, _ANSWER_S)
            if self._spent_s > limits[0] or self._quiet_s > limits[1]:
                return False

    def _is_over(self, phase: Phase) -> bool:
        return self._phase is None or self._phase.number != phase.number

    def _begun_in(self, phase: Phase) -> Iterator[int]:
        """Yield the processes that were started since the phase began, of any depth."""
        for child in procfs.children(self._order.pid):
            if child not in phase.children:
                yield from (child, *procfs.descendants(child))

    # -- ending the session --------------------------------------------------------------------

    def _end(self, hang: Hang) -> None:
        """Report in the session's place and end it: its main thread cannot be reached."""
        folder = Path(self._order.folder)
        (folder / ENDING).touch()
        children = procfs.descendants(self._order.pid)
        if self._order.replay:
            from lab.plugin.ending import replay

            replay(folder, self._order.replay, hang)
            shutil.rmtree(folder, ignore_errors=True)
        _kill(children)
        # The disposition of SIGHUP is to exit, with the signal's number as the status: 1.
        _signal(self._order.pid, signal.SIGHUP)
        if not select.select([self._process], [], [], _ANSWER_S)[0]:
            _signal(self._order.pid, signal.SIGKILL)
        raise SessionOver


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        words = " ".join(procfs.command_line(pid))
        if not any(helper in words for helper in _HELPERS[:1]) and not _is_fork_server(pid):
            _signal(pid, signal.SIGKILL)


def _is_fork_server(pid: int) -> bool:
    """Whether it is the server itself; what it has forked bears the same words."""
    stat = procfs.stat(pid)
    return (
        bool(stat)
        and _HELPERS[1] in " ".join(procfs.command_line(pid))
        and not (stat and _HELPERS[1] in " ".join(procfs.command_line(stat.ppid)))
    )


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def main(words: str) -> None:
    """Watch as ``words``, an :class:`Order` as JSON, says."""
    order = msgspec.json.decode(words, type=Order)
    # Ctrl-C is for the session, which says when it is over.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel = socket.socket(fileno=order.channel)
    with contextlib.suppress(ProcessLookupError):
        Watcher(order, channel).run()
