"""No test may leave anything behind: processes, threads, shared memory, temporary directories.

Every test has a mark in its environment, which its processes inherit, so that orphans of it are
found. The temporary directory is the session's own, so that what is left in it is known to be ours.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab import procfs

GRACE_S = 3.0
"""For helpers that end after their users, such as the resource tracker; only leaks use it up."""

MARK = "LAB_TEST"
"""The environment variable that bears the mark."""

MULTIPROCESSING = "pymp-"

SHARED = Path("/dev/shm")
ALONE = "CI" in os.environ and "PYTEST_XDIST_WORKER" not in os.environ
"""Whether nobody else uses shared memory meanwhile, neither another user nor a test beside this."""
HELPERS = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")
"""The test process's own, which multiprocessing starts once and keeps to the end."""

IGNORED_BY_PYTHON = {signal.SIGPIPE, signal.SIGXFSZ}


type Thing = tuple[str, str, int]
"""What kind it is, its name, and its process id where it has one."""


_SHARED_BEFORE = pytest.StashKey[set[str]]()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Note what shared memory there is, for the whole session: its workers run side by side.

    Also let signals work in what the tests start: a shell ignores SIGINT in the jobs that it puts
    into the background, nohup ignores SIGHUP, and who is started with an ignored signal goes on to
    ignore it.
    """
    for number in signal.valid_signals() - IGNORED_BY_PYTHON:
        if signal.getsignal(number) is signal.SIG_IGN:
            usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, usual)
    if ALONE:
        session.config.stash[_SHARED_BEFORE] = set(os.listdir(SHARED))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a session that leaves shared memory behind."""
    if not ALONE:
        return
    until = time.monotonic() + GRACE_S
    while left := set(os.listdir(SHARED)) - session.config.stash[_SHARED_BEFORE]:
        if time.monotonic() > until:
            break
        time.sleep(0.05)
    if left:
        print(f"\nleft behind in {SHARED}: {', '.join(sorted(left))}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session", autouse=True)
def _ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Put temporary files where nobody else's are; the path stays short."""
    tmp_path_factory.getbasetemp()  # pytest's own stays where it is
    directory = tempfile.mkdtemp(prefix="t-")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", directory)
        patch.setattr(tempfile, "tempdir", directory)
        patch.delenv("GITHUB_ACTIONS", raising=False)  # what fails here on purpose is not its news
        yield
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(autouse=True)
def _nothing_is_left(_ground: None) -> Iterator[None]:
    """Fail a test that leaves something; remove it, so that the next one is not blamed."""
    mark = secrets.token_hex(8)
    before = _things(mark)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(MARK, mark)
        yield
    left = _settle(before, mark)
    described = [_describe(thing) for thing in left]
    for thing in left:
        _remove(thing)
    assert not left, f"left behind: {described}"


def _things(mark: str) -> set[Thing]:
    found = {("thread", thread.name, 0) for thread in threading.enumerate()}
    found |= {("directory", name, 0) for name in os.listdir(tempfile.gettempdir())}
    if not procfs.AVAILABLE:
        return found
    for pid in {*procfs.descendants(os.getpid()), *_marked(mark)}:
        if (stat := procfs.stat(pid)) and stat.state not in "ZX":
            found.add(("process", f"started at {stat.started_ticks}", pid))
    if ALONE:
        found |= {("shared", path.name, 0) for path in SHARED.iterdir()}
    return found


def _marked(mark: str) -> list[int]:
    entry = f"{MARK}={mark}".encode()
    return [pid for pid in procfs.all_pids() if entry in (_environment(pid) or b"").split(b"\0")]


def _environment(pid: int) -> bytes | None:
    return procfs.read(f"/proc/{pid}/environ")


def _settle(before: set[Thing], mark: str) -> list[Thing]:
    """Return what is new and does not go away by itself."""
    until = time.monotonic() + GRACE_S
    while True:
        left = [thing for thing in _things(mark) - before if not _is_harmless(thing)]
        if not left or time.monotonic() > until:
            return sorted(left)
        time.sleep(0.002)


def _is_harmless(thing: Thing) -> bool:
    kind, name, pid = thing
    if kind == "directory" and name.startswith(MULTIPROCESSING):
        _remove(thing)  # what multiprocessing leaves in a program that a test has killed itself
        return True
    if kind != "process":
        return False
    words = " ".join(procfs.command_line(pid))
    if any(helper in words for helper in HELPERS):
        return _is_own_helper(pid)
    stat = procfs.stat(pid)
    return stat is not None and _is_browser(pid) and _is_browser(stat.ppid)


def _is_browser(pid: int) -> bool:
    """Whether it is one of chromium's: those it starts, whenever it likes, go when it goes."""
    return "chromium" in " ".join(procfs.command_line(pid)[:1])


def _is_own_helper(pid: int) -> bool:
    stat = procfs.stat(pid)
    return stat is not None and stat.ppid == os.getpid() and stat.session == os.getsid(0)


def _describe(thing: Thing) -> str:
    kind, name, pid = thing
    return f"process {pid}: {procfs.command_line(pid)}" if pid else f"{kind} {name}"


def _remove(thing: Thing) -> None:
    kind, name, pid = thing
    if kind == "process":
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    elif kind == "directory":
        shutil.rmtree(Path(tempfile.gettempdir()) / name, ignore_errors=True)
    elif kind == "shared":
        (SHARED / name).unlink(missing_ok=True)


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Wait for a condition, with a deadline that is a safety net and not an expectation."""

    def wait(condition: Callable[[], object], limit_s: float = 60.0) -> None:
        until = time.monotonic() + limit_s
        while not condition():
            assert time.monotonic() < until, f"still not so after {limit_s} s"
            time.sleep(0.002)

    return wait
