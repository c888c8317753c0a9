"""The keeper of a watched command: its parent, the adopter of its orphans, its end when it must be.

A fork of the lab, so that it is there at once. It is a subreaper (prctl(2)) in a session of its
own, outside the reach of the terminal; the command it starts stays in the lab's session, process
group and terminal, with the lab's own standard streams. It talks to the lab by lines on two pipes:

    started <pid>, failed <errno>    what became of the start
    stopped <signal>                 the command was stopped, as by Ctrl-Z
    exited <status>                  it has ended; minus the number of a signal
    ended <killed> <left> <removed>  the answer to ``end``: the tree was ended

The end of the lab while the command runs ends the tree. After the command's own end the keeper
goes, and what the command has left behind is left alone, as it would be without the lab.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import time
from collections.abc import Callable, Mapping

from lab.supervise import shim

GRACE_S = 2.0
"""How long those who catch SIGTERM have for it, before everything that is left is killed."""
KILL_BUDGET_S = 10.0
NAMES = KEEPER_NAME, WITNESS_NAME = "lab-keeper", "lab-witness"
"""What the kernel calls the lab's own helpers, so that a dump can leave them out."""
_PAUSE_S = 0.002
_WAKE_LIMIT_S = 30.0
"""How long the lab may take to stop as its command did, on a machine that has no time for it."""
_WAKE_EVERY_MS = 10
_CHUNK = 1 << 12
_RESTORED = ("SIGPIPE", "SIGXFSZ")
"""What Python ignores for itself; see signal(3) in its documentation."""


def keep(
    argv: tuple[str, ...],
    env: Mapping[str, str],
    orders: int,
    answers: int,
    *,
    mask: set[signal.Signals],
    ignore: set[int],
) -> None:
    """Be the keeper, in a fresh fork of the lab; does not return.

    ``orders`` and ``answers`` are the ends of the pipes. The command gets the signal ``mask``, and
    ignores those of ``ignore`` and whatever the lab itself was started with as ignored.
    """
    try:
        Keeper(orders, answers).run(lambda failure: become(argv, env, failure, mask, ignore))
    finally:
        os._exit(1)


class Keeper:
    """Owns the command, which is ``root``."""

    def __init__(self, orders: int, answers: int) -> None:
        self.orders, self.answers = orders, answers
        self.lab = os.getppid()
        self.root = 0
        self.ended = False
        self.stopped = False
        self.continued_at = 0.0
        """When a command that had been stopped went on, for as long as the lab may not have."""
        self.names_before = shim.shared_names()

    def tell(self, *words: object) -> None:
        """Send one line to the lab, which may be gone."""
        with contextlib.suppress(OSError):
            os.write(self.answers, (" ".join(map(str, words)) + "\n").encode())

    def run(self, child: Callable[[int], None]) -> None:
        """Start the command and keep it; exits this process."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        shim.prctl(shim.PR_SET_CHILD_SUBREAPER, 1)
        failed, failure = os.pipe()
        self.root = os.fork()
        if self.root == 0:
            child(failure)
        os.close(failure)
        call_itself(KEEPER_NAME)
        os.setsid()
        reason = _read_all(failed)
        close_all({self.orders, self.answers})
        wake = self._take_signals()
        self.tell("failed", int(reason)) if reason else self.tell("started", self.root)
        self._serve(wake)
        os._exit(0)

    def _take_signals(self) -> int:
        """Ignore what is not for the keeper; return a descriptor that tells of ended children."""
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        # SIGCHLD never: the kernel would reap in our place, and nobody would know the status.
        kept = {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}
        for number in signal.valid_signals() - kept:
            with contextlib.suppress(OSError, ValueError):
                signal.signal(number, signal.SIG_IGN)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        return reader

    def _serve(self, wake: int) -> None:
        poller = select.poll()
        poller.register(self.orders, select.POLLIN)
        poller.register(wake, select.POLLIN)
        self.reap()
        while True:
            ready = dict(poller.poll(_WAKE_EVERY_MS if self.continued_at else None))
            if wake in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(wake, _CHUNK)
            self.reap()
            self._wake_the_lab()
            if self.orders in ready:
                break
        order = os.read(self.orders, _CHUNK)
        if order:
            self.tell("ended", *self.end(GRACE_S))
        elif not self.ended:  # the lab is gone, and nobody watches any more
            self.end(0.0)

    def reap(self) -> bool:
        """Reap all that has ended; say whether there is no child left, neither alive nor dead."""
        flags = os.WNOHANG | os.WUNTRACED | os.WCONTINUED
        while True:
            try:
                pid, status = os.waitpid(-1, flags)
            except ChildProcessError:
                return True
            if pid == 0:
                return False
            if pid == self.root:
                self._note(status)

    def _note(self, status: int) -> None:
        if os.WIFSTOPPED(status):
            self.stopped, self.continued_at = True, 0.0
            self.tell("stopped", os.WSTOPSIG(status))
        elif os.WIFCONTINUED(status):
            self.stopped, self.continued_at = False, time.monotonic()
        else:
            self.ended = True
            # Killed while it was stopped, or at its end before its going on could be seen.
            if self.stopped:
                self.continued_at = time.monotonic()
            self.tell("exited", os.waitstatus_to_exitcode(status))

    def _wake_the_lab(self) -> None:
        """Continue the lab, which stops with its command, when only the command goes on, or ends.

        It may be about to stop, so it is looked at for a while.
        """
        if self.continued_at:
            if state_of(self.lab) == "T":
                os.kill(self.lab, signal.SIGCONT)
            if time.monotonic() - self.continued_at > _WAKE_LIMIT_S:
                self.continued_at = 0.0

    def end(self, grace_s: float) -> tuple[int, int, int]:
        """End the tree; return how many were killed, how many are left, and files removed."""
        used = shim.shared_inodes(shim.descendants())
        self._ask_politely(grace_s)
        killed = shim.kill_children(self.reap, KILL_BUDGET_S)
        left = sum(shim.is_alive(pid) for pid in shim.descendants())
        return len(killed), left, len(shim.remove_shared(used, self.names_before))

    def _ask_politely(self, grace_s: float) -> None:
        """Give those who have said that they clean up on SIGTERM the chance to do it."""
        asked = [pid for pid in shim.descendants() if grace_s and catches(pid, signal.SIGTERM)]
        for pid in asked:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGTERM)
        until = time.monotonic() + grace_s
        while not self.reap() and time.monotonic() < until:
            if not any(shim.is_alive(pid) for pid in asked):
                break
            time.sleep(_PAUSE_S)


def become(
    argv: tuple[str, ...],
    env: Mapping[str, str],
    failure: int,
    mask: set[signal.Signals],
    ignore: set[int],
) -> None:
    """Turn a fresh child into the command; on error write its number to ``failure`` and exit."""
    try:
        # The last resort when the keeper is killed and the lab cannot sweep either.
        shim.prctl(shim.PR_SET_PDEATHSIG, signal.SIGKILL)
        with contextlib.suppress(OSError):  # a kernel without Yama knows no such option
            shim.prctl(shim.PR_SET_PTRACER, shim.PR_SET_PTRACER_ANY)
        restore_signals(mask, ignore)
        execute(argv, env)
    except OSError as error:
        os.write(failure, str(error.errno or errno.EIO).encode())
    finally:
        os._exit(127)


def restore_signals(mask: set[signal.Signals], ignore: set[int]) -> None:
    """Give a child the signal actions that it would have had without the lab, but ``ignore``."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if signal.getsignal(number) not in (signal.SIG_IGN, signal.SIG_DFL, None):
            signal.signal(number, signal.SIG_DFL)
    for name in _RESTORED:
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    for ignored in ignore:
        signal.signal(ignored, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def execute(argv: tuple[str, ...], env: Mapping[str, str]) -> None:
    """Replace this process as execvp(3) does: what has no known header is given to the shell."""
    try:
        os.execvpe(argv[0], argv, env)
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
    os.execve("/bin/sh", ("sh", _found(argv[0], env), *argv[1:]), env)


def _found(name: str, env: Mapping[str, str]) -> str:
    places = [""] if "/" in name else os.get_exec_path(env)
    paths = [os.path.join(place, name) for place in places]  # noqa: PTH118 - starts without pathlib
    return next((path for path in paths if os.access(path, os.X_OK)), name)


def state_of(pid: int) -> str:
    """Return the state letter of a process, or an empty string when it is gone."""
    raw = shim.read(f"/proc/{pid}/stat")
    return raw[raw.rfind(b")") + 2 :][:1].decode()


def signal_set(pid: int, field: str) -> int:
    """Return a set of signals of ``/proc/<pid>/status``, bit n - 1 for signal n; see proc(5)."""
    _, _, rest = shim.read(f"/proc/{pid}/status").partition(f"\n{field}:".encode())
    digits = rest.split(maxsplit=1)[:1]
    return int(digits[0], 16) if digits else 0


def catches(pid: int, number: int) -> bool:
    """Say whether a process has a handler for a signal."""
    return bool(signal_set(pid, "SigCgt") >> number - 1 & 1)


def call_itself(name: str) -> None:
    """Give this process another name; see ``comm`` in proc(5)."""
    with contextlib.suppress(OSError), open("/proc/self/comm", "w") as file:  # noqa: PTH123
        file.write(name)


def close_all(keep_open: set[int]) -> None:
    """Close everything but ``keep_open``; standard streams then lead nowhere.

    Otherwise this process would hold ends of pipes that others wait to see closed.
    """
    for name in os.listdir("/proc/self/fd"):
        if int(name) not in keep_open:
            with contextlib.suppress(OSError):  # that of the listing itself is closed by now
                os.close(int(name))
    occupy_standard_streams()


def occupy_standard_streams() -> None:
    """Open ``/dev/null`` for whichever standard stream is closed; a program started has it closed.

    So no other descriptor gets one of their numbers.
    """
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(fd)


def _read_all(fd: int) -> bytes:
    with open(fd, "rb") as pipe:
        return pipe.read()
