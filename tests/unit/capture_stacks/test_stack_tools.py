"""py-spy and pystack: their output read, and each way in which they fail told apart."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from lab.capture import command, pyspy, pystack, stacks
from lab.capture.labels import label_of
from lab.capture.snapshot import take_snapshot
from lab.model import CaptureStatus, ProcessInfo

DUMP = [
    {
        "pid": 7, "thread_id": 140, "thread_name": "worker-1", "os_thread_id": 9, "active": False,
        "owns_gil": True,
        "frames": [
            {
                "name": "Box.put", "filename": "/app/box.py", "module": None,
                "short_filename": "box.py", "line": 12, "is_entry": True,
                "locals": [
                    {"name": "self", "addr": 4096, "arg": True, "repr": "<Box at 0x1000>"},
                    {"name": "n", "addr": 0, "arg": False, "repr": None},
                ],
            },
            {
                "name": "<module>", "filename": "/app/box.py", "module": None,
                "short_filename": "box.py", "line": 30, "is_entry": True, "locals": None,
            },
        ],
    }
]  # fmt: skip

PYSTACK = """\
Traceback for thread 8522 (python) [] (most recent call last):
    (Python) File "/usr/lib/python3.13/threading.py", line 1012, in _bootstrap
        self._bootstrap_inner()
      Arguments:
        self: <Thread at 0x7f7d2a437390>
    (Python) File "/app/dead lock.py", line 20, in transfer
        with theirs:
      Arguments:
        theirs: <_thread.lock at 0x7f7d2a637b40>
      Locals:
        text: "a: b"
        count: 3

Traceback for thread 8519 (python) [Has the GIL] (most recent call last):
    (Python) File "/app/dead lock.py", line 8, in <module>
        main()
"""


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a shell script in the place of every tool."""

    def install(script: str) -> None:
        path = tmp_path / "tool"
        path.write_text("#!/bin/sh\n" + script)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(command, "find_tool", lambda _name: str(path))

    return install


@pytest.fixture
def sleeper() -> object:
    """A process that is there, and is no Python."""
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


def _run(pid: int, seconds: float = 10.0) -> str:
    return command.run_tool("py-spy", ["dump"], pid=pid, deadline=time.monotonic() + seconds)


def test_a_dump_of_py_spy() -> None:
    (thread,) = pyspy.parse(msgspec.json.encode(DUMP).decode())
    assert (thread.pid, thread.tid, thread.ident, thread.name) == (7, 9, 140, "worker-1")
    assert (thread.owns_gil, thread.active) == (True, False)
    frame, module = thread.frames
    assert (frame.function, frame.file, frame.line) == ("Box.put", "/app/box.py", 12)
    assert [(one.name, one.address, one.argument) for one in frame.locals] == [
        ("self", 4096, True),
        ("n", None, False),
    ]
    assert module.locals == ()


@pytest.mark.parametrize("text", ["", "[", "{}x", '[{"pid": 1}]', "[3]"])
def test_a_dump_that_makes_no_sense(text: str) -> None:
    with pytest.raises(stacks.CannotReadStacksError, match="makes no sense"):
        pyspy.parse(text)


def test_the_text_of_pystack() -> None:
    worker, main = pystack.parse(PYSTACK, 8519)
    assert (worker.tid, main.tid, main.name, main.owns_gil) == (8522, 8519, "MainThread", True)
    assert [frame.function for frame in worker.frames] == ["transfer", "Thread._bootstrap"]
    frame = worker.frames[0]
    assert (frame.file, frame.line) == ("/app/dead lock.py", 20)
    assert [(one.name, one.address, one.argument) for one in frame.locals] == [
        ("theirs", 0x7F7D2A637B40, True),
        ("text", None, False),
        ("count", None, False),
    ]


def test_a_tool_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "find_tool", lambda _name: None)
    with pytest.raises(stacks.CannotReadStacksError, match="not installed; try: pip install"):
        _run(os.getpid())


def test_a_tool_that_may_not_look(tool: Callable) -> None:
    tool("echo 'Error: Permission Denied: Try running again with elevated permissions' >&2; exit 1")
    with pytest.raises(stacks.CannotReadStacksError, match="ptrace is refused") as caught:
        _run(os.getpid())
    assert caught.value.next_step


@pytest.mark.parametrize(
    ("scope", "remedy"),
    [(b"1\n", "ptrace_scope=0"), (b"2\n", "CAP_SYS_PTRACE"), (b"3\n", "reboot"), (None, "run as")],
)
def test_the_remedy_depends_on_the_ptrace_scope(
    tool: Callable, monkeypatch: pytest.MonkeyPatch, scope: bytes | None, remedy: str
) -> None:
    tool("echo 'Operation not permitted (os error 1)' >&2; exit 1")
    monkeypatch.setattr(command, "_scope", lambda: scope or b"")
    monkeypatch.setattr(command, "_in_docker", lambda: False)
    with pytest.raises(stacks.CannotReadStacksError, match=remedy):
        _run(os.getpid())


def test_a_tool_that_takes_too_long(tool: Callable) -> None:
    tool("exec sleep 60")
    started = time.monotonic()
    with pytest.raises(stacks.CannotReadStacksError, match="timed out"):
        _run(os.getpid(), seconds=0.2)
    assert time.monotonic() - started < 5


def test_no_time_is_left() -> None:
    with pytest.raises(stacks.CannotReadStacksError, match="no time was left"):
        _run(os.getpid(), seconds=-1.0)


def test_a_process_that_is_gone(tool: Callable) -> None:
    tool("echo 'No such process' >&2; exit 1")
    with pytest.raises(stacks.CannotReadStacksError, match="has ended"):
        _run(os.getpid())
    assert "has ended" in stacks.read_stacks(2**22 + 1, deadline=time.monotonic() + 1).error


def test_a_complaint_is_one_line_without_its_backtrace(tool: Callable) -> None:
    tool("printf 'Error: Failed to X\\nReason: Y\\nStack backtrace:\\n   0: main\\n' >&2; exit 1")
    with pytest.raises(command.ToolFailedError) as caught:
        _run(os.getpid())
    assert "backtrace" not in caught.value.seen
    assert "\n" not in caught.value.line()


def test_a_young_process_is_tried_again_and_an_old_one_is_not(
    tool: Callable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sleeper: subprocess.Popen
) -> None:
    count = tmp_path / "count"
    tool(f"echo x >> {count}; echo 'Error: Failed to find python version' >&2; exit 1")
    monkeypatch.setattr(stacks, "find_tool", lambda _name: None)
    monkeypatch.setattr(pyspy, "_age_s", lambda _pid: 0.1)
    assert "too young" in stacks.read_stacks(sleeper.pid, deadline=time.monotonic() + 9).error
    assert count.read_text().count("x") == 4
    count.unlink()
    monkeypatch.setattr(pyspy, "_age_s", lambda _pid: 100.0)
    assert stacks.read_stacks(sleeper.pid, deadline=time.monotonic() + 9).error
    assert count.read_text().count("x") == 1


def test_a_dump_that_lost_its_way_is_tried_again(
    tool: Callable, tmp_path: Path, sleeper: subprocess.Popen
) -> None:
    count = tmp_path / "count"
    tool(
        f"echo x >> {count}\n"
        f'[ $(wc -l < {count}) -ge 3 ] && echo "[]" && exit 0\n'
        "echo 'Error: Failed to get stack traces' >&2; exit 1"
    )
    assert stacks.read_stacks(sleeper.pid, deadline=time.monotonic() + 9).error == ""
    assert count.read_text().count("x") == 3


def test_an_interpreter_that_py_spy_does_not_know_goes_to_pystack(
    tool: Callable, monkeypatch: pytest.MonkeyPatch, sleeper: subprocess.Popen
) -> None:
    tool(
        'if [ "$1" = remote ]; then\ncat <<END\n' + PYSTACK + "END\n"
        "else echo 'Error: Failed to find a python interpreter' >&2; exit 1; fi"
    )
    monkeypatch.setattr(stacks, "find_tool", lambda name: name)
    monkeypatch.setattr(pyspy, "_age_s", lambda _pid: 100.0)
    seen = stacks.read_stacks(sleeper.pid, deadline=time.monotonic() + 9)
    assert (seen.tool, len(seen.threads), seen.error) == ("pystack", 2, "")
    assert seen.paused_s is not None
    assert seen.paused_s > 0


def _info(**fields: object) -> ProcessInfo:
    return ProcessInfo(pid=5, ppid=1, **fields)


def test_names_of_processes() -> None:
    python = _info(python="3.13.0", command=("python", "-u", "/app/serve.py"))
    assert label_of(python, "worker-1", root=False, forked=True) == "worker-1"
    assert label_of(python, "", root=True, forked=False) == "main"
    assert label_of(python, "", root=False, forked=True) == "fork 5"
    assert label_of(python, "", root=False, forked=False) == "serve.py 5"
    module = _info(python="3.13.0", command=("python", "-m", "http.server"))
    assert label_of(module, "", root=False, forked=False) == "http.server 5"
    tracker = _info(python="3", command=("python", "-c", "from multiprocessing.resource_tracker"))
    assert label_of(tracker, "", root=False, forked=False) == "resource tracker"
    assert label_of(_info(executable="/bin/sleep"), "", root=False, forked=False) == "sleep 5"
    assert label_of(_info(executable="/bin/sleep"), "", root=True, forked=False) == "sleep"


def test_a_program_that_is_no_python_is_seen_by_the_kernel_only(sleeper: subprocess.Popen) -> None:
    time.sleep(0.05)
    snapshot, reports = take_snapshot([sleeper.pid, 2**22 + 1], taken_s=1.5)
    (capture,) = snapshot.processes
    assert (capture.process.python, capture.threads, capture.error) == (None, (), "")
    assert capture.process.label == "sleep"
    assert [wait.tid for wait in capture.waits] == [sleeper.pid]
    assert (reports, snapshot.taken_s, snapshot.stable) == ((), 1.5, None)


def test_without_the_tool_the_failure_and_its_remedy_are_recorded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    child = subprocess.Popen([sys.executable, "-c", "print(flush=True); input()"],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
    assert child.stdout is not None
    child.stdout.readline()
    monkeypatch.setattr(command, "find_tool", lambda _name: None)
    try:
        snapshot, (report,) = take_snapshot([child.pid], taken_s=0.0)
    finally:
        child.communicate()
    assert report.status is CaptureStatus.FAILED
    assert "pip install py-spy" in report.reason
    assert snapshot.processes[0].error == report.reason
    assert snapshot.processes[0].waits


@pytest.mark.parametrize("confirm", [True, False])
def test_a_quiet_program_is_still(confirm: bool) -> None:
    child = subprocess.Popen([sys.executable, "-c", "print(flush=True); input()"],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
    assert child.stdout is not None
    child.stdout.readline()
    time.sleep(0.1)
    try:
        snapshot, (report,) = take_snapshot([child.pid], taken_s=0.0, confirm=confirm)
    finally:
        child.communicate()
    assert report.status is CaptureStatus.OK, report.reason
    assert report.paused_s == 0.0
    assert snapshot.stable is (True if confirm else None)
    assert snapshot.processes[0].threads[0].still is True
    assert snapshot.processes[0].tool.startswith("py-spy ")
