"""Starts measured programs and kills them."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from lab import procfs
from lab.capture import heap
from lab.supervise import shim

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
LIMIT_S = 60.0


class Measured:
    """A program under a heap tracker. ``lab`` sees the tree as the runner would."""

    def __init__(self, directory, program, *, tool, words, environment):
        self.directory = directory
        _, arguments = heap.wrapper_for(directory, tool=tool)
        self.folder = Path(arguments["directory"])
        self._ready, write = os.pipe()
        search = os.pathsep.join([environment.pop("PYTHONPATH", ""), str(ROOT)]).strip(os.pathsep)
        self.process = subprocess.Popen(
            [
                sys.executable,
                str(HERE / program),
                str(write),
                arguments["directory"],
                arguments["tool"],
                *map(str, words),
            ],
            pass_fds=[write],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": search, **environment},
        )
        os.close(write)

    def wait_ready(self):
        """Wait for the program's next byte."""
        readable, _, _ = select.select([self._ready], [], [], LIMIT_S)
        if not readable or not os.read(self._ready, 1):
            raise AssertionError(f"not ready; stderr: {self.kill()}")

    @property
    def tree(self):
        return [self.process.pid, *procfs.descendants(self.process.pid)]

    def go(self):
        self.process.stdin.write(b"g")
        self.process.stdin.flush()

    def kill(self):
        """Kill the whole tree with SIGKILL; return what it had written to stderr."""
        doomed = self.tree
        used = shim.shared_inodes(doomed)  # a killed resource tracker unlinks nothing
        for pid in doomed:
            os.kill(pid, 9)
        errors = self.process.communicate(timeout=LIMIT_S)[1].decode()
        shim.remove_shared(used, before=())
        return errors

    def wait(self):
        """Wait for its own end; return the exit status and stderr."""
        errors = self.process.communicate(timeout=LIMIT_S)[1].decode()
        return self.process.returncode, errors

    def close(self):
        if self.process.poll() is None:
            self.kill()
        for stream in (self.process.stdin, self.process.stderr):
            stream.close()
        os.close(self._ready)


@pytest.fixture
def temporary():
    """A directory for what a killed program leaves; its path is short, as sockets need it."""
    with tempfile.TemporaryDirectory() as directory:
        yield directory


@pytest.fixture
def start(tmp_path, temporary):
    """Return a function that starts a program; all of them are gone at the end of the test."""
    programs = []

    def begin(*words, program="program.py", tool="auto", **environment):
        directory = tmp_path / f"run-{len(programs)}"
        directory.mkdir()
        environment["TMPDIR"] = temporary
        programs.append(
            Measured(directory, program, tool=tool, words=words, environment=environment)
        )
        return programs[-1]

    yield begin
    trees = {pid for program in programs if program.process.poll() is None for pid in program.tree}
    for program in programs:
        program.close()
    assert all(map(gone, trees))


def gone(pid):
    """Say whether a killed process ends; an orphan may go on waiting for init to reap it."""
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        stat = procfs.stat(pid)
        if stat is None or stat.state in "ZX":
            return True
        time.sleep(0.01)
    return False


@pytest.fixture
def collect():
    """Return a function that collects from a measured program's directory."""

    def gather(program, *, deadline_s=LIMIT_S, flamegraphs=False):
        uses, reports = heap.collect(
            program.directory,
            run_root=program.directory,
            deadline_s=deadline_s,
            flamegraphs=flamegraphs,
        )
        return {use.label: use for use in uses}, {report.name: report for report in reports}

    return gather
