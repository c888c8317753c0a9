"""``lab replay --confirm``: failures that real threads show when they are only held up."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.integration.hunts.programs import COUNTER, write
from tests.integration.lab_command import Done, lab

FAILING = (
    COUNTER
    + """
from concurrent.futures import ThreadPoolExecutor
from hypothesis import given, strategies

def start(*functions):
    threads = [threading.Thread(target=each) for each in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

def lost_update():
    counter = Counter()
    def increment():
        seen = counter.value
        counter.value = int(seen) + 1
    start(increment, increment)
    assert counter.value == 2

def in_a_pool():
    counter = Counter()
    def increment():
        seen = counter.value
        counter.value = int(seen) + 1
    with ThreadPoolExecutor(2) as pool:
        for _ in range(2):
            pool.submit(increment)
    assert counter.value == 2

def in_a_thread():
    box = {"key": 1}
    def drop():
        if "key" in box:
            str(1)
            del box["key"]
    start(drop, drop)

def two_switches():
    log = []
    def write(n):
        log.append(n)
        str(n)
        log.append(-n)
    start(lambda: write(1), lambda: write(2), lambda: write(3))
    assert log != [2, 3, 1, -1, -3, -2]

def lost_wakeup():
    condition, ready = threading.Condition(), []
    def wait():
        if not ready:
            with condition:
                condition.wait()
    def tell():
        ready.append(1)
        with condition:
            condition.notify()
    start(wait, tell)

def without_the_gil():
    counter = Counter()
    start(counter.increment, counter.increment)
    assert counter.value == 2

@given(strategies.integers(1, 1))
def drawn(amount):
    counter = Counter()
    start(counter.increment, counter.increment)
    assert counter.value == 2 * amount

def of_the_scheduler_only():
    start(int, int)
    assert "hunt" not in type(threading.Lock()).__module__
"""
)


def token_of(folder: Path, test: str) -> str:
    write(folder, FAILING)
    done = lab("hunt", f"test_it.py:{test}", "--output", "out", "--json", cwd=folder)
    assert done.code == 1, done.err
    return str(done.json["schedule"])


def confirm(folder: Path, test: str, *arguments: str) -> Done:
    token = token_of(folder, test)
    return lab("replay", token, f"test_it.py:{test}", "--confirm", *arguments, cwd=folder)


@pytest.mark.parametrize(
    ("test", "kind"),
    [
        ("lost_update", "assertion"),
        ("in_a_pool", "assertion"),
        ("in_a_thread", "exception"),
        ("two_switches", "assertion"),
    ],
)
def test_a_real_failure_shows_on_free_threads(tmp_path, test, kind):
    done = confirm(tmp_path, test, "--times", "5", "--json")
    assert done.code == 1, done.err
    said = done.json
    assert (said["confirmed"], said["kind"], said["times"]) == (True, kind, 5)
    # Held up as it is, each try fails; on a machine that starves threads some may not.
    assert said["failed"] >= 1
    assert said["impossible"] == ""


def test_a_deadlock_is_confirmed_by_proof_from_outside(tmp_path):
    said = confirm(tmp_path, "lost_wakeup", "--times", "2", "--json").json
    assert (said["confirmed"], said["kind"]) == (True, "deadlock")
    assert said["failed"] + said["otherwise"] <= 2


@pytest.mark.skipif(
    not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="free threads can do it"
)
def test_what_only_free_threads_can_do_is_not_confirmed_here(tmp_path):
    done = confirm(tmp_path, "without_the_gil")
    assert done.code == 4
    assert "cannot confirm it" in done.out
    assert "without the GIL" in done.out


def test_what_only_the_scheduler_does_is_not_seen(tmp_path):
    done = confirm(tmp_path, "of_the_scheduler_only", "--times", "3")
    assert done.code == 0, done.err
    assert "failed in the same way in 0 of 3 tries" in done.out


def test_a_schedule_of_code_that_was_mended_is_inconclusive(tmp_path):
    token = token_of(tmp_path, "lost_update")
    write(tmp_path, FAILING.replace("assert counter.value == 2", "assert counter"))
    done = lab("replay", token, "test_it.py:lost_update", "--confirm", cwd=tmp_path)
    assert done.code == 4
    assert "nothing to confirm" in done.err


def test_drawn_inputs_cannot_be_confirmed_one_by_one(tmp_path):
    done = confirm(tmp_path, "drawn")
    assert done.code == 4
    assert "drawn by Hypothesis" in done.err
