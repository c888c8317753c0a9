"""Trying out, on a child of its own, each thing that the lab will need; see :mod:`lab.doctor`.

A probe returns what it saw, or raises when it did not succeed. Each has a deadline and removes its
child and its files on every way out.
"""

from __future__ import annotations

import contextlib
import enum
import os
import platform
import re
import select
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab import procfs
from lab.capture import footprint
from lab.capture.stacks import find_tool
from lab.errors import LabError
from lab.model import status_words

LIMIT_S = 15.0
"""Seconds that each probe may take."""
OUTPUT = Path("reports")
_SECRET = b"lab doctor reads this"
_YAMA = Path("/proc/sys/kernel/yama/ptrace_scope")
_CAP_SYS_PTRACE = 19
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


class Status(enum.StrEnum):
    """How bad it is: ``warn`` costs a capture or comfort, ``fail`` the lab's work."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Seen:
    """The answer of a probe; an empty ``mend`` leaves the check's own."""

    status: Status
    text: str
    mend: str = ""


class ProbeError(LabError):
    """A probe did not succeed; the text says what was seen."""


@contextlib.contextmanager
def _child() -> Iterator[tuple[int, int]]:
    """Run a Python child that waits; give its pid and the address of a secret in its memory.

    The child is killed and reaped on the way out.
    """
    code = (
        f"import sys; secret = {_SECRET!r}; "
        "print(id(secret) + bytes.__basicsize__ - 1, flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with process:
        try:
            assert process.stdout is not None
            ready, _, _ = select.select([process.stdout], [], [], LIMIT_S)
            line = process.stdout.readline() if ready else b""
            if not line:
                raise ProbeError(f"a child of {sys.executable} did not start")
            yield process.pid, int(line)
        finally:
            process.kill()


def _run(command: Sequence[str]) -> str:
    """Return the output of ``command``, which is killed at the deadline with all its children."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        process_group=0,
    )
    with process:
        try:
            output, errors = process.communicate(timeout=LIMIT_S)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode < 0:
        raise ProbeError(f"ended by {status_words(process.returncode)}")
    if process.returncode:
        raise ProbeError(_last_line(errors) or f"ended with status {process.returncode}")
    return output


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def _free_threaded() -> bool:
    return bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


def python() -> Seen:
    """The interpreter is a CPython that the lab can read."""
    name = f"{platform.python_implementation()} {platform.python_version()}"
    if platform.python_implementation() != "CPython" or sys.version_info < (3, 12):
        return Seen(Status.FAIL, name)
    gil = not _free_threaded() or getattr(sys, "_is_gil_enabled", lambda: True)()
    return Seen(Status.OK, f"{name}, {'with the GIL' if gil else 'free-threaded'}")


def system() -> Seen:
    """Linux, with the parts of /proc that the watchdog reads."""
    name = f"{platform.system()} {platform.release()}"
    if sys.platform != "linux":
        return Seen(Status.FAIL, name, mend="run the lab on Linux, or in a Linux container")
    if not procfs.AVAILABLE or procfs.stat(os.getpid()) is None:
        return Seen(Status.FAIL, f"{name}, and /proc cannot be read")
    pid = os.getpid()
    missing = [
        what
        for what, path in {
            "schedstat": f"/proc/{pid}/task/{pid}/schedstat",
            "children": f"/proc/{pid}/task/{pid}/children",
        }.items()
        if procfs.read(path) is None
    ]
    if missing:
        return Seen(Status.FAIL, f"{name}, and /proc has no {' and no '.join(missing)}")
    return Seen(Status.OK, f"{name}, {os.cpu_count()} CPUs, /proc readable")


def py_spy() -> Seen:
    """py-spy can dump a child."""
    if _free_threaded():
        return Seen(Status.OK, "not used: it cannot read a free-threaded interpreter")
    tool = _tool("py-spy")
    with _child() as (pid, _):
        dump = _run([tool, "dump", "--json", "--nonblocking", "--pid", str(pid)])
    if "<module>" not in dump:
        raise ProbeError("it ran, but showed no frame of a child that waits")
    return Seen(Status.OK, f"{_run([tool, '--version']).strip()} dumped a child")


def pystack() -> Seen:
    """pystack can read a child, where py-spy cannot."""
    if not _free_threaded():
        return Seen(Status.OK, "not wanted: py-spy reads this build")
    tool = _tool("pystack")
    with _child() as (pid, _):
        if "<module>" not in _run([tool, "remote", str(pid)]):
            raise ProbeError("it ran, but showed no frame of a child that waits")
    return Seen(Status.OK, "pystack read a child")


def _tool(name: str) -> str:
    if path := find_tool(name):
        return path
    raise ProbeError(f"no {name} beside {sys.executable} or on PATH")


def memray() -> Seen:
    """memray can track an allocation and read it back."""
    code = (
        "import memray, sys\n"
        "with memray.Tracker(sys.argv[1]): block = bytearray(1 << 20)\n"
        "with memray.FileReader(sys.argv[1]) as reader: peak = reader.metadata.peak_memory\n"
        "sys.exit(0 if peak >= 1 << 20 else f'it saw {peak} of 1048576 bytes')\n"
    )
    with tempfile.TemporaryDirectory(prefix="lab-doctor-") as folder:
        _run([sys.executable, "-c", code, str(Path(folder, "probe.bin"))])
    version = _run([sys.executable, "-c", "import memray; print(memray.__version__)"])
    return Seen(Status.OK, f"memray {version.strip()} tracked a child")


def ptrace() -> Seen:
    """The kernel shows a child's memory and system calls."""
    with _child() as (pid, address):
        memory, call = _peek(pid, address, len(_SECRET)), procfs.read(f"/proc/{pid}/syscall")
    if memory == _SECRET and call:
        return Seen(Status.OK, f"a child's memory and system calls can be read ({_rights()[0]})")
    what = "memory" if memory != _SECRET else "system calls"
    return Seen(Status.FAIL, f"a child's {what} cannot be read ({_rights()[0]})", _rights()[1])


def _peek(pid: int, address: int, size: int) -> bytes | None:
    try:
        with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
            memory.seek(address)
            return memory.read(size)
    except OSError:
        return None


def _rights() -> tuple[str, str]:
    """Return what decides about tracing in words, and how to mend the most likely refusal.

    See ptrace(2), "Ptrace access mode checking", and capabilities(7).
    """
    status = procfs.status(os.getpid())
    scope = (procfs.read(str(_YAMA)) or b"").decode().strip()
    able = bool(int(status.get("CapEff", "0"), 16) >> _CAP_SYS_PTRACE & 1)
    filtered = status.get("Seccomp", "0") != "0"
    words = f"Yama scope {scope or 'absent'}, CAP_SYS_PTRACE {'yes' if able else 'no'}, "
    words += f"seccomp filter {'yes' if filtered else 'no'}"
    if scope in ("2", "3") and not able:
        return words, "sudo sysctl kernel.yama.ptrace_scope=1  (scope 3 needs a reboot first)"
    return words, "in a container: docker run --cap-add=SYS_PTRACE ..."


_SUBREAPER_CODE = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(36, 1, 0, 0, 0):
    sys.exit("prctl(PR_SET_CHILD_SUBREAPER): " + os.strerror(ctypes.get_errno()))
middle = os.fork()
if middle == 0:
    os.fork()
    os._exit(0)
os.waitpid(middle, 0)
try:
    os.waitpid(-1, 0)
except ChildProcessError:
    sys.exit("an orphan went to init instead of its subreaper")
"""


def subreaper() -> Seen:
    """An orphaned grandchild comes to its subreaper, and can be reaped."""
    _run([sys.executable, "-I", "-c", _SUBREAPER_CODE])
    return Seen(Status.OK, "an orphaned grandchild was adopted and reaped")


def rollup() -> Seen:
    """The kernel tells a child's proportional share of memory."""
    with _child() as (pid, _):
        samples = footprint.sample([pid], at_s=0.0)
    if not samples or samples[0].pss_bytes is None:
        raise ProbeError("no PSS of a child: /proc/<pid>/smaps_rollup cannot be read")
    return Seen(Status.OK, f"a waiting child has {samples[0].pss_bytes / 2**20:.1f} MiB PSS")


def semaphores() -> Seen:
    """multiprocessing's locks can be made."""
    _run([sys.executable, "-I", "-c", "import multiprocessing; multiprocessing.Lock()"])
    return Seen(Status.OK, "a multiprocessing.Lock could be made")


def output() -> Seen:
    """A file can be written where runs are recorded."""
    target = OUTPUT.resolve()
    folder = next(path for path in (target, *target.parents) if path.exists())
    with tempfile.NamedTemporaryFile(prefix=".lab-doctor-", dir=folder) as file:
        file.write(b"x")
        file.flush()
    free = shutil.disk_usage(folder).free
    return Seen(Status.OK, f"{target} can be written, {free / 2**30:.1f} GiB free")


def terminal() -> Seen:
    """What the output goes to can show it."""
    encoding = (getattr(sys.stdout, "encoding", None) or "unknown").lower()
    if not re.fullmatch(r"utf-?8", encoding):
        return Seen(Status.WARN, f"the output's encoding is {encoding}")
    if not (sys.stderr and sys.stderr.isatty()):
        return Seen(Status.OK, "stderr is no terminal: progress is plain lines")
    size = shutil.get_terminal_size()
    return Seen(Status.OK, f"{size.columns} x {size.lines}, {encoding}")


def browser() -> Seen:
    """A chromium can draw a page."""
    tool = next(filter(None, map(find_tool, _BROWSERS)), "")
    if not tool:
        raise ProbeError(f"none of {', '.join(_BROWSERS)} on PATH")
    with tempfile.TemporaryDirectory(prefix="lab-doctor-", ignore_cleanup_errors=True) as folder:
        page = Path(folder, "page.html")
        page.write_text("<title>lab</title><p id=mark>drawn</p>", encoding="utf-8")
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        options = ["--headless", "--disable-gpu", f"--user-data-dir={folder}/profile", "--dump-dom"]
        if "drawn" not in _run([tool, *options, *sandbox, page.as_uri()]):
            raise ProbeError(f"{tool} did not draw a page")
    return Seen(Status.OK, f"{tool} drew a page")
