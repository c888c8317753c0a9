"""What is busy, slow or waiting is not called a hang: no word, no directory, its own exit code."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time

import pytest

from lab import procfs
from tests.integration.lab_command import command
from tests.integration.watch import healthy

WAITS_S = 2.0
"""How long those wait that wait for somebody outside: four times what the lab lets pass."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Run them all side by side; most of them sleep. Returns {name: (code, out, err, files)}."""
    folder = tmp_path_factory.mktemp("healthy")
    reader, writer = os.pipe()
    started = {}
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name, source in healthy.PROGRAMS.items():
            text = source.replace("{pipe}", str(reader))
            started[name] = subprocess.Popen(
                command("watch", "--quiet-for", "0", "--", sys.executable, "-c", text),
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder,
                pass_fds=[reader],
            )  # fmt: skip
        wait_until_all_have_waited([process.pid for process in started.values()])
        os.write(writer, b"." * len(started))
    done = {name: process.communicate(timeout=120) for name, process in started.items()}
    os.close(reader)
    os.close(writer)
    yield {name: (started[name].returncode, *done[name]) for name in started}
    assert [path.name for path in folder.iterdir()] == ["lock"]


def wait_until_all_have_waited(pids: list[int]) -> None:
    """Give each its time after it has started its command."""
    until = time.monotonic() + 60
    while not all(len(procfs.descendants(pid)) >= 3 or is_over(pid) for pid in pids):
        assert time.monotonic() < until
        time.sleep(0.05)
    time.sleep(WAITS_S)


def is_over(pid: int) -> bool:
    stat = procfs.stat(pid)
    return stat is None or stat.state == "Z"


@pytest.mark.parametrize("name", healthy.PROGRAMS)
def test_it_ends_as_without(runs, name):
    assert runs[name] == (0, "", "")


def test_there_are_enough():
    assert len(healthy.PROGRAMS) >= 15
