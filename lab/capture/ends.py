"""Which ends of which pipes a process has open: who could still write what a reader waits for."""

from __future__ import annotations

import os

from lab import procfs

_MODES = {os.O_RDONLY: "r", os.O_WRONLY: "w", os.O_RDWR: "rw"}


def pipe_ends(pid: int) -> dict[str, str]:
    """Return ``{pipe:<inode>: r, w or rw}`` for the pipes of ``pid``; empty without permission.

    The access mode is in the ``flags`` of ``/proc/PID/fdinfo/FD``, see proc(5).
    """
    found: dict[str, str] = {}
    for fd, target in procfs.file_descriptors(pid).items():
        if target.startswith("pipe:["):
            key = "pipe:" + target[6:-1]
            mode = found.get(key, "") + _mode(pid, fd)
            found[key] = "rw" if {"r", "w"} <= set(mode) else mode[:1]
    return found


def _mode(pid: int, fd: int) -> str:
    for line in (procfs.read(f"/proc/{pid}/fdinfo/{fd}") or b"").splitlines():
        if line.startswith(b"flags:"):
            return _MODES.get(int(line.split()[1], 8) & os.O_ACCMODE, "")
    return ""
