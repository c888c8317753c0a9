"""Which system call a thread is in, by name, with its arguments.

Read from ``/proc/<pid>/task/<tid>/syscall``, see proc_pid_syscall(5). The numbers are those of the
calls that can block a Python program for long. A call without a name here is shown as
``syscall-<number>`` and is never called closed.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass

from lab import procfs

_X86_64 = {
    0: "read", 1: "write", 7: "poll", 17: "pread64", 18: "pwrite64", 19: "readv", 20: "writev",
    23: "select", 34: "pause", 35: "nanosleep", 42: "connect", 43: "accept", 44: "sendto",
    45: "recvfrom", 46: "sendmsg", 47: "recvmsg", 58: "vfork", 61: "wait4", 65: "semop",
    72: "fcntl", 73: "flock", 74: "fsync", 75: "fdatasync", 128: "rt_sigtimedwait",
    130: "rt_sigsuspend", 202: "futex", 219: "restart_syscall", 220: "semtimedop",
    230: "clock_nanosleep", 232: "epoll_wait", 243: "mq_timedreceive", 247: "waitid",
    257: "openat", 270: "pselect6", 271: "ppoll", 281: "epoll_pwait", 288: "accept4",
    441: "epoll_pwait2", 449: "futex_waitv",
}  # fmt: skip
_AARCH64 = {
    22: "epoll_pwait", 25: "fcntl", 32: "flock", 56: "openat", 63: "read", 64: "write",
    65: "readv", 66: "writev", 67: "pread64", 68: "pwrite64", 72: "pselect6", 73: "ppoll",
    82: "fsync", 83: "fdatasync", 95: "waitid", 98: "futex", 101: "nanosleep",
    115: "clock_nanosleep", 128: "restart_syscall", 133: "rt_sigsuspend",
    137: "rt_sigtimedwait", 183: "mq_timedreceive", 192: "semtimedop", 193: "semop",
    202: "accept", 203: "connect", 206: "sendto", 207: "recvfrom", 211: "sendmsg",
    212: "recvmsg", 242: "accept4", 260: "wait4", 441: "epoll_pwait2", 449: "futex_waitv",
}  # fmt: skip
_NAMES = {"x86_64": _X86_64, "aarch64": _AARCH64}.get(platform.machine(), {})


@dataclass(frozen=True, slots=True)
class Call:
    """A system call in progress: its name and its six arguments as unsigned numbers."""

    name: str
    arguments: tuple[int, ...]


RUNNING = Call("", ())
"""The thread was on a CPU, or about to be, when it was looked at."""

OUTSIDE = Call("-", ())
"""The thread is blocked, but not in a system call: in a page fault, for instance."""


def current(pid: int, tid: int) -> Call | None:
    """Return what ``tid`` is doing, or ``None`` when the kernel does not let us see it.

    Needs the right to trace the thread, see ptrace(2), "Ptrace access mode checking".
    """
    fields = (procfs.read(f"/proc/{pid}/task/{tid}/syscall") or b"").split()
    if not fields:
        return None
    if fields[0] == b"running":
        return RUNNING
    number = int(fields[0])
    if number < 0:
        return OUTSIDE
    return Call(
        name=_NAMES.get(number, f"syscall-{number}"),
        arguments=tuple(int(field, 16) for field in fields[1:7]),
    )
