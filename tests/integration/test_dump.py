"""``lab dump``: programs that never heard of the lab, stuck, slow and idle; none is ended."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest

from lab.model import Dump, Motion
from lab.scenario import Cause
from tests.integration.lab_command import lab

STUCK = """
import threading
first, second = threading.Lock(), threading.Lock()
both = threading.Barrier(2)

def one():
    with first:
        both.wait()
        with second:
            pass

def two():
    with second:
        both.wait()
        with first:
            pass

print("ready", flush=True)
workers = [threading.Thread(target=one, name="one"), threading.Thread(target=two, name="two")]
for worker in workers: worker.start()
for worker in workers: worker.join()
"""

SLOW = """
import threading, time

def work():
    while True:
        time.sleep(0.01)

print("ready", flush=True)
threading.Thread(target=work, name="slow", daemon=True).start()
work()
"""

BUSY = """
def step(n):
    return n + 1

print("ready", flush=True)
n = 0
while True:
    n = step(n)
    n = n * 2 % 1_000_003
    n = n ^ 5
"""


@pytest.fixture
def start(tmp_path):
    """Return a function that starts a program and waits until it says that it is ready."""
    started = []

    def start(source: str) -> subprocess.Popen[str]:
        path = tmp_path / f"program_{len(started)}.py"
        path.write_text(source)
        process = subprocess.Popen([sys.executable, path], stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def dump(process: subprocess.Popen[str], *options: str) -> Dump:
    done = lab("dump", str(process.pid), "--json", *options)
    assert done.code == 0, done.err
    return msgspec.json.decode(done.out, type=Dump)


def stuck_dump(process: subprocess.Popen[str]) -> Dump:
    """Look until both are where they end up: the program says ready before that."""
    while True:
        found = dump(process, "--again", "2", "--interval", "0.1")
        if found.state == "deadlocked":
            return found


def test_a_deadlock_is_proved_and_named_and_goes_on_to_be_one(start):
    process = start(STUCK)
    found = stuck_dump(process)
    assert found.diagnosis.cause is Cause.LOCK_CYCLE
    labels = {actor.id: actor.label for actor in found.diagnosis.actors}
    assert sorted(labels[id_] for id_ in found.diagnosis.cycles[0]) == ["one", "two"]
    assert {moment.motion for moment in found.threads} == {Motion.STUCK}
    assert process.poll() is None, "a dump ends nothing"


def test_the_table_groups_waiters_and_names_holders(start):
    process = start(STUCK)
    stuck_dump(process)
    out = lab("dump", str(process.pid), COLUMNS="120", NO_COLOR="1").out
    for words in ("deadlocked, proved", "program_0.py:9", "threading.Lock", "nothing paused"):
        assert words in out


def test_what_is_slow_is_not_called_stuck(start):
    found = dump(start(SLOW), "--again", "3", "--interval", "0.2")
    assert found.proof is None
    assert found.diagnosis.cause is Cause.NONE
    assert Motion.STUCK not in {moment.motion for moment in found.threads}


def test_what_is_busy_is_running(start):
    found = dump(start(BUSY), "--again", "1", "--interval", "0.1")
    assert found.state == "running"
    assert found.proof is None


def test_a_pid_that_is_not_there():
    done = lab("dump", str(2**22 - 1))
    assert done.code == 2
    assert "there is no process" in done.complaint


def test_a_zombie():
    process = subprocess.Popen(["true"])
    try:
        done = lab("dump", str(process.pid))
        while "zombie" not in done.err:
            done = lab("dump", str(process.pid))
        assert done.code == 2
        assert "has ended" in done.complaint
    finally:
        process.wait()


def test_a_program_of_another_kind_gets_what_the_kernel_knows():
    process = subprocess.Popen(["sleep", "3600"])
    try:
        found = dump(process)
    finally:
        process.kill()
        process.wait()
    assert found.state == "quiet"
    (moment,) = found.threads
    assert "sleep" in moment.wait.syscall


@pytest.mark.parametrize("arguments", [["0"], ["x"], ["1", "--interval", "0"]])
def test_wrong_usage(arguments):
    done = lab("dump", *arguments)
    assert done.code == 2
    assert done.complaint
