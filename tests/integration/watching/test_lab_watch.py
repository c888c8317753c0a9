"""``pytest --lab-watch`` as its users meet it: real sessions with tests that hang in every way."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.integration.hunts.programs import COUNTER, pytest_in, write

REACHABLE = """
import asyncio, queue, subprocess, sys, threading
from concurrent.futures import ThreadPoolExecutor
import pytest

first, second, both = threading.Lock(), threading.Lock(), threading.Barrier(2)
STUCK = "import threading; lock = threading.Lock(); lock.acquire(); lock.acquire()"

def take(mine, theirs):
    with mine:
        both.wait()
        with theirs:
            pass

def test_fine():
    pass

def test_pair():
    pairs = (first, second), (second, first)
    workers = [threading.Thread(target=take, args=pair) for pair in pairs]
    for worker in workers: worker.start()
    for worker in workers: worker.join()

def test_itself():
    lock = threading.Lock()
    with lock:
        with lock:
            pass

def test_child():
    subprocess.run([sys.executable, "-c", STUCK])

def test_child_that_is_waited_for_again():
    with subprocess.Popen([sys.executable, "-c", STUCK]) as child:
        child.wait()

def test_pool_that_is_waited_for_again():
    lock = threading.Lock()
    lock.acquire()
    def wait():
        with lock:
            pass
    with ThreadPoolExecutor(1) as pool:
        pool.submit(wait).result()

def test_item():
    queue.Queue().get()

def test_task():
    async def never():
        await asyncio.get_running_loop().create_future()
    asyncio.run(never())

@pytest.fixture
def made():
    queue.Queue().get()

@pytest.fixture
def torn_down():
    yield
    queue.Queue().get()

def test_setup(made):
    pass

def test_teardown(torn_down):
    pass

def test_module_is_torn_down_all_the_same():
    pass
"""
AFTER = "def test_other_module(): pass\n"

HEALTHY = """
import multiprocessing, os, signal, subprocess, sys, threading, time
import pytest

def test_no_child_is_seen():
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)

def test_sleeps():
    time.sleep(1.2)

def test_child():
    subprocess.run([sys.executable, "-c", "import time; time.sleep(1)"], check=True)

def test_timer_sets():
    set_ = threading.Event()
    threading.Timer(0.8, set_.set).start()
    set_.wait()

def test_alarm_ends_the_wait():
    class Ring(Exception): pass
    def ring(*_): raise Ring
    before = signal.signal(signal.SIGALRM, ring)
    lock = threading.Lock()
    lock.acquire()
    signal.alarm(1)
    try:
        lock.acquire()
    except Ring:
        signal.signal(signal.SIGALRM, before)

def test_worker_process():
    results = multiprocessing.get_context("spawn").SimpleQueue()
    worker = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(0.5,))
    worker.start()
    worker.join()
    assert worker.exitcode == 0
"""

UNREACHABLE = """
import ctypes, os

def test_fails():
    print("words of the first")
    assert 1 == 2

def test_fine():
    pass

def test_in_c():
    kind = ctypes.PyDLL if os.environ["KIND"] == "keeps the GIL" else ctypes.CDLL
    lock = ctypes.create_string_buffer(64)
    kind(None).pthread_mutex_lock(lock)
    kind(None).pthread_mutex_lock(lock)

def test_never_run():
    pass
"""


def cases(path: Path) -> dict[str, list[ET.Element]]:
    """Return each test of a JUnit file with what is said of it: failures, errors, skips."""
    root = ET.parse(path).getroot()
    return {
        f"{case.get('name')}": [each for each in case if each.tag in ("failure", "error")]
        for case in root.iter("testcase")
    }


def test_whatever_hangs_is_named_and_the_session_goes_on(tmp_path):
    write(tmp_path, REACHABLE, "test_a.py")
    write(tmp_path, AFTER, "test_b.py")
    done = pytest_in(tmp_path, "--lab-watch", "--junitxml=junit.xml")
    assert done.code == 1, done.out + done.err
    said = cases(tmp_path / "junit.xml")
    passed = {name for name, problems in said.items() if not problems}
    assert passed == {"test_fine", "test_module_is_torn_down_all_the_same", "test_other_module"}

    def of(name: str) -> str:
        (problem,) = said[name]
        return problem.text or ""

    pair = of("test_pair")
    assert "test_a.py::test_pair hung in its call: deadlock proved" in pair
    assert "Lock cycle" in pair
    assert pair.count("held by Thread-") == 2
    assert "Self-deadlock" in of("test_itself")
    assert "up to python" in of("test_child")
    assert "threading.Lock lock" in of("test_pool_that_is_waited_for_again")
    assert "queue.Queue" in of("test_item")
    assert "hung in its setup" in of("test_setup")
    assert "hung in its teardown" in of("test_teardown")
    # What an earlier test has left hanging is not the cause of a later one.
    assert "Thread-" not in of("test_item")
    assert "left running by the hung test: Thread-" in done.out


@pytest.mark.parametrize("kind", ["keeps the GIL", "leaves the GIL"])
def test_a_hang_that_no_signal_reaches_ends_the_session_with_all_reports(tmp_path, kind):
    write(tmp_path, UNREACHABLE)
    done = pytest_in(tmp_path, "--lab-watch", "--junitxml=junit.xml", KIND=kind)
    assert done.code == 1, done.out + done.err
    said = cases(tmp_path / "junit.xml")
    assert {name: len(problems) for name, problems in said.items()} == {
        "test_fails": 1, "test_fine": 0, "test_in_c": 1
    }  # fmt: skip
    assert "test_in_c hung in its call: deadlock proved" in (said["test_in_c"][0].text or "")
    assert "words of the first" in done.out
    assert "not run, because the session ended: 1 of the tests" in done.out
    assert "2 failed, 1 passed" in done.out


def test_slow_and_waiting_tests_are_left_alone(tmp_path):
    write(tmp_path, HEALTHY)
    done = pytest_in(tmp_path, "--lab-watch")
    assert done.code == 0, done.out + done.err
    assert "6 passed" in done.out
    assert "hung" not in done.out


TIMELESS = """
import ctypes

def test_busy():
    while True:
        pass

def test_paused_in_c():
    ctypes.CDLL(None).pause()

def test_next():
    pass
"""


def test_what_is_no_deadlock_has_as_long_as_was_said(tmp_path):
    write(tmp_path, TIMELESS)
    done = pytest_in(tmp_path, "--lab-watch=1")
    assert done.code == 1
    assert "test_busy hung in its call: it had not ended after 1 s (--lab-watch=1)" in done.out
    assert "test_paused_in_c hung in its call: it had not ended after 1 s" in done.out
    assert "2 failed, 1 passed" in done.out


def test_a_session_may_end_at_its_first_hang(tmp_path):
    write(tmp_path, REACHABLE, "test_a.py")
    done = pytest_in(tmp_path, "--lab-watch", "-x", "-k", "item or task or fine")
    assert done.code == 1
    assert "stopping after 1 failures" in done.out
    assert "1 failed, 1 passed" in done.out


def test_a_worker_of_xdist_goes_on_or_is_replaced(tmp_path):
    pytest.importorskip("xdist")
    write(tmp_path, REACHABLE, "test_a.py")
    write(tmp_path, UNREACHABLE, "test_b.py")
    chosen = "pair or item or setup or fine or in_c or never_run"
    done = pytest_in(
        tmp_path, "--lab-watch", "-n", "2", "--junitxml=junit.xml", "-k", chosen,
        KIND="keeps the GIL",
    )  # fmt: skip
    assert done.code == 1, done.out + done.err
    said = cases(tmp_path / "junit.xml")
    assert {name for name, problems in said.items() if problems} == {
        "test_pair", "test_item", "test_setup", "test_in_c"
    }  # fmt: skip
    assert "test_never_run" in said
    (in_c,) = said["test_in_c"]
    assert "test_in_c hung in its call: deadlock proved" in (in_c.text or "")
    (pair,) = said["test_pair"]
    assert "Lock cycle" in (pair.text or "")
    assert "replacing crashed worker" in done.out


def test_github_is_shown_the_lines(tmp_path):
    write(tmp_path, REACHABLE, "test_a.py")
    summary = tmp_path / "summary.md"
    done = pytest_in(
        tmp_path, "--lab-watch", "-k", "pair", GITHUB_ACTIONS="true",
        GITHUB_WORKSPACE=str(tmp_path), GITHUB_STEP_SUMMARY=str(summary),
    )  # fmt: skip
    commands = [line for line in done.out.splitlines() if line.startswith("::error ")]
    line = REACHABLE.splitlines().index("        with theirs:") + 1
    assert commands[0].startswith(f"::error file=test_a.py,line={line},title=Lock cycle%3A ")
    assert "### Lock cycle" in summary.read_text()


def test_a_hunted_test_is_left_to_the_hunt(tmp_path):
    text = """
import threading, lab

@lab.interleave(executions=50)
def test_itself():
    lock = threading.Lock()
    def twice():
        with lock:
            with lock:
                pass
    worker = threading.Thread(target=twice)
    worker.start()
    worker.join()
"""
    write(tmp_path, COUNTER + text)
    done = pytest_in(tmp_path, "--lab-watch")
    assert done.code == 1
    assert "InterleavingFailure" in done.out
    assert "hung" not in done.out


def test_a_path_behind_the_option_is_no_number_of_seconds(tmp_path):
    write(tmp_path, AFTER)
    write(tmp_path, "def test_not_asked_for(): pass", "test_b.py")
    done = pytest_in(tmp_path, "--lab-watch", "test_it.py", "-v")
    assert done.code == 0, done.err
    assert "1 passed" in done.out
    assert "test_it.py::test_other_module" in done.out


def test_what_is_no_number_of_seconds_is_refused(tmp_path):
    write(tmp_path, AFTER)
    done = pytest_in(tmp_path, "--lab-watch=soon")
    assert done.code == 4
    assert "--lab-watch=soon; wanted: seconds" in done.err


def test_nothing_is_imported_without_the_option(tmp_path):
    write(
        tmp_path,
        "import sys\ndef test_it():\n    assert not any('lab.plugin' in n for n in sys.modules)\n",
    )
    assert pytest_in(tmp_path).code == 0


def test_the_help_teaches(tmp_path):
    text = " ".join(pytest_in(tmp_path, "--help").out.split())
    assert "Name and diagnose a test that hangs" in text
    assert "nothing of it has run for 60 seconds" in text
