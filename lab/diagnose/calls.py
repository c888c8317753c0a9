"""What a thread is blocked in by the system call alone: for C code, and what is not Python."""

from __future__ import annotations

from lab.diagnose.scene import Thread

_KINDS = {
    "read": "receive", "readv": "receive", "recvfrom": "receive", "recvmsg": "receive",
    "write": "send", "writev": "send", "sendto": "send", "sendmsg": "send",
    "accept": "accept", "accept4": "accept", "connect": "connect",
    "poll": "poll", "ppoll": "poll", "select": "poll", "pselect6": "poll",
    "epoll_wait": "poll", "epoll_pwait": "poll", "epoll_pwait2": "poll",
    "flock": "file-lock", "fcntl": "file-lock",
    "wait4": "child", "waitid": "child",
}  # fmt: skip


def kind_of(thread: Thread) -> str:
    """Return the kind of the wait that the kernel shows, or an empty string if it is none."""
    wait = thread.wait
    kind = _KINDS.get(wait.syscall, "") if wait else ""
    if kind != "poll" or wait is None:
        return kind
    if not wait.fds:
        return ""
    modes = set(wait.fds.values())
    if len(wait.fds) > 1 or modes == {"rw"}:
        return "poll"
    return "send" if modes == {"w"} else "receive"
