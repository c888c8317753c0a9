"""Running a stack tool with a deadline, and telling apart the ways in which it fails."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from lab import procfs
from lab.errors import LabError
from lab.model import ThreadStack


class CannotReadStacksError(LabError):
    """A tool is missing, may not look into the process, or makes no sense of it."""


class NoInterpreterError(CannotReadStacksError):
    """The tool does not recognise the interpreter; another tool might."""


class MovedOnError(CannotReadStacksError):
    """The process ran on while it was read, and the tool lost its way; the next try may succeed."""


class TooYoungError(CannotReadStacksError):
    """The interpreter was not ready to be read; a moment later it may be."""


@dataclass(frozen=True, slots=True)
class Stacks:
    """The threads of one process, and how they were read."""

    threads: tuple[ThreadStack, ...] = ()
    tool: str = ""
    paused_s: float | None = None
    seconds: float = 0.0
    bytes: int = 0
    error: str = ""


def find_tool(name: str) -> str | None:
    """Return the path of a tool: beside this interpreter first, as in a venv, then on PATH."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else shutil.which(name)


class ToolFailedError(CannotReadStacksError):
    """A tool failed for a reason of its own; ``seen`` is its message, without the backtrace."""


def run_tool(name: str, arguments: list[str], *, pid: int, deadline: float) -> str:
    """Run a tool on process ``pid`` and return its standard output.

    Raises :class:`CannotReadStacksError`, with the remedy, when it is not installed, is refused,
    takes too long, or the process is gone; and :class:`ToolFailedError` for its other failures.
    """
    tool = find_tool(name)
    if tool is None:
        raise CannotReadStacksError(f"{name} is not installed", next_step=f"pip install {name}")
    left = deadline - time.monotonic()
    if left <= 0:
        raise CannotReadStacksError(f"no time was left for {name} on process {pid}")
    try:
        done = subprocess.run(
            [tool, *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=left, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise CannotReadStacksError(
            f"{name} on process {pid} timed out after {left:.1f} s"
        ) from None
    except OSError as error:
        raise CannotReadStacksError(f"{tool}: {error.strerror}") from None
    if done.returncode == 0:
        return done.stdout.decode(errors="replace")
    complaint = done.stderr.decode(errors="replace")
    _explain(name, pid, complaint)
    raise ToolFailedError(_summary(complaint) or f"{name} exited with {done.returncode}")


def _explain(name: str, pid: int, complaint: str) -> None:
    """Raise the error that a complaint stands for, if it is one that every tool has."""
    lowered = complaint.lower()
    if procfs.stat(pid) is None or "no such process" in lowered:
        raise CannotReadStacksError(f"process {pid} has ended")
    if "permission denied" in lowered or "operation not permitted" in lowered:
        raise CannotReadStacksError(
            f"{name} may not look into process {pid} (ptrace is refused)", next_step=_remedy()
        )


def _remedy() -> str:
    scope = _scope().strip()
    if scope == b"1":
        return "sudo sysctl kernel.yama.ptrace_scope=0, or run as root"
    if scope == b"2":
        return "run as root, or with CAP_SYS_PTRACE"
    if scope == b"3":
        return "reboot with another kernel.yama.ptrace_scope: 3 cannot be undone"
    if _in_docker():
        return "docker run --cap-add=SYS_PTRACE"
    return "run as the user that owns the process, or as root"


def _scope() -> bytes:
    return procfs.read("/proc/sys/kernel/yama/ptrace_scope") or b""


def _in_docker() -> bool:
    return Path("/.dockerenv").exists()


def _summary(complaint: str) -> str:
    """Return the causes of a Rust error chain, or the last line of another message, as one line."""
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    head = [line for line in lines[:8] if not line.startswith(("Stack backtrace", "Reason", "0:"))]
    return " ".join(head)[:300]
