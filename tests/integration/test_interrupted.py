"""Ending the lab itself: by Ctrl-C, by SIGTERM, outright. No survivor, and a readable directory."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from lab import procfs, store
from tests.integration.lab_command import LIMIT_S, command, lab

WAITS = """
from lab import Cause, OutcomeKind, Scenario, Truth
import subprocess, time

def program(kit):
    subprocess.Popen(["sleep", "3600"], start_new_session=True)
    print("the program runs", flush=True)
    while True:
        time.sleep(0.01)

def truth():
    return Truth(OutcomeKind.TIMED_OUT, Cause.NONE)

MINE = Scenario(
    name="mine", title="t", plants="p", why="w", cure="c",
    faulty=program, corrected=program, truth=truth, timeout_s=3600,
)
"""


def history(output: Path) -> list[str]:
    """The history so far, as ``kind`` or ``kind:state``; empty before there is one."""
    for directory in output.glob("*/*"):
        if (directory / store.HEADER).exists():
            events = store.load(directory).history
            return [
                f"{e.kind}:{e.detail['state']}" if e.kind == "state" else e.kind for e in events
            ]
    return []


@pytest.fixture
def run(tmp_path):
    """A lab that runs a program without end; yields it and where it records."""
    scenario = tmp_path / "lab_endless_scenario.py"
    scenario.write_text(WAITS)
    output = tmp_path / "reports"
    words = command("run", scenario, "--variant", "threads", "--no-heap", "--output", output)
    scratch = tmp_path / "scratch"  # a lab that is killed cannot remove a file it is just making
    scratch.mkdir()
    process = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(scratch)},
    )
    yield process, output
    process.kill()
    process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_lab_by_way_of_reaping(run, eventually, number):
    process, output = run
    eventually(lambda: "state:running" in history(output))
    tree = procfs.descendants(process.pid)
    process.send_signal(number)
    _, complaint = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 130
    (directory,) = (output / "mine").iterdir()
    assert "interrupted; nothing was left running" in complaint
    assert f"lab report {directory}" in complaint
    assert "Traceback" not in complaint
    assert not [pid for pid in tree if procfs.stat(pid)]


@pytest.mark.parametrize("point", ["state:starting", "ready", "state:running"])
def test_a_lab_that_is_killed_leaves_no_survivor_and_a_readable_directory(run, eventually, point):
    process, output = run
    eventually(lambda: point in history(output))
    tree = procfs.descendants(process.pid)
    process.kill()
    process.communicate(timeout=LIMIT_S)
    eventually(lambda: not [pid for pid in tree if procfs.stat(pid)])
    (directory,) = (output / "mine").iterdir()
    assert store.load(directory).result is None
    done = lab("report", directory)
    assert done.code == 0, done.err
    page = (directory / store.REPORT).read_text()
    assert "did not finish" in page.lower() or "unfinished" in page.lower()


def test_ctrl_c_during_the_import_of_a_scenario(tmp_path):
    scenario = tmp_path / "lab_slow_import.py"
    scenario.write_text("print('importing', flush=True)\nimport time\ntime.sleep(3600)")
    process = subprocess.Popen(
        command("run", scenario), stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        while not procfs.children(process.pid):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=LIMIT_S)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130, complaint
    assert "Traceback" not in complaint
