"""Classifies one blocked thread: what it waits for, for how long, and who could end that.

A wait is *closed* when only a member of the tree could end it. Every rule here may err in one
direction only: a wait that is not understood is not closed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

from lab import procfs
from lab.kernel import syscalls
from lab.kernel.descriptors import any_of, end_of, file_lock
from lab.kernel.sets import epoll_set, poll_set, select_set
from lab.kernel.tree import OPEN, Ends, Tree
from lab.model import ThreadWait

_FUTEX_COMMAND = 0x7F
_FUTEX_WAITS = {0, 6, 9, 11, 13}  # WAIT, LOCK_PI, WAIT_BITSET, WAIT_REQUEUE_PI, LOCK_PI2
_FUTEX_PRIVATE = 0x80
_KERNEL_SIGNALS = {
    14: "SIGALRM",
    23: "SIGURG",
    26: "SIGVTALRM",
    27: "SIGPROF",
    29: "SIGIO",
}
"""What the kernel itself sends when a timer goes off or a descriptor becomes ready; signal(7)."""
_STATES = {
    "R": "it is running or ready to run",
    "D": "it is in an uninterruptible wait, for a device or the memory manager",
    "T": "it is stopped: a SIGCONT from anywhere would continue it",
    "t": "it is stopped by a tracer",
}
_SLEEPS = {"nanosleep", "clock_nanosleep", "restart_syscall"}
_SIGNALS = {"pause", "rt_sigsuspend", "rt_sigtimedwait"}
_ON_ONE_FD = {
    "read": "r", "readv": "r", "recvfrom": "r", "recvmsg": "r", "accept": "r", "accept4": "r",
    "write": "w", "writev": "w", "sendto": "w", "sendmsg": "w", "connect": "w",
}  # fmt: skip


def thread_waits(pids: Iterable[int], *, outside: Collection[int] = ()) -> tuple[ThreadWait, ...]:
    """Return the kernel's view of every thread of ``pids``, which are the members of the tree.

    ``outside`` are processes that are no members, such as the lab: what they too hold an end of is
    not closed. Threads that vanish meanwhile are left out. The whole is no atomic snapshot: the
    caller compares :attr:`ThreadWait.runs` before and after to know that nothing moved.
    """
    tree = Tree(pids, outside)
    waits = (_thread(tree, pid, tid) for pid in tree.pids for tid in procfs.thread_ids(pid))
    return tuple(wait for wait in waits if wait)


def trace_refused(pid: int) -> bool:
    """Say whether the kernel refuses to show us what the threads of a live ``pid`` are blocked in.

    See ptrace(2), "Ptrace access mode checking", and the Yama setting ``ptrace_scope``.
    """
    return syscalls.current(pid, pid) is None and procfs.stat(pid) is not None


def _thread(tree: Tree, pid: int, tid: int) -> ThreadWait | None:
    # The counter is read first: if it has not changed later, all of the rest was true throughout.
    runs = procfs.runs(pid, tid)
    stat = procfs.stat(pid, tid)
    if stat is None or runs is None:
        return None
    call, ends = _classify(tree, pid, tid, stat.state)
    return ThreadWait(
        pid=pid,
        tid=tid,
        comm=stat.comm,
        state=stat.state,
        syscall=call,
        channel=_channel(pid, tid),
        key=ends.key,
        timed=ends.timed,
        closed=ends.closed,
        because=ends.because,
        assuming=ends.assuming,
        fds=dict(ends.fds),
        runs=runs,
    )


def _channel(pid: int, tid: int) -> str:
    text = (procfs.read(f"/proc/{pid}/task/{tid}/wchan") or b"0").decode()
    return "" if text == "0" else text


def _classify(tree: Tree, pid: int, tid: int, state: str) -> tuple[str, Ends]:
    if state in "ZX":
        return "", Ends("", closed=True, because="it has ended and can never run again")
    if state != "S":
        return "", OPEN(_STATES.get(state, f"it is in state {state}"))
    call = syscalls.current(pid, tid)
    if call is None:
        return "", OPEN(
            "the kernel does not show its system call: no permission to trace it (ptrace)"
        )
    if call is syscalls.RUNNING:
        return "", OPEN("it is running or ready to run")
    if call is syscalls.OUTSIDE:
        return "", OPEN("it is blocked outside a system call")
    ends = _of_call(tree, pid, call)
    alarm = tree.alarm(pid, _KERNEL_SIGNALS) if ends.closed else ""
    if alarm:
        ends = replace(OPEN(alarm, ends.key), fds=ends.fds)
    return call.name, ends


def _of_call(tree: Tree, pid: int, call: syscalls.Call) -> Ends:
    if call.name in _SLEEPS:
        return Ends("timer", timed=True, because="it sleeps: the clock will wake it")
    if call.name in _SIGNALS:
        return OPEN("it waits for a signal, which anybody may send")
    if call.name in _ON_ONE_FD:
        fd = call.arguments[0] & 0xFFFFFFFF
        return replace(end_of(tree, pid, fd), fds={fd: _ON_ONE_FD[call.name]})
    rule = _RULES.get(call.name)
    return (
        rule(tree, pid, call.arguments) if rule else OPEN(f"{call.name} may be ended from outside")
    )


def _futex(tree: Tree, pid: int, a: tuple[int, ...]) -> Ends:
    """See futex(2): uaddr, futex_op, val, timeout."""
    address, operation, timeout = a[0], a[1], a[3]
    if operation & _FUTEX_COMMAND not in _FUTEX_WAITS:
        return OPEN(f"futex operation {operation & _FUTEX_COMMAND} is no wait that is known")
    if operation & _FUTEX_PRIVATE:
        ends = Ends(f"futex:{pid}:{address:x}", closed=True)
    else:
        ends = tree.futex(pid, address)
    if timeout:
        return Ends(ends.key, timed=True, because="its time-out will wake it")
    if not ends.closed:
        return ends
    return replace(ends, because="no time-out, and only the tree shares this memory")


def _wait4(tree: Tree, pid: int, a: tuple[int, ...]) -> Ends:
    """See wait4(2): pid, wstatus, options, rusage. Only a child, so a member, can end it."""
    child = a[0] & 0xFFFFFFFF
    return _wait_for(tree, pid, child if child < 1 << 31 else None)


def _waitid(tree: Tree, pid: int, a: tuple[int, ...]) -> Ends:
    """See waitid(2): idtype (P_PID is 1), id, infop, options."""
    return _wait_for(tree, pid, a[1] if a[0] == 1 else None)


def _wait_for(tree: Tree, pid: int, child: int | None) -> Ends:
    if not child:
        key = f"wait:children-of-{pid}"
        return Ends(key, closed=True, because="only its children, all in the tree, can end it")
    key = f"wait:{child}"
    if child not in tree.members:
        return OPEN(f"process {child} is not known to be in the tree", key)
    return Ends(key, closed=True, because=f"only process {child} of the tree can end it")


def _flock(tree: Tree, pid: int, a: tuple[int, ...]) -> Ends:
    """See flock(2) and fcntl(2): the first argument is the descriptor."""
    return replace(file_lock(tree, pid, a[0]), fds={a[0]: "lock"})


def _fcntl(tree: Tree, pid: int, a: tuple[int, ...]) -> Ends:
    """See fcntl(2): F_SETLKW is 7, F_OFD_SETLKW is 38."""
    if a[1] not in (7, 38):
        return OPEN(f"fcntl command {a[1]} is no wait for a lock")
    return replace(file_lock(tree, pid, a[0]), fds={a[0]: "lock"})


def _poll(tree: Tree, pid: int, a: tuple[int, ...]) -> Ends:
    """See poll(2): fds, nfds, timeout in ms."""
    fds = poll_set(pid, a[0], a[1])
    return any_of(tree, pid, fds, "poll", timed=a[2] & 0xFFFFFFFF < 1 << 31)


def _ppoll(tree: Tree, pid: int, a: tuple[int, ...]) -> Ends:
    """See ppoll(2): fds, nfds, a pointer to the time-out or NULL."""
    fds = poll_set(pid, a[0], a[1])
    return any_of(tree, pid, fds, "poll", timed=a[2] != 0)


def _select(tree: Tree, pid: int, a: tuple[int, ...]) -> Ends:
    """See select(2) and pselect(2): nfds, three sets, a pointer to the time-out or NULL."""
    fds = select_set(pid, a[0], a[1:4])
    return any_of(tree, pid, fds, "select", timed=a[4] != 0)


def _epoll_wait(tree: Tree, pid: int, a: tuple[int, ...]) -> Ends:
    """See epoll_wait(2): epfd, events, maxevents, timeout in ms."""
    fds = epoll_set(pid, a[0])
    return any_of(tree, pid, fds, "epoll", timed=a[3] & 0xFFFFFFFF < 1 << 31)


def _epoll_pwait2(tree: Tree, pid: int, a: tuple[int, ...]) -> Ends:
    """See epoll_pwait2(2): as epoll_wait, with a pointer to the time-out or NULL."""
    fds = epoll_set(pid, a[0])
    return any_of(tree, pid, fds, "epoll", timed=a[3] != 0)


_RULES: dict[str, Callable[[Tree, int, tuple[int, ...]], Ends]] = {
    "futex": _futex,
    "wait4": _wait4,
    "waitid": _waitid,
    "flock": _flock,
    "fcntl": _fcntl,
    "poll": _poll,
    "ppoll": _ppoll,
    "select": _select,
    "pselect6": _select,
    "epoll_wait": _epoll_wait,
    "epoll_pwait": _epoll_wait,
    "epoll_pwait2": _epoll_pwait2,
}
