"""What each kind of fault does to a process: signals, limits, an early end, an exception.

Most can be done from outside, to any process; :data:`INSIDE` are those which only the process can
do to itself. It is loaded inside the program under test, so it uses the standard library only.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import resource
import signal
import stat
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NoReturn

from lab.faults import Fault, FaultKind

SIGNALS: Mapping[FaultKind, signal.Signals] = MappingProxyType(
    {
        FaultKind.KILL: signal.SIGKILL,
        FaultKind.TERM: signal.SIGTERM,
        FaultKind.STOP: signal.SIGSTOP,
        FaultKind.CONT: signal.SIGCONT,
        FaultKind.SEGV: signal.SIGSEGV,
        FaultKind.ABORT: signal.SIGABRT,
    }
)
INSIDE = frozenset({FaultKind.EXIT, FaultKind.RAISE, FaultKind.DISK_FULL})


def from_outside(fault: Fault, pid: int) -> None:
    """Do ``fault``, which is not in :data:`INSIDE`, to a process; also to this one.

    Raises :class:`OSError` when the process is gone or not ours.
    """
    if fault.kind in SIGNALS:
        os.kill(pid, SIGNALS[fault.kind])
        return
    which, wanted = _LIMITS[fault.kind]
    _, hard = resource.prlimit(pid, which)
    limit = wanted(pid, int(fault.value or 0))
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.prlimit(pid, which, (limit, hard))


def at_the_point(fault: Fault, resolve: Callable[[str], type[BaseException]], spare: str) -> None:
    """Do ``fault`` to the worker that has come to its point; ``raise`` raises here.

    ``resolve`` finds an exception by name. Files below ``spare`` are the lab's own and stay.
    """
    if fault.kind is FaultKind.DELAY:
        time.sleep(float(fault.value or 0))
    elif fault.kind is FaultKind.RAISE:
        raise resolve(str(fault.value))(f"planted by {fault}")
    elif fault.kind in INSIDE:
        _inside(fault, spare)
    else:
        from_outside(fault, os.getpid())


def when_due(
    fault: Fault, ident: int, resolve: Callable[[str], type[BaseException]], spare: str
) -> None:
    """Do a fault of :data:`INSIDE` at its time to the thread ``ident`` of this process.

    An exception is asynchronous there: see ``PyThreadState_SetAsyncExc`` in the C API.
    """
    if fault.kind is FaultKind.RAISE:
        exception = ctypes.py_object(resolve(str(fault.value)))
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), exception)
    else:
        _inside(fault, spare)


def _inside(fault: Fault, spare: str) -> None:
    if fault.kind is FaultKind.EXIT:
        _exit(int(fault.value or 0))
    _fill_disk(spare)


def _exit(status: int) -> NoReturn:
    os._exit(status)


def _fill_disk(spare: str) -> None:
    """Put ``/dev/full`` in the place of every regular file that is open for writing."""
    full = os.open("/dev/full", os.O_RDWR | os.O_CLOEXEC)
    try:
        for fd in _descriptors(os.getpid()):
            if fd != full and _is_written(fd) and not _target(fd).startswith(spare):
                os.dup2(full, fd, os.get_inheritable(fd))
    finally:
        os.close(full)


def _is_written(fd: int) -> bool:
    flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    return stat.S_ISREG(os.fstat(fd).st_mode) and bool(flags & (os.O_WRONLY | os.O_RDWR))


def _link(fd: int, pid: int | str = "self") -> str:
    return f"/proc/{pid}/fd/{fd}"


def _target(fd: int) -> str:
    return os.readlink(_link(fd))  # noqa: PTH115 - light


def _descriptors(pid: int) -> list[int]:
    """Return the open descriptors of a process; not that of the look itself."""
    seen = sorted(map(int, os.listdir(f"/proc/{pid}/fd")))
    return [fd for fd in seen if os.path.lexists(_link(fd, pid))]


def _more_memory(pid: int, size: int) -> int:
    """Return its address space now, and ``size`` more; see proc_pid_statm(5)."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:  # noqa: PTH123 - light
        return int(file.read().split()[0]) * resource.getpagesize() + size


def _more_files(pid: int, count: int) -> int:
    """Return the limit below which ``count`` numbers of descriptors are free; see getrlimit(2)."""
    used = set(_descriptors(pid))
    limit = 0
    while count or limit in used:
        count -= limit not in used
        limit += 1
    return limit


def _as_given(_pid: int, size: int) -> int:
    return size


_LIMITS: Mapping[FaultKind, tuple[int, Callable[[int, int], int]]] = MappingProxyType(
    {
        FaultKind.MEMORY: (resource.RLIMIT_AS, _more_memory),
        FaultKind.FILES: (resource.RLIMIT_NOFILE, _more_files),
        FaultKind.FILE_SIZE: (resource.RLIMIT_FSIZE, _as_given),
    }
)
