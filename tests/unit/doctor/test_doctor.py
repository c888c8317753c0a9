"""The doctor with each thing whole, and with each thing broken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import pytest

from lab import doctor, probes, procfs
from lab.doctor import Check, Finding
from lab.probes import Seen, Status


@pytest.fixture(autouse=True)
def no_file_is_left(tmp_path, monkeypatch):
    """Every probe removes its files and closes its pipes; processes are looked for elsewhere."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    descriptors = set(os.listdir("/proc/self/fd"))
    yield
    assert set(os.listdir("/proc/self/fd")) == descriptors
    assert not list(temporary.iterdir())


def find(name):
    (check,) = (check for check in (*doctor.CHECKS, doctor.BROWSER_CHECK) if check.name == name)
    return doctor._find(check)


def fake_tool(folder, name, body):
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def no_tools_here(monkeypatch, tmp_path):
    """Put nothing beside the interpreter, and one empty folder on PATH: that one is returned."""
    elsewhere, path = tmp_path / "python", tmp_path / "bin"
    for folder in (elsewhere, path):
        folder.mkdir()
    (elsewhere / "python").symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(elsewhere / "python"))
    monkeypatch.setenv("PATH", str(path))
    return path


def test_here_everything_that_the_lab_needs_is_there():
    findings = doctor.examine()
    assert [finding for finding in findings if finding.status is Status.FAIL] == []
    assert [finding.name for finding in findings] == [check.name for check in doctor.CHECKS]


def test_every_check_says_what_it_means_and_what_mends_it():
    checks = (*doctor.CHECKS, doctor.BROWSER_CHECK)
    assert len({check.name for check in checks}) == len(checks)
    for check in checks:
        assert check.means.endswith("."), check
        assert check.mend, check
        assert check.worst is not Status.OK


def test_findings_can_be_written_as_json():
    finding = Finding("x", Status.WARN, "seen", "means", "mend")
    assert json.loads(json.dumps(finding.status)) == "warn"


@pytest.mark.parametrize("error", [ValueError("odd"), OSError(13, "denied"), AssertionError()])
def test_a_probe_that_goes_wrong_is_a_finding(error):
    def probe():
        raise error

    check = Check("x", probe, means="M.", mend="m", worst=Status.WARN)
    finding = doctor._find(check)
    assert finding.status is Status.WARN
    assert type(error).__name__ in finding.seen
    assert finding.mend == "m"


def test_what_is_well_needs_no_mending():
    check = Check("x", lambda: Seen(Status.OK, "fine"), means="M.", mend="m")
    assert doctor._find(check) == Finding("x", Status.OK, "fine", "M.", "")


def test_a_probe_may_know_a_better_cure():
    check = Check("x", lambda: Seen(Status.FAIL, "bad", "better"), means="M.", mend="m")
    assert doctor._find(check).mend == "better"


# -- Python and the system -------------------------------------------------------------------------


def test_an_old_python(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 11, 7))
    assert find("Python").status is Status.FAIL


def test_another_python(monkeypatch):
    monkeypatch.setattr(probes.platform, "python_implementation", lambda: "PyPy")
    finding = find("Python")
    assert finding.status is Status.FAIL
    assert "PyPy" in finding.seen


def test_a_free_threaded_python_is_named(monkeypatch):
    monkeypatch.setattr(probes, "_free_threaded", lambda: True)
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: False, raising=False)
    assert "free-threaded" in find("Python").seen
    assert "cannot read" in find("py-spy").seen


def test_another_system(monkeypatch):
    monkeypatch.setattr(probes.sys, "platform", "darwin")
    finding = find("operating system")
    assert finding.status is Status.FAIL
    assert "container" in finding.mend


def test_no_proc(monkeypatch):
    monkeypatch.setattr(procfs, "AVAILABLE", False)
    finding = find("operating system")
    assert finding.status is Status.FAIL
    assert "mount" in finding.mend


@pytest.mark.parametrize("part", ["schedstat", "children"])
def test_a_kernel_without_a_part_of_proc(monkeypatch, part):
    real = procfs.read
    monkeypatch.setattr(
        procfs, "read", lambda path, *limit: None if part in path else real(path, *limit)
    )
    finding = find("operating system")
    assert finding.status is Status.FAIL
    assert part in finding.seen


# -- the tools -------------------------------------------------------------------------------------


def test_no_py_spy(no_tools_here):
    finding = find("py-spy")
    assert finding.status is Status.FAIL
    assert "no py-spy" in finding.seen
    assert "pip install" in finding.mend


def test_py_spy_on_path_only(no_tools_here):
    (no_tools_here / "py-spy").symlink_to(Path(sysconfig.get_path("scripts"), "py-spy"))
    assert find("py-spy").status is Status.OK


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        ("echo 'Permission denied (os error 13)' >&2; exit 1", "Permission denied"),
        ("exit 7", "ended with status 7"),
        ("echo '[]'", "showed no frame"),
    ],
)
def test_a_py_spy_that_cannot_dump(no_tools_here, body, seen):
    fake_tool(no_tools_here, "py-spy", body)
    finding = find("py-spy")
    assert finding.status is Status.FAIL
    assert seen in finding.seen


def test_a_tool_that_hangs_is_ended_with_its_children(no_tools_here, monkeypatch):
    fake_tool(no_tools_here, "py-spy", "/bin/sleep 600 & /bin/sleep 600")
    monkeypatch.setattr(probes, "LIMIT_S", 0.3)
    finding = find("py-spy")
    assert finding.status is Status.FAIL
    assert "no answer within 0.3 s" in finding.seen


def test_pystack_is_wanted_on_free_threaded_builds_only(no_tools_here, monkeypatch):
    assert find("pystack").status is Status.OK
    monkeypatch.setattr(probes, "_free_threaded", lambda: True)
    finding = find("pystack")
    assert finding.status is Status.FAIL
    assert "no pystack" in finding.seen


def test_pystack_really_reads_a_child(monkeypatch):
    if not probes.find_tool("pystack"):
        pytest.skip("no pystack")
    monkeypatch.setattr(probes, "_free_threaded", lambda: True)
    assert find("pystack").seen == "pystack read a child"


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("raise ImportError('not here')", "not here"),
        ("import os; os.kill(os.getpid(), 11)", "SIGSEGV"),
        ("__version__ = '0'", "Tracker"),
    ],
)
def test_a_memray_that_does_not_work_only_warns(monkeypatch, tmp_path, source, seen):
    (tmp_path / "memray.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    finding = find("memray")
    assert finding.status is Status.WARN
    assert seen in finding.seen
    assert "tracemalloc" in finding.means


# -- permissions -----------------------------------------------------------------------------------


def test_memory_that_cannot_be_read(monkeypatch):
    monkeypatch.setattr(probes, "_peek", lambda *_: None)
    finding = find("ptrace permission")
    assert finding.status is Status.FAIL
    assert "memory cannot be read" in finding.seen


def test_system_calls_that_cannot_be_read(monkeypatch):
    real = procfs.read
    monkeypatch.setattr(
        procfs, "read", lambda path, *limit: None if "syscall" in path else real(path, *limit)
    )
    finding = find("ptrace permission")
    assert finding.status is Status.FAIL
    assert "system calls cannot be read" in finding.seen


@pytest.mark.parametrize(
    ("scope", "able", "cure"),
    [("3", False, "sysctl"), ("2", False, "sysctl"), ("1", False, "docker"), ("2", True, "docker")],
)
def test_the_cure_follows_from_what_refuses(monkeypatch, tmp_path, scope, able, cure):
    yama = tmp_path / "ptrace_scope"
    yama.write_text(f"{scope}\n")
    monkeypatch.setattr(probes, "_YAMA", yama)
    monkeypatch.setattr(probes, "_peek", lambda *_: None)
    effective = "0000000000080000" if able else "0000000000000000"
    monkeypatch.setattr(procfs, "status", lambda _: {"CapEff": effective, "Seccomp": "2"})
    finding = find("ptrace permission")
    assert f"Yama scope {scope}" in finding.seen
    assert f"CAP_SYS_PTRACE {'yes' if able else 'no'}" in finding.seen
    assert "seccomp filter yes" in finding.seen
    assert cure in finding.mend


def test_somebody_without_rights_over_a_child_is_told_so():
    """A real refusal: another user's child, seen from a process without the capability."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    code = (
        "import contextlib, os, sys\n"
        "from lab import probes\n"
        "target = os.getppid()\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "probes._child = contextlib.contextmanager(lambda: (yield (target, 4096)))\n"
        "seen = probes.ptrace()\n"
        "assert seen.status == 'fail' and 'CAP_SYS_PTRACE no' in seen.text, seen\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize(
    ("before", "seen"),
    [
        ("import ctypes; ctypes.CDLL = lambda *a, **k: Refusing()", "prctl"),
        ("import ctypes; ctypes.CDLL = lambda *a, **k: Ignoring()", "went to init"),
    ],
)
def test_no_subreaper(monkeypatch, before, seen):
    stubs = (
        "class Refusing:\n def prctl(self, *a): return -1\n"
        "class Ignoring:\n def prctl(self, *a): return 0\n"
    )
    monkeypatch.setattr(probes, "_SUBREAPER_CODE", f"{stubs}{before}\n{probes._SUBREAPER_CODE}")
    finding = find("subreaper")
    assert finding.status is Status.FAIL
    assert seen in finding.seen


def test_no_proportional_sizes(monkeypatch):
    real = procfs.read
    monkeypatch.setattr(
        procfs, "read", lambda path, *limit: None if "smaps" in path else real(path, *limit)
    )
    finding = find("memory footprint")
    assert finding.status is Status.WARN
    assert "smaps_rollup" in finding.seen


def test_no_semaphores(monkeypatch):
    def refuse(command):
        raise probes.ProbeError("OSError: [Errno 38] Function not implemented")

    monkeypatch.setattr(probes, "_run", refuse)
    assert find("shared semaphores").status is Status.FAIL


def test_a_python_that_does_not_start(monkeypatch, tmp_path):
    broken = fake_tool(tmp_path / "broken", "python", "exit 1")
    monkeypatch.setattr(probes.sys, "executable", str(broken))
    finding = find("ptrace permission")
    assert finding.status is Status.FAIL
    assert "did not start" in finding.seen


# -- output and looks ------------------------------------------------------------------------------


def test_an_output_directory_that_does_not_exist_yet_is_not_made(monkeypatch, tmp_path):
    monkeypatch.setattr(probes, "OUTPUT", tmp_path / "a" / "b")
    assert find("output directory").status is Status.OK
    assert not (tmp_path / "a").exists()


def test_an_output_directory_that_cannot_be_written(monkeypatch):
    monkeypatch.setattr(probes, "OUTPUT", Path("/proc/self"))
    finding = find("output directory")
    assert finding.status is Status.FAIL
    assert "--output" in finding.mend


def test_an_output_that_is_a_file(monkeypatch, tmp_path):
    (tmp_path / "reports").touch()
    monkeypatch.setattr(probes, "OUTPUT", tmp_path / "reports")
    assert find("output directory").status is Status.FAIL


class Stream:
    def __init__(self, encoding, terminal=False):
        self.encoding, self._terminal = encoding, terminal

    def isatty(self):
        return self._terminal


@pytest.mark.parametrize(
    ("out", "err", "status", "seen"),
    [
        (Stream("utf-8"), Stream("utf-8"), Status.OK, "no terminal"),
        (Stream("utf-8"), None, Status.OK, "no terminal"),
        (Stream("UTF8"), Stream("utf-8", terminal=True), Status.OK, " x "),
        (Stream("ascii"), Stream("ascii"), Status.WARN, "ascii"),
        (None, None, Status.WARN, "unknown"),
    ],
)
def test_terminals(monkeypatch, out, err, status, seen):
    with monkeypatch.context() as patch:
        patch.setattr(probes.sys, "stdout", out)
        patch.setattr(probes.sys, "stderr", err)
        finding = find("terminal")
    assert finding.status is status
    assert seen in finding.seen


def test_the_browser_is_looked_for_only_when_it_is_wanted(no_tools_here, monkeypatch):
    monkeypatch.setattr(doctor, "CHECKS", ())
    assert doctor.examine() == ()
    (finding,) = doctor.examine(browser=True)
    assert finding.status is Status.WARN
    assert "none of chromium" in finding.seen


@pytest.mark.parametrize(
    ("body", "status"),
    [("echo drawn", Status.OK), ("echo blank", Status.WARN), ("exit 1", Status.WARN)],
)
def test_browsers(no_tools_here, body, status):
    fake_tool(no_tools_here, "chromium", body)
    assert find("chromium").status is status


def test_a_real_browser_draws(monkeypatch):
    if not probes.find_tool("chromium"):
        pytest.skip("no chromium")
    finding = find("chromium")
    assert finding.status is Status.OK, finding
