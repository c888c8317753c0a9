"""Passes on to a watched command the signals that were sent to the lab alone.

The command is in the lab's process group, so what the terminal sends (Ctrl-C, Ctrl-Z, a new size)
and what others send to the group reaches it anyway, and must not reach it twice. Which of the two
it was a handler cannot see. So a witness, a child in the same group that blocks every signal, is
asked whether it has got the signal too: blocked signals stay pending and show in ``/proc``.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Iterable

from lab.supervise import keeper

TYPE_CHECKING = False  # known to type checkers; importing typing takes time
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

_KEPT = {
    "SIGKILL", "SIGSTOP", "SIGCHLD", "SIGQUIT", "SIGPIPE", "SIGTTIN", "SIGTTOU", "SIGSEGV",
    "SIGBUS", "SIGFPE", "SIGILL", "SIGTRAP", "SIGABRT", "SIGSYS", "SIGSTKFLT", "SIGXFSZ",
}  # fmt: skip
"""Not passed on: they cannot be, or they speak of the lab itself, or ask it for a diagnosis."""
_LOOKS, _PAUSE_S = 10, 0.002
_DRAIN_LIMIT_MS = 5000


class Witness:
    """A child of the lab, in its process group, that blocks all signals until it is asked."""

    def __init__(self) -> None:
        """Fork; every signal must be blocked."""
        orders, self._orders = os.pipe()
        self._answers, answers = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            self._be(orders, answers)
        os.close(orders)
        os.close(answers)

    def _be(self, orders: int, answers: int) -> None:
        try:
            keeper.call_itself(keeper.WITNESS_NAME)
            keeper.close_all({orders, answers})
            while os.read(orders, 1):  # ends with the lab
                while signal.sigtimedwait(signal.valid_signals(), 0):
                    pass
                os.write(answers, b".")
        finally:
            os._exit(0)

    def saw(self, number: int) -> bool:
        """Say whether the group was sent signal ``number``, as the lab was just now.

        The kernel goes through a group one process after the other, so it is looked for more than
        once.
        """
        for look in range(_LOOKS):
            if look:
                time.sleep(_PAUSE_S)
            if keeper.signal_set(self.pid, "ShdPnd") >> number - 1 & 1:
                self._drain()
                return True
        return False

    def _drain(self) -> None:
        """Have the witness take what is pending, so that the next signal is seen as a new one."""
        with contextlib.suppress(OSError):
            os.write(self._orders, b".")
            poller = select.poll()
            poller.register(self._answers, select.POLLIN)
            if poller.poll(_DRAIN_LIMIT_MS):
                os.read(self._answers, 1)

    def dismiss(self) -> None:
        """End and reap it."""
        os.close(self._orders)
        os.close(self._answers)
        with contextlib.suppress(OSError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


class Relay:
    """The lab's signal handlers while a command runs. ``asked`` is set by a SIGQUIT.

    ``send`` gives a signal to the command and says whether that is there yet; ``stopped`` says
    whether it is stopped.
    """

    def __init__(
        self, witness: Witness, send: Callable[[int], bool], stopped: Callable[[], bool]
    ) -> None:
        self.asked = False
        self._witness = witness
        self._send = send
        self._stopped = stopped
        self._waiting: list[int] = []
        self._before: dict[int, Any] = {}

    def install(self) -> None:
        """Take over every signal that is not ignored already; what was ignored stays so."""
        for number in self._numbers():
            self._set(number, self._pass_on)
        self._set(signal.SIGCONT, self._continue)
        self._set(signal.SIGQUIT, self._ask)
        # Or the lab would be stopped, and the command with it, for writing to the terminal.
        self._set(signal.SIGTTOU, signal.SIG_IGN)

    def _numbers(self) -> Iterable[int]:
        kept = {getattr(signal, name) for name in _KEPT if hasattr(signal, name)}
        numbers = signal.valid_signals() - kept - {signal.SIGCONT}
        return [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]

    def _set(self, number: int, action: Any) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._before[number] = signal.signal(number, action)

    def _pass_on(self, number: int, _frame: FrameType | None) -> None:
        if not self._witness.saw(number) and not self._send(number):
            self._waiting.append(number)

    def flush(self) -> None:
        """Pass on what came before the command was there."""
        waiting, self._waiting = self._waiting, []
        for number in waiting:
            self._send(number)

    def _continue(self, number: int, _frame: FrameType | None) -> None:
        """Whoever continues the lab means the command, unless that was continued as well."""
        if self._stopped():
            self._send(number)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self._witness.saw(signal.SIGQUIT)
        self.asked = True

    def restore(self) -> None:
        """Put back the handlers that were there before."""
        for number, action in self._before.items():
            with contextlib.suppress(OSError, ValueError, TypeError):
                signal.signal(number, action)
        self._before.clear()


def has_terminal() -> bool:
    """Say whether this process has a controlling terminal, from which Ctrl-\\ could come."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def die_of(number: int) -> None:
    """End this process by signal ``number``, without a core dump; returns when that fails."""
    import resource

    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    with contextlib.suppress(OSError, ValueError):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    os.kill(os.getpid(), number)


def stop_by(number: int) -> None:
    """Stop this process as signal ``number`` does by default; returns when it is continued."""
    action = None
    if number != signal.SIGSTOP:
        action = signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    if action is not None:
        signal.signal(number, action)
