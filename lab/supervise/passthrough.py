"""Runs a command as if the lab were not there: on its terminal and streams, in its process group.

The command inherits the lab's descriptors, environment, working directory and signal actions, so
nothing is copied and nothing can be reordered. The one difference: where there is a terminal, the
command starts with SIGQUIT ignored, because Ctrl-\\ asks the lab for a diagnosis.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Mapping

from lab.supervise import keeper, shim
from lab.supervise.relay import Relay, Witness, has_terminal, stop_by

TYPE_CHECKING = False  # known to type checkers; importing typing takes time
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

_CHUNK = 1 << 12
_END_LIMIT_S = keeper.GRACE_S + keeper.KILL_BUDGET_S + 3.0


class Ended:
    """What was found when a tree was ended.

    ``killed`` processes had to be killed; ``left`` must be none; ``removed`` named semaphores and
    shared-memory segments that the tree left were removed.
    """

    def __init__(self, killed: int, left: int, removed: int) -> None:
        self.killed, self.left, self.removed = killed, left, removed


class Passthrough:
    """A context manager around a command. Leaving it leaves alone what outlives the command.

    ``pid`` is the command's process; ``status`` its exit status, minus the number of a signal, or
    ``None`` while it runs; ``failure`` the error number when it could not be started; ``paused_s``
    the seconds that it, and the lab with it, have been stopped.
    """

    def __init__(self, argv: tuple[str, ...], env: Mapping[str, str]) -> None:
        self.argv, self.env = argv, env
        self.pid = 0
        self.status: int | None = None
        self.failure = 0
        self.paused_s = 0.0
        self.keeper_pid = 0
        self.kept = False
        """Whether the keeper is there."""
        self.streams: tuple[str, ...] = ()
        """What the standard streams refer to, such as ``pipe:[4711]``."""
        self._pidfd = -1
        self._rest = b""
        self._ended: Ended | None = None

    # -- start --------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        keeper.occupy_standard_streams()
        self.streams = tuple(os.readlink(f"/proc/self/fd/{fd}") for fd in (0, 1, 2))  # noqa: PTH115
        shim.prctl(shim.PR_SET_CHILD_SUBREAPER, 1)
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        self._witness = Witness()
        self.relay = Relay(self._witness, self.send, self.is_stopped)
        self._start(set(mask))  # type: ignore[arg-type]
        self._wake, wake = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        self.relay.install()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        while not self.pid and not self.failure and self.kept:
            self.wait(None)
        self.relay.flush()
        return self

    def _start(self, mask: set[signal.Signals]) -> None:
        """Fork the keeper, which starts the command."""
        orders, self._orders = os.pipe()
        self._answers, answers = os.pipe()
        ignore: set[int] = {signal.SIGQUIT} if has_terminal() else set()
        if signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN:  # then nobody could be waited for
            ignore.add(signal.SIGCHLD)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self.keeper_pid = os.fork()
        if self.keeper_pid == 0:
            keeper.keep(self.argv, self.env, orders, answers, mask=mask, ignore=ignore)
        self.kept = True
        os.close(orders)
        os.close(answers)
        os.set_blocking(self._answers, False)

    def _let_go_of_streams(self) -> None:
        """Keep no end of a pipe that the command may close; only stderr, which the lab may need."""
        for name in os.listdir("/proc/self/fd"):
            with contextlib.suppress(OSError):
                if int(name) != 2 and os.get_inheritable(int(name)):
                    os.close(int(name))
        keeper.occupy_standard_streams()

    # -- life ---------------------------------------------------------------------------------

    def wait(self, seconds: float | None) -> None:
        """Sleep until the command ends or stops, a signal comes, or for ``seconds`` at most."""
        poller = select.poll()
        poller.register(self._wake, select.POLLIN)
        if self.kept:
            poller.register(self._answers, select.POLLIN)
        poller.poll(None if seconds is None else seconds * 1000)
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake, _CHUNK)
        self._listen()

    def _listen(self) -> None:
        while self.kept:
            try:
                data = os.read(self._answers, _CHUNK)
            except BlockingIOError:
                return
            self.kept = bool(data)
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                self._take(*line.decode().split())
        if self.status is None and self._ended is None:
            self._sweep()

    def _take(self, kind: str, *words: str) -> None:
        numbers = [int(word) for word in words]
        match kind:
            case "started":
                (self.pid,) = numbers
                with contextlib.suppress(OSError):
                    self._pidfd = os.pidfd_open(self.pid)
                self._let_go_of_streams()
            case "failed":
                (self.failure,) = numbers
            case "exited":
                (self.status,) = numbers
            case "stopped":
                self._stop(*numbers)
            case "ended":
                self._ended = Ended(*numbers)

    def _stop(self, number: int) -> None:
        """Stop as the command did, so that the shell sees it."""
        if not self.is_stopped():
            return
        began = time.monotonic()
        stop_by(number)
        self.paused_s += time.monotonic() - began

    def send(self, number: int) -> bool:
        """Give the command a signal; says whether it has been started."""
        if self._pidfd < 0:
            return False
        with contextlib.suppress(OSError):
            signal.pidfd_send_signal(self._pidfd, number)
        return True

    def is_stopped(self) -> bool:
        """Say whether the command is stopped, as by Ctrl-Z."""
        return bool(self.pid) and keeper.state_of(self.pid) == "T"

    def tree(self) -> list[int]:
        """Return the live processes of the command's tree, however they daemonised."""
        return [pid for pid in shim.descendants(self.keeper_pid) if shim.is_alive(pid)]

    @property
    def lab(self) -> tuple[int, ...]:
        """The processes of the lab itself."""
        return (os.getpid(), self.keeper_pid, self._witness.pid)

    # -- end ----------------------------------------------------------------------------------

    def end(self) -> Ended:
        """End the whole tree: SIGTERM for those who catch it, then kill until nothing is left."""
        with contextlib.suppress(OSError):
            os.write(self._orders, b"end\n")
        until = time.monotonic() + _END_LIMIT_S
        while self._ended is None and self.kept and time.monotonic() < until:
            self.wait(0.1)
        if self._ended is None:
            with contextlib.suppress(OSError):
                os.kill(self.keeper_pid, signal.SIGKILL)
            self.kept = False
            self._sweep()
        assert self._ended is not None
        return self._ended

    def _sweep(self) -> None:
        """The keeper is gone without a word: end what has come to the lab instead."""
        killed = shim.kill_children(self._reap, keeper.KILL_BUDGET_S) - set(self.lab)
        left = sum(shim.is_alive(pid) for pid in shim.descendants())
        self._ended = Ended(len(killed), left, 0)
        if self.status is None:
            self.status = -signal.SIGKILL

    def _reap(self) -> bool:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                return False
            if pid == self.pid:
                self.status = os.waitstatus_to_exitcode(status)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.close(self._orders)
        with contextlib.suppress(OSError):
            os.waitpid(self.keeper_pid, 0)
        os.close(self._answers)
        self.relay.restore()
        self._witness.dismiss()
        if self._pidfd >= 0:
            os.close(self._pidfd)
