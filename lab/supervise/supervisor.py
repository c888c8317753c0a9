"""Owns one target from its start to the last of its processes. Nothing outlives it.

The work is done by a shim, a small process of its own; see :mod:`lab.supervise.shim`. This is the
lab's side: it starts the shim, listens to it, and sweeps in its place when it was killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lab.errors import InterruptedRunError, LabError
from lab.model import Output, Reaped, status_words
from lab.supervise import shim, subreaper
from lab.supervise.bootstrap import HANDSHAKE
from lab.supervise.launch import Launch, TargetNotReady

KILL_BUDGET_S = 10.0
_START_LIMIT_S = 20.0
_SLICE_S = 0.1
_CHUNK = 1 << 16
_SHIM = Path(shim.__file__)


class Lines:
    """JSON lines from a socket, and whether its other end is still there."""

    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel
        self.open = True
        self._rest = b""

    def take(self) -> list[dict[str, Any]]:
        """Return the messages that have come in, without waiting."""
        while self.open:
            try:
                data = self.channel.recv(_CHUNK, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            self.open = bool(data)
            self._rest += data
        *whole, self._rest = self._rest.split(b"\n")
        return [json.loads(line) for line in whole]


class Supervisor:
    """A context manager around a target: entering starts it, leaving kills and reaps all of it.

    ``pid`` is the root of the target and ``shim_pid`` its keeper. Raises :class:`LabError` where
    containment is not possible, and :class:`TargetNotReady` when the program cannot be executed.
    """

    def __init__(self, launch: Launch) -> None:
        if sys.platform != "linux":
            raise LabError(
                f"containment needs Linux, this is {sys.platform}",
                next_step="run it in a Linux container or virtual machine",
            )
        self.launch = launch
        self.pid = 0
        self.shim_pid = 0
        self._token = secrets.token_hex(8)
        self._shim: subprocess.Popen[bytes] | None = None
        self._control: Lines | None = None
        self._handshake: Lines | None = None
        self._temporary = ""
        self._shared_before: list[str] = []
        self._children_before: frozenset[tuple[int, int]] = frozenset()
        self._subreaper = False
        self._status: int | None = None
        self._failure = ""
        self._final: dict[str, Any] = {}
        self._reaped: Reaped | None = None
        self._outputs: tuple[Output, ...] = ()

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()

    # -- start --------------------------------------------------------------------------------

    def _start(self) -> None:
        self._shared_before = shim.shared_names()
        self._children_before = subreaper.own_children()
        # A short path: the address of a Unix socket in it must fit into 108 bytes.
        self._temporary = tempfile.mkdtemp(prefix="lab-")
        subreaper.acquire()
        self._subreaper = True
        self._open_channels()
        self._listen_until(lambda: bool(self.pid or self._failure), _START_LIMIT_S)
        if not self.pid or self._failure:
            raise TargetNotReady("start", self._failure or "its keeper did not answer")

    def _open_channels(self) -> None:
        """Start the shim with its ends of the sockets, and tell it what to run."""
        ours, theirs = socket.socketpair()
        self._control = Lines(ours)
        with theirs, contextlib.ExitStack() as stack:
            passed = [theirs]
            if self.launch.handshake:
                hand, other = socket.socketpair()
                self._handshake = Lines(hand)
                passed.append(stack.enter_context(other))
            numbers = [channel.fileno() for channel in passed]
            self._spawn_shim(numbers)
        with contextlib.suppress(OSError):  # it has died already: nobody will answer
            ours.sendall(json.dumps(self._config(*numbers[1:])).encode() + b"\n")

    def _spawn_shim(self, numbers: list[int]) -> None:
        self._shim = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_SHIM), str(numbers[0])],
            pass_fds=numbers,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.shim_pid = self._shim.pid
        subreaper.register(self.shim_pid)

    def _config(self, handshake: int = -1) -> dict[str, Any]:
        env = {**self.launch.env, "TMPDIR": self._temporary, subreaper.TOKEN: self._token}
        if handshake >= 0:
            env[HANDSHAKE] = str(handshake)
        return {
            "argv": self.launch.argv,
            "env": env,
            "cwd": str(self.launch.cwd),
            "output": str(self.launch.output),
            "cap_bytes": self.launch.cap_bytes,
            "owner": os.getpid(),
            "handshake": handshake,
            "temporary": self._temporary,
            "shared_before": self._shared_before,
            "kill_budget_s": KILL_BUDGET_S,
        }

    # -- life ---------------------------------------------------------------------------------

    def wait_ready(self, timeout_s: float) -> None:
        """Wait until the program says that it is ready to run.

        Returns at once for a program without a handshake. Raises :class:`TargetNotReady` when it
        reports an error, exits, or has said nothing after ``timeout_s`` seconds.
        """
        if self._handshake is None:
            return
        until = time.monotonic() + timeout_s
        while True:
            # Looked at first: what it said before it ended is then sure to be there.
            ended = self.poll() is not None or not self._handshake.open
            for message in self._handshake.take():
                if message["stage"] == "ready":
                    return
                raise TargetNotReady(**message)
            if ended:
                raise TargetNotReady("exit", self._how_it_ended())
            left = until - time.monotonic()
            if left <= 0:
                raise TargetNotReady("timeout", f"it said nothing within {timeout_s:g} s")
            self._wait(left, self._handshake)

    def _how_it_ended(self) -> str:
        self._listen_until(lambda: self.poll() is not None, _SLICE_S * 10)
        if self._status is None:
            return "it closed the channel on which it should say that it is ready"
        if self._status < 0:
            return f"{status_words(self._status)} ended it before it was ready"
        return f"it exited with status {self._status} before it was ready"

    def go(self) -> None:
        """Let a program that is ready begin; nothing happens for one without a handshake."""
        if self._handshake is not None:
            with contextlib.suppress(OSError):  # it has died meanwhile, which poll() will tell
                self._handshake.channel.send(b"g")
            self._handshake.channel.close()

    def poll(self) -> int | None:
        """Return the exit status of the root, minus the number of a signal, or ``None``."""
        self._listen()
        if self._status is None and self.pid and not self._is_kept():
            self._status = self._status_of_orphan()
        return self._status

    def _status_of_orphan(self) -> int | None:
        """The shim is dead: the root is our own child now, or somebody has reaped it."""
        try:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
        except ChildProcessError:
            return None if shim.is_alive(self.pid) else -signal.SIGKILL
        return os.waitstatus_to_exitcode(status) if pid else None

    def tree(self) -> list[int]:
        """Return all live processes of the target, however they daemonised; not the shim."""
        if not self.pid or self._reaped is not None:
            return []
        if self._is_kept():
            found = shim.descendants(self.shim_pid)
        else:
            found = subreaper.orphans(self._token, self._children_before)
        return sorted(pid for pid in found if shim.is_alive(pid))

    def _is_kept(self) -> bool:
        return self._control is not None and self._control.open

    # -- end ----------------------------------------------------------------------------------

    def kill(self) -> Reaped:
        """Kill and reap everything, and say what was found; again and again the same answer.

        An interrupt that arrives meanwhile is raised when all is done.
        """
        interruption: BaseException | None = None
        while self._reaped is None:
            try:
                self._reaped = self._kill()
            except (KeyboardInterrupt, SystemExit, InterruptedRunError) as error:
                interruption = error
        if interruption is not None:
            raise interruption
        return self._reaped

    @property
    def outputs(self) -> tuple[Output, ...]:
        """What the target wrote, known after :meth:`kill`."""
        return self._outputs

    def _kill(self) -> Reaped:
        """Every step may be repeated: an interrupt can have ended it anywhere."""
        began = time.monotonic()
        if self._shim is not None:
            self._ask_shim()
            self._shim.wait()
            subreaper.unregister(self.shim_pid)
        reaped = self._report(began)
        self._release()
        return reaped

    def _ask_shim(self) -> None:
        """Have the shim kill; kill the shim itself when it does not answer in its time."""
        assert self._shim is not None
        assert self._control is not None
        with contextlib.suppress(OSError):
            self._control.channel.send(b"kill\n")
        until = time.monotonic() + KILL_BUDGET_S + 2
        while self._control.open and not self._final and time.monotonic() < until:
            # The target may have stopped its keeper.
            self._shim.send_signal(signal.SIGCONT)
            self._wait(_SLICE_S)
            self._listen()
        if not self._final:
            self._shim.kill()

    def _report(self, began: float) -> Reaped:
        if not self._shim:
            return Reaped(killed=0, reaped=0, survivors=(), seconds=0.0)
        final = self._final
        if not final or final["survivors"]:
            return self._sweep(began)
        self._outputs = tuple(self._output(stream) for stream in final["outputs"])
        return Reaped(
            killed=final["killed"],
            reaped=final["reaped"],
            survivors=(),
            seconds=final["seconds"],
            leftovers=tuple(final["leftovers"]),
        )

    def _output(self, stream: dict[str, Any]) -> Output:
        return Output(
            stream=stream["stream"],
            total_bytes=stream["total"],
            kept_bytes=stream["kept"],
            artifact=str(self.launch.output / f"{stream['stream']}.txt"),
        )

    def _sweep(self, began: float) -> Reaped:
        """Do the shim's work in its place."""
        members = subreaper.orphans(self._token, self._children_before)
        used = shim.shared_inodes(members)
        killed = subreaper.sweep(self._token, self._children_before, KILL_BUDGET_S)
        left = subreaper.orphans(self._token, self._children_before)
        return Reaped(
            killed=len(killed),
            reaped=len(killed),
            survivors=tuple(pid for pid in left if shim.is_alive(pid)),
            seconds=time.monotonic() - began,
            by="lab",
            leftovers=(
                *shim.remove_shared(used, self._shared_before),
                *shim.remove_directory(self._temporary),
            ),
        )

    def _release(self) -> None:
        for lines in (self._control, self._handshake):
            if lines is not None:
                lines.channel.close()
        if self._temporary:
            shutil.rmtree(self._temporary, ignore_errors=True)
        if self._subreaper:
            self._subreaper = False
            subreaper.release()

    # -- listening ----------------------------------------------------------------------------

    def _listen(self) -> None:
        if self._control is None:
            return
        for message in self._control.take():
            match message["kind"]:
                case "started":
                    self.pid = message["pid"]
                case "failed":
                    self._failure = message["reason"]
                case "exited":
                    self._status = message["status"]
                case "reaped":
                    self._final = message

    def _listen_until(self, done: Callable[[], bool], limit_s: float) -> None:
        until = time.monotonic() + limit_s
        self._listen()
        while not done() and self._is_kept() and time.monotonic() < until:
            self._wait(_SLICE_S)
            self._listen()

    def _wait(self, seconds: float, *others: Lines) -> None:
        """Sleep until a channel has something to say, or for ``seconds`` at most."""
        poller = select.poll()
        for lines in (self._control, *others):
            if lines is not None and lines.open:
                poller.register(lines.channel, select.POLLIN)
        poller.poll(seconds * 1000)
