"""The plug-in as its users meet it: real runs of pytest on small projects of their own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.integration.hunts.programs import COUNTER, RACE, pytest_in, token_in, write

FIXTURES = (
    COUNTER
    + """
import pytest

@pytest.fixture
def counter():
    return Counter()

@pytest.fixture
def torn_down(counter):
    yield counter
    assert counter.value == 2

@pytest.mark.interleave(executions=200)
def test_safe(torn_down, tmp_path, capsys):
    together(torn_down.safe)
    (tmp_path / "x").touch(exist_ok=False)

@pytest.mark.interleave(executions=200)
@pytest.mark.parametrize("n", [1, 2])
def test_lost(counter, n):
    together(counter.increment, n)
    assert counter.value == n

class TestClass:
    def setup_method(self):
        self.counter = Counter()

    @pytest.mark.interleave(executions=200)
    def test_method(self):
        together(self.counter.safe)
        assert self.counter.value == 2
"""
)

CASES = (
    COUNTER
    + """
import unittest
import lab

class TestCase(unittest.TestCase):
    def setUp(self):
        self.counter = Counter()

    @lab.interleave(executions=100)
    def test_lost(self):
        together(self.counter.increment)
        self.assertEqual(self.counter.value, 2)

    @lab.interleave(executions=100)
    def test_safe(self):
        together(self.counter.safe)
        self.assertEqual(self.counter.value, 2)
"""
)

DRAWN = (
    COUNTER
    + """
import lab
from hypothesis import given, settings, strategies as st

inputs = given(st.integers(0, 50), st.integers(0, 50))
few = settings(max_examples=25, derandomize=True, database=None)

def check(n, m):
    counter = Counter()
    together(counter.increment if m >= 3 else counter.safe, 1 + (n >= 10))
    assert counter.value == 1 + (n >= 10)

@few
@inputs
@lab.interleave
def test_given_outside(n, m):
    check(n, m)

@lab.interleave
@few
@inputs
def test_given_inside(n, m):
    check(n, m)

@few
@given(st.lists(st.integers(), max_size=2))
@lab.interleave(executions=20)
def test_inputs_are_fresh(xs):
    before = len(xs)
    together(lambda: xs.append(1))
    assert len(xs) == before + 2
"""
)

STUCK = """
import os, pytest, threading

def wait():
    reader, _ = os.pipe()
    thread = threading.Thread(target=open(reader, "rb").read, daemon=True)  # inside C
    thread.start()
    thread.join()

@pytest.mark.interleave
def test_asked_for():
    wait()

def test_swept_in():
    wait()
"""


def test_a_marked_test_fails_with_the_whole_story(tmp_path):
    write(
        tmp_path,
        RACE.replace("def test_lost", "import pytest\n@pytest.mark.interleave\ndef test_lost"),
    )
    done = pytest_in(tmp_path)
    assert done.code == 1, done.out
    assert "InterleavingFailure: test_it.py:test_lost: assertion" in done.out
    for word in (
        "│ Thread-1 (increment)",
        "switch: Thread-",
        "preempted at test_it.py:",
        "reads self.value → 0",
        "writes self.value = 1",
        "can happen: without the GIL",
        "explored: ",
        "replay: pytest test_it.py::test_lost --lab-replay lab1.",
    ):
        assert word in done.out, word
    assert "assert 1 == 2" in done.out  # the original, by which it is chained
    assert "found: test_it.py::test_lost: " in done.out
    assert "test_safe: " not in done.out  # nobody asked


def test_the_token_replays_only_its_test_and_names_what_changed(tmp_path):
    path = write(tmp_path, RACE)
    token = token_in(pytest_in(tmp_path, "--lab-hunt", "-k", "lost").out)
    again = pytest_in(tmp_path, "--lab-replay", token)
    assert again.code == 1
    assert "1 failed, 1 deselected" in again.out
    path.write_text(RACE.replace("together(counter.increment)", "together(counter.safe)"))
    mended = pytest_in(tmp_path, "--lab-replay", token)
    assert "never came to" in mended.out


def test_a_suite_is_hunted_without_edits(tmp_path):
    write(tmp_path, RACE + "\ndef test_alone():\n    pass\n")
    done = pytest_in(tmp_path, "--lab-hunt", "--lab-executions", "300", "--lab-model", "both")
    assert "1 failed, 2 passed" in done.out, done.out
    assert "nothing found: test_it.py::test_safe: 300 executions" in done.out
    assert "no threads: test_it.py::test_alone" in done.out
    assert "not a proof" in done.out


def test_fixtures_are_made_anew_for_each_execution(tmp_path):
    write(tmp_path, FIXTURES)
    done = pytest_in(tmp_path)
    assert "1 failed, 3 passed" in done.out, done.out
    assert "found: test_it.py::test_lost[2]" in done.out
    assert "nothing found: test_it.py::test_safe: 200 executions" in done.out
    assert "nothing found: test_it.py::TestClass::test_method: 200 executions" in done.out


@pytest.mark.parametrize("runner", ["pytest", "unittest"])
def test_a_method_of_a_test_case_is_set_up_for_each_execution(tmp_path, runner):
    path = write(tmp_path, CASES)
    if runner == "pytest":
        done = pytest_in(tmp_path)
        assert "1 failed, 1 passed" in done.out, done.out
        return
    ran = subprocess.run(
        [sys.executable, "-m", "unittest", path.stem], cwd=tmp_path, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert "FAILED (failures=1)" in ran.stderr, ran.stderr
    assert "LAB_REPLAY=lab1." in ran.stderr


def test_hypothesis_draws_inputs_in_either_order_and_both_are_shrunk(tmp_path):
    write(tmp_path, DRAWN)
    done = pytest_in(tmp_path, "-k", "given")
    assert "2 failed" in done.out, done.out
    assert "Flaky" not in done.out
    assert done.out.count("switches: 1 switch\n") == 2
    assert done.out.count("n=10,") == done.out.count("m=3,") == 2


def test_drawn_containers_are_fresh_in_each_execution(tmp_path):
    write(tmp_path, DRAWN)
    done = pytest_in(tmp_path, "-k", "fresh")
    assert done.code == 0, done.out


def test_no_answer_is_not_a_pass(tmp_path):
    write(tmp_path, STUCK)
    done = pytest_in(tmp_path, "--lab-hunt")
    assert "1 failed, 1 skipped" in done.out, done.out
    assert "HuntInconclusiveError" in done.out
    assert "inconclusive: test_it.py::test_swept_in: " in done.out
    assert "blocked outside the scheduler's view" in done.out


def test_a_failure_is_kept_and_tried_first(tmp_path):
    pytest.importorskip("hypothesis")
    path = write(tmp_path, RACE)
    first = pytest_in(tmp_path, "--lab-hunt", "-k", "lost")
    assert "kept from before" not in first.out
    second = pytest_in(tmp_path, "--lab-hunt", "-k", "lost")
    assert "again, under a schedule kept from before" in second.out
    assert "found: test_it.py::test_lost: 1 executions" in second.out
    path.write_text(RACE.replace("self.value = seen + 1", "self.value = 2"))
    assert pytest_in(tmp_path, "--lab-hunt", "-k", "lost").code == 0


def test_a_runners_own_ways_out(tmp_path):
    ways = (
        COUNTER
        + """
import pytest

def test_fail():
    counter = Counter()
    together(counter.increment)
    if counter.value != 2:
        pytest.fail("an update was lost")

def test_skip():
    together(Counter().safe)
    pytest.skip("not here")
"""
    )
    write(tmp_path, ways)
    done = pytest_in(tmp_path, "--lab-hunt")
    assert "1 failed, 1 skipped" in done.out, done.out
    assert "an update was lost" in done.out


def test_state_that_outlives_an_execution_is_no_race(tmp_path):
    write(
        tmp_path,
        COUNTER
        + """
import pytest

@pytest.fixture(scope="module")
def seen():
    return type("Seen", (), {"rows": []})()

def test_fixture(seen):
    together(lambda: seen.rows.append(1))
    assert len(seen.rows) == 2
""",
    )
    done = pytest_in(tmp_path, "--lab-hunt")
    assert "1 skipped" in done.out, done.out
    assert "something outlives an execution" in done.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--lab-replay", "lab1.nonsense"], "is damaged"),
        (["--lab-model", "gill"], "did you mean 'gil'?"),
        (["--lab-strategy", "sruw"], "did you mean 'surw'"),
        (["--lab-executions", "0"], "at least 1"),
        (["--lab-seconds", "-1"], "more than 0"),
    ],
)
def test_wrong_options_are_one_line(tmp_path, arguments, said):
    write(tmp_path, RACE)
    done = pytest_in(tmp_path, "--lab-hunt", *arguments)
    assert done.code == 4
    assert said in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ("interleave(exections=3)", "did you mean 'executions'"),
        ("interleave(300)", "keyword arguments"),
        ("interleave(trace='no_such_package')", "no Python package 'no_such_package'"),
    ],
)
def test_a_wrong_mark_is_one_line(tmp_path, mark, said):
    write(tmp_path, f"import pytest\n@pytest.mark.{mark}\ndef test_x():\n    pass\n")
    done = pytest_in(tmp_path)
    assert done.code == 1
    assert said in done.out


def test_a_token_of_another_test_is_refused(tmp_path):
    write(tmp_path, RACE)
    token = token_in(pytest_in(tmp_path, "--lab-hunt", "-k", "lost").out)
    (tmp_path / "test_it.py").write_text(RACE.replace("test_lost", "test_renamed"))
    done = pytest_in(tmp_path, "--lab-replay", token)
    assert done.code == 4
    assert "no selected test is 'test_it.py:test_lost'" in done.err + done.out


def test_workers_of_xdist_report_to_the_terminal(tmp_path):
    pytest.importorskip("xdist")
    write(tmp_path, RACE)
    done = pytest_in(tmp_path, "--lab-hunt", "--lab-executions", "200", "-n", "2")
    assert "1 failed, 1 passed" in done.out, done.out
    assert "found: test_it.py::test_lost" in done.out
    assert "nothing found: test_it.py::test_safe: 200 executions" in done.out


def test_unused_it_loads_nothing(tmp_path):
    write(
        tmp_path,
        """
import sys

def test_light():
    heavy = {"hypothesis", "rich", "msgspec", "lab.hunt", "lab.plugin"}
    assert not heavy & set(sys.modules)
""",
    )
    done = pytest_in(tmp_path, "-p", "no:hypothesispytest")
    assert done.code == 0, done.out


def test_a_test_that_hunts_by_itself_is_left_alone(tmp_path):
    text = """
import lab
from hypothesis import strategies as st

class Unsafe(Counter):
    def increment(self):
        seen = self.value
        self.value = seen + 1
        return self.value

class Safe(Counter):
    def increment(self):
        with self.lock:
            self.value += 1
            return self.value

def test_unsafe():
    lab.linearizable(Unsafe, {"increment": []})

def test_safe():
    lab.linearizable(Safe, {"increment": []}, examples=3)
"""
    write(tmp_path, COUNTER + text)
    for options in ((), ("--lab-hunt",)):
        done = pytest_in(tmp_path, *options)
        assert "1 failed, 1 passed" in done.out, done.out
        assert "NotLinearizable" in done.out
        assert "the interleaving" in done.out
        assert "switch: " in done.out
    assert "not hunted: test_it.py::test_safe: the test hunts by itself" in done.out


ASYNCHRONOUS = (
    COUNTER
    + """
import lab
import pytest

@lab.interleave
async def test_decorated():
    pass

@pytest.mark.interleave
async def test_marked():
    pass

@lab.interleave(executions=20)
def test_threads():
    together(Counter().safe)
"""
)


def test_an_asynchronous_test_fails_by_itself_in_one_line(tmp_path):
    write(tmp_path, ASYNCHRONOUS)
    done = pytest_in(tmp_path)
    assert "1 passed" in done.out
    assert "2 failed" in done.out
    lines = [each for each in done.out.splitlines() if "which is asynchronous" in each]
    assert any(line.startswith("a hunt of test_decorated") for line in lines)
    assert any(line.startswith("a hunt of test_marked") for line in lines)
    assert "Traceback" not in done.out
