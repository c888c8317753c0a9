"""A deadlock is proved, and nothing else ever is."""

from __future__ import annotations

import os
import signal
import sys
import time
from multiprocessing import get_context
from pathlib import Path

import pytest

from lab.kernel import syscalls
from lab.supervise import Progress, Supervisor, Watchdog
from tests.integration.supervise.programs import BUSY, DEADLOCKS, QUIET, launch

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="containment needs Linux")

TICK_S = 0.002


def watch(target: Supervisor) -> Watchdog:
    return Watchdog(target.tree, outside=(os.getpid(), target.shim_pid))


def is_set(directory: Path) -> bool:
    return (directory / "stdout.txt").read_bytes().startswith(b"set\n")


def poll_until(watchdog: Watchdog, state: str, limit_s: float = 60.0) -> Progress:
    until = time.monotonic() + limit_s
    while (progress := watchdog.poll()).state != state:
        assert time.monotonic() < until, progress
        time.sleep(TICK_S)
    return progress


@pytest.mark.parametrize("name", DEADLOCKS)
def test_a_deadlock_is_proved(name, tmp_path):
    with Supervisor(launch(DEADLOCKS[name], tmp_path)) as target:
        progress = poll_until(watch(target), "deadlocked")
        tree = target.tree()
    proof = progress.proof
    assert proof is not None
    assert {wait.pid for wait in proof.threads} == set(tree)
    assert all(wait.closed and wait.because for wait in proof.threads)
    assert all(wait.first_seen_s <= wait.last_ran_s for wait in proof.threads)
    assert max(wait.last_ran_s for wait in proof.threads) <= proof.last_progress_s
    assert proof.last_progress_s <= proof.proved_s
    assert progress.waits == proof.threads
    assert "nobody outside the tree sends it a signal" in proof.assumptions[0]


@pytest.mark.parametrize("name", QUIET)
def test_what_could_still_be_woken_is_quiet_and_says_by_what(name, tmp_path, eventually):
    with Supervisor(launch(QUIET[name], tmp_path)) as target:
        eventually(lambda: is_set(tmp_path))
        watchdog = watch(target)
        progress = poll_until(watchdog, "quiet")
        again = [watchdog.poll() for _ in range(200)]
    assert progress.proof is None
    assert [wait.because for wait in progress.waits if not wait.closed]
    assert "deadlocked" not in {look.state for look in again}


@pytest.mark.parametrize("name", BUSY)
def test_what_runs_is_never_called_deadlocked(name, tmp_path, eventually):
    with Supervisor(launch(BUSY[name], tmp_path)) as target:
        eventually(lambda: is_set(tmp_path))
        watchdog = watch(target)
        states = set()
        for _ in range(200):
            states.add(watchdog.poll().state)
            time.sleep(TICK_S)
    assert "running" in states
    assert "deadlocked" not in states


def test_a_program_that_is_about_to_end_is_never_called_deadlocked(tmp_path):
    source = """
crew = [thread(time.sleep, 0.05 * i) for i in range(4)]
children = [get_context('fork').Process(target=time.sleep, args=(0.05 * i,)) for i in range(3)]
for worker in children: worker.start()
for worker in children + crew: worker.join()
"""
    with Supervisor(launch(source, tmp_path)) as target:
        watchdog = watch(target)
        while target.poll() is None:
            assert watchdog.poll().state != "deadlocked"
    assert target.poll() == 0


def test_an_end_of_a_pipe_in_the_lab_is_no_proof(tmp_path, eventually):
    """The writing end is ours alone to use, so the reader can still be woken."""
    reader, writer = os.pipe()
    source = f"say('waits'); os.read(os.open('/proc/{os.getpid()}/fd/{reader}', os.O_RDONLY), 1)"
    try:
        with Supervisor(launch(source, tmp_path)) as target:
            eventually(lambda: b"waits" in (tmp_path / "stdout.txt").read_bytes())
            progress = poll_until(Watchdog(target.tree, outside=()), "quiet")
    finally:
        os.close(reader)
        os.close(writer)
    assert "outside the tree" in " ".join(wait.because for wait in progress.waits)


def test_a_semaphore_that_the_lab_has_open_is_no_proof(tmp_path, eventually):
    lock = get_context("spawn").Lock()
    source = f"""
import _multiprocessing
lock = _multiprocessing.SemLock._rebuild(0, 1, 1, {lock._semlock.name!r})
say('waits'); lock.acquire()
"""
    with lock, Supervisor(launch(source, tmp_path)) as target:
        eventually(lambda: b"waits" in (tmp_path / "stdout.txt").read_bytes())
        progress = poll_until(Watchdog(target.tree, outside=()), "quiet")
    assert "outside the tree maps the same memory" in progress.waits[0].because


def test_without_the_right_to_look_there_is_no_proof(tmp_path, monkeypatch):
    monkeypatch.setattr(syscalls, "current", lambda *_: None)
    with Supervisor(launch(DEADLOCKS["a lock taken twice"], tmp_path)) as target:
        progress = poll_until(watch(target), "quiet")
    assert "permission" in progress.waits[0].because


def test_a_proof_falls_when_something_moves_again(tmp_path, eventually):
    """Against its assumption, a signal from outside wakes the program."""
    source = """
signal.signal(signal.SIGUSR1, lambda *a: (say("woken"), os._exit(3)))
lock = threading.Lock(); lock.acquire(); lock.acquire()
"""
    with Supervisor(launch(source, tmp_path)) as target:
        watchdog = watch(target)
        poll_until(watchdog, "deadlocked")
        assert watchdog.poll().state == "deadlocked"
        os.kill(target.pid, signal.SIGUSR1)
        eventually(lambda: target.poll() == 3)
        assert watchdog.poll().state == "running"


def test_threads_of_a_measurement_are_left_out(tmp_path):
    source = """
def beat():
    open(f"/proc/self/task/{threading.get_native_id()}/comm", "w").write("instrument")
    while True: time.sleep(0.001)
thread(beat)
lock = threading.Lock(); lock.acquire(); lock.acquire()
"""
    with Supervisor(launch(source, tmp_path)) as target:
        outside = (os.getpid(), target.shim_pid)
        watchdog = Watchdog(target.tree, outside=outside, instruments=("instrument",))
        proof = poll_until(watchdog, "deadlocked").proof
    assert proof is not None
    assert "instrument" not in {wait.comm for wait in proof.threads}
    assert any("instrument" in assumption for assumption in proof.assumptions)
