"""The keeper of one target: starts it, stores its output, and leaves nothing of it behind.

Run by path, as ``python -I -S shim.py <control fd>``, by :mod:`lab.supervise.supervisor`. It is a
process of its own so that the target is cleaned up even when the lab is killed, and has one thread
because it owns ``waitpid(-1)``. A subreaper, prctl(2), inherits every orphan of the tree.

The control socket carries JSON lines. The lab sends the configuration, and later ``kill``; end of
file, or the end of the lab's process, means the same. The shim sends ``started`` or ``failed``,
``exited`` when the root of the target ends, and ``reaped`` as its last word.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator

TYPE_CHECKING = False  # known to type checkers; a watched command imports this and cannot wait
if TYPE_CHECKING or __name__ == "__main__":
    import json
    import socket
    from typing import Any

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER, PR_GET_CHILD_SUBREAPER = 1, 36, 37
PR_SET_PTRACER, PR_SET_PTRACER_ANY = 0x59616D61, -1
SHARED_MEMORY = "/dev/shm"
_CHUNK, _CHUNKS_AT_ONCE = 1 << 16, 64
_PAUSE_S, _GRACE_S, _HELPERS_S = 0.0003, 0.2, 3.0


def prctl(option: int, value: int) -> None:
    """Call prctl(2). Raises :class:`OSError`."""
    if ctypes.CDLL(None, use_errno=True).prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), f"prctl({option})")


def read(path: str) -> bytes:
    """Return what is in ``path``; empty when it cannot be read."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - the shim starts faster without pathlib
            return file.read()
    except OSError:
        return b""


def children(pid: int | str = "self") -> list[int]:
    """Return the direct children of a process, zombies included."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for tid in os.listdir(f"/proc/{pid}/task"):
            found += map(int, read(f"/proc/{pid}/task/{tid}/children").split())
    return found


def descendants(pid: int | str = "self") -> list[int]:
    """Return all descendants of a process as one walk finds them; a moving tree may hide some."""
    found: list[int] = []
    pending = children(pid)
    while pending:
        found.append(pending.pop())
        pending += children(found[-1])
    return found


def is_alive(pid: int) -> bool:
    """Say whether a process is there and no zombie; a signal 0 would succeed on a zombie."""
    raw = read(f"/proc/{pid}/stat")
    fields = raw[raw.rfind(b")") + 2 :].split()
    # A leader that ended before its other threads is shown as a zombie, and the process lives.
    return bool(fields) and (fields[0] not in (b"Z", b"X") or int(fields[17]) > 1)


def shared_names() -> list[str]:
    """Return the names of all named semaphores and shared-memory segments of the machine."""
    return os.listdir(SHARED_MEMORY) if os.path.isdir(SHARED_MEMORY) else []  # noqa: PTH112


def shared_inodes(pids: Iterable[int]) -> set[int]:
    """Return the inodes of what ``pids`` have mapped from ``/dev/shm``.

    The name in ``maps`` will not do: glibc makes a semaphore under another one and links it.
    """
    found = set()
    needle = f" {SHARED_MEMORY}/".encode()
    for pid in pids:
        raw = read(f"/proc/{pid}/maps")
        for line in raw.splitlines() if needle in raw else ():
            fields = line.split(maxsplit=5)
            if len(fields) > 5 and fields[5].startswith(needle.strip()):
                found.add(int(fields[4]))
    return found


def remove_shared(used: set[int], before: Iterable[str]) -> list[str]:
    """Remove the files of ``/dev/shm`` that a tree, now dead, made and left; return their paths.

    A file is the tree's own if a member had it mapped, its name was not there before the tree was
    started, it belongs to this user, and no living process has it mapped. Whatever fails one of
    these is left alone.
    """
    names = set(shared_names()).difference(before) if used else ()
    mine = {path: inode for path, inode in _owned(names) if inode in used}
    if not mine:
        return []
    others = shared_inodes(int(name) for name in os.listdir("/proc") if name.isdigit())
    removed = []
    for path in sorted(mine):
        if mine[path] not in others:
            with contextlib.suppress(OSError):
                os.unlink(path)  # noqa: PTH108
                removed.append(path)
    return removed


def _owned(names: Iterable[str]) -> Iterator[tuple[str, int]]:
    for name in names:
        path = f"{SHARED_MEMORY}/{name}"
        with contextlib.suppress(OSError):
            found = os.lstat(path)
            if found.st_uid == os.geteuid():
                yield path, found.st_ino


def remove_directory(path: str) -> list[str]:
    """Remove the private temporary directory; return the paths of what the tree left in it."""
    import shutil

    try:
        left = sorted(os.path.join(path, name) for name in os.listdir(path))  # noqa: PTH118
    except OSError:
        return []
    shutil.rmtree(path, ignore_errors=True)
    return left


def kill_children(reap: Callable[[], bool], budget_s: float) -> set[int]:
    """Kill all descendants until the kernel says that there is no child; return who was alive.

    ``reap`` says whether no child is left. Every orphan becomes a child of this process before its
    dead parent can be reaped, so ECHILD is proof where an empty listing is not.
    """
    until = time.monotonic() + budget_s
    killed: set[int] = set()
    while not reap() and time.monotonic() < until:
        for pid in descendants():
            if is_alive(pid):
                killed.add(pid)
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_PAUSE_S)
    return killed


class Stream:
    """Takes one output pipe: its head goes to the file at once, its tail when all is over.

    Memory stays below twice ``cap`` whatever arrives. The pipe's write end keeps blocking: only the
    reading side is switched to non-blocking, or the target would see EAGAIN.
    """

    def __init__(self, name: str, directory: str, cap: int) -> None:
        self.name, self.total, self._kept = name, 0, 0
        self._room, self._tail_size = cap - cap // 2, cap // 2
        self._tail = bytearray()
        self.path = os.path.join(directory, f"{name}.txt")  # noqa: PTH118
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)

    def drain(self) -> bool:
        """Take what is there, but not for ever; say whether there may come more."""
        for _ in range(_CHUNKS_AT_ONCE):
            try:
                data = os.read(self.reader, _CHUNK)
            except BlockingIOError:
                return True
            if not data:
                return False
            self._take(data)
        return True

    def _take(self, data: bytes) -> None:
        self.total += len(data)
        head, rest = data[: self._room], data[self._room :]
        self._room -= len(head)
        self._kept += self._write(head)
        self._tail += rest
        if len(self._tail) > 2 * self._tail_size:
            del self._tail[: -self._tail_size or None]

    def _write(self, data: bytes | bytearray) -> int:
        """Return how much could be written: on a full disk the target must not suffer."""
        done = 0
        with contextlib.suppress(OSError):
            while done < len(data):
                done += os.write(self._file, data[done:])
        return done

    def finish(self) -> dict[str, Any]:
        """Write the tail after a line that says what is missing, and describe the stream."""
        self.drain()
        tail = self._tail[-self._tail_size :] if self._tail_size else b""
        cut = self.total - self._kept - len(tail)
        if cut:
            self._write(f"\n[... {cut} bytes cut ...]\n".encode())
        self._kept += self._write(tail)
        os.close(self._file)
        return {"stream": self.name, "total": self.total, "kept": self._kept}


class Shim:
    """Starts the target and serves the lab until it is time to kill."""

    def __init__(self, control: socket.socket, config: dict[str, Any]) -> None:
        self.control, self.config = control, config
        self.root, self.reaped = 0, 0
        self.root_ended = self.ending = False
        self.streams = [
            Stream(name, config["output"], config["cap_bytes"]) for name in ("stdout", "stderr")
        ]
        self.actions: dict[int, Callable[[], None]] = {}
        self.poller = select.poll()

    def tell(self, **message: Any) -> None:
        """Send one line to the lab, which may be gone."""
        with contextlib.suppress(OSError):
            self.control.sendall(json.dumps(message).encode() + b"\n")

    def watch(self, fd: int, action: Callable[[], None]) -> None:
        """Call ``action`` whenever ``fd`` has something to say."""
        self.actions[fd] = action
        self.poller.register(fd, select.POLLIN)

    def start(self) -> None:
        """Fork the target; tell the lab its pid, or why it could not be started."""
        failed, failure = os.pipe()
        shim = os.getpid()
        self.root = os.fork()
        if self.root == 0:
            become(self.config, self.streams, failure, shim)
        os.close(failure)
        for stream in self.streams:
            os.close(stream.writer)
        if self.config["handshake"] >= 0:
            os.close(self.config["handshake"])
        with open(failed, "rb") as pipe:  # noqa: PTH123 - its end comes with a successful exec
            reason = pipe.read().decode(errors="replace")
        self.tell(kind="failed" if reason else "started", pid=self.root, reason=reason)

    def serve(self) -> None:
        """Wait for output, for ended children, and for the order or the need to kill."""
        wake_reader, wake_writer = os.pipe()
        for fd in (wake_reader, wake_writer):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(wake_writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.watch(wake_reader, lambda: self.child_ended(wake_reader))
        self.watch(self.control.fileno(), self.end)
        self.watch_owner()
        for stream in self.streams:
            self.watch(stream.reader, lambda stream=stream: self.output(stream))  # type: ignore[misc]
        self.reap()  # whatever ended before the handler was there
        while not self.ending:
            for fd, _ in self.poller.poll():
                self.actions[fd]()

    def watch_owner(self) -> None:
        """Notice the end of the lab even when a forked child of it keeps the socket open."""
        with contextlib.suppress(OSError):
            self.watch(os.pidfd_open(self.config["owner"]), self.end)
        if os.getppid() != self.config["owner"]:
            self.end()

    def end(self) -> None:
        """Leave :meth:`serve`: the lab has said so, or is gone."""
        self.ending = True

    def output(self, stream: Stream) -> None:
        """Store what came; forget the pipe when nobody holds its other end."""
        if not stream.drain():
            self.poller.unregister(stream.reader)

    def child_ended(self, wake: int) -> None:
        """Reap after a SIGCHLD."""
        with contextlib.suppress(BlockingIOError):
            os.read(wake, _CHUNK)
        self.reap()

    def reap(self) -> bool:
        """Reap all that has ended; say whether there is no child left, neither alive nor dead."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                return False
            self.reaped += 1
            if pid == self.root:
                self.root_ended = True
                self.tell(kind="exited", status=os.waitstatus_to_exitcode(status))

    def let_end(self) -> None:
        """Give what is left a moment; multiprocessing's helpers end by themselves, also later."""
        began, helpers = time.monotonic(), (b"resource_tracker", b"forkserver")
        while not self.reap():
            # Who is about to be gone has no command line any more.
            lines = filter(None, [read(f"/proc/{pid}/cmdline") for pid in descendants()])
            own = all(any(name in line for name in helpers) for line in lines)
            if time.monotonic() - began > (_HELPERS_S if own else _GRACE_S):
                return
            time.sleep(_PAUSE_S)

    def finish(self) -> None:
        """Kill, store, clean up, and say what was found."""
        if self.root_ended:
            self.let_end()
        began = time.monotonic()
        used = shared_inodes(descendants())
        killed = kill_children(self.reap, self.config["kill_budget_s"])
        seconds = time.monotonic() - began
        left = remove_shared(used, self.config["shared_before"])
        self.tell(
            kind="reaped",
            killed=len(killed),
            reaped=self.reaped,
            survivors=[pid for pid in descendants() if is_alive(pid)],
            seconds=seconds,
            outputs=[stream.finish() for stream in self.streams],
            leftovers=left + remove_directory(self.config["temporary"]),
        )


def become(config: dict[str, Any], streams: list[Stream], failure: int, shim: int) -> None:
    """Turn a fresh child into the target; writes to ``failure`` and exits when it cannot."""
    try:
        os.setsid()
        _reset_signals()
        # The last resort when the shim is killed and the lab cannot sweep either.
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != shim:
            os._exit(1)
        with contextlib.suppress(OSError):  # a kernel without Yama knows no such option
            prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, stream in enumerate(streams, start=1):
            os.dup2(stream.writer, number)
        if config["handshake"] >= 0:
            os.set_inheritable(config["handshake"], True)
        os.chdir(config["cwd"])
        os.execvpe(config["argv"][0], config["argv"], config["env"])
    except OSError as error:
        os.write(failure, f"{error.filename or config['argv'][0]}: {error.strerror}".encode())
    finally:
        os._exit(127)


def _reset_signals() -> None:
    """Give the target default actions: ignored and blocked signals would pass through exec."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def main() -> None:
    """Read the configuration and keep the target until the lab, or its end, says stop."""
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    with control.makefile("rb", buffering=0) as lines:
        config = json.loads(lines.readline() or b"null")
    if config is None:
        return  # the lab ended before it had said what to run
    if config["handshake"] >= 0:
        os.set_inheritable(config["handshake"], False)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    try:
        shim = Shim(control, config)
    except OSError as error:
        reason = f"{error.filename}: {error.strerror}"
        control.sendall(json.dumps({"kind": "failed", "reason": reason}).encode() + b"\n")
        return
    try:
        shim.start()
        shim.serve()
    finally:
        shim.finish()


if __name__ == "__main__":
    main()
