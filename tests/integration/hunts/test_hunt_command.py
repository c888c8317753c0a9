"""``lab hunt`` and ``lab replay`` as commands: what they print, write and exit with."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.integration.hunts.programs import COUNTER, RACE, write
from tests.integration.lab_command import Done, lab

CRASHES = (
    COUNTER
    + """
import os, signal, sys

def unless_two(act):
    counter = Counter()
    together(counter.increment)
    if counter.value != 2:
        act()

def segfaults():
    unless_two(lambda: os.kill(os.getpid(), signal.SIGSEGV))

def leaves():
    unless_two(lambda: os._exit(3))

def exits():
    unless_two(lambda: sys.exit(3))

def hangs():
    unless_two(lambda: (9**9) ** (9**8))

def always():
    os.kill(os.getpid(), signal.SIGABRT)
"""
)

DEADLOCK = """
import threading

def test_two_locks():
    a, b = threading.Lock(), threading.Lock()
    def take(first, second):
        with first:
            with second:
                pass
    orders = (a, b), (b, a)
    threads = [threading.Thread(target=take, args=locks) for locks in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""

FIELDS = {
    "found", "kind", "message", "model", "executions", "executions_to_failure", "seconds",
    "executions_per_second", "switches", "schedule", "explored",
}  # fmt: skip


def hunt(folder: Path, test: str, *arguments: str) -> Done:
    return lab("hunt", f"test_it.py:{test}", "--output", "out", *arguments, cwd=folder)


def test_one_json_object_with_all_that_was_promised(tmp_path):
    write(tmp_path, RACE)
    done = hunt(tmp_path, "test_lost", "--json")
    assert done.code == 1, done.err
    said = done.json
    assert said.keys() >= FIELDS
    assert (said["found"], said["kind"], said["switches"]) == (True, "assertion", 1)
    assert said["models"]["free-threaded"] == "found"
    assert done.err == ""


def test_the_run_directory_holds_all_of_it(tmp_path):
    write(tmp_path, RACE)
    said = hunt(tmp_path, "test_lost", "--json").json
    root = tmp_path / said["directory"]
    assert {path.name for path in root.iterdir()} == {
        "run.json", "result.json", "schedule.json", "report.html", "captures",
    }  # fmt: skip
    result = json.loads((root / "result.json").read_text())
    assert result["result"]["schedule"] == said["schedule"]
    page = (root / "report.html").read_text()
    assert said["schedule"] in page
    assert "http" not in page.replace("http-equiv", "")


def test_a_schedule_replays_in_new_processes_from_token_and_file(tmp_path):
    write(tmp_path, RACE)
    said = hunt(tmp_path, "test_lost", "--json").json
    by_token = lab("replay", said["schedule"], "--times", "20", "--json", cwd=tmp_path)
    assert (by_token.code, by_token.json["failed"]) == (1, 20)
    file = Path(said["directory"]) / "schedule.json"
    by_file = lab("replay", file, "test_it.py:test_lost", cwd=tmp_path)
    assert by_file.code == 1
    assert "failed in 1 of 1 run: test_it.py:test_lost" in by_file.out


def test_code_that_has_changed_is_named(tmp_path):
    path = write(tmp_path, RACE)
    token = hunt(tmp_path, "test_lost", "--json").json["schedule"]
    path.write_text(RACE.replace("together(counter.increment)", "together(counter.safe)"))
    done = lab("replay", token, cwd=tmp_path)
    assert done.code == 0, done.err
    assert "the code no longer fits the schedule: thread" in done.out
    assert "never came to Counter.increment" in done.out


def test_a_correct_test_is_silent_and_not_called_safe(tmp_path):
    write(tmp_path, RACE)
    done = hunt(tmp_path, "test_safe", "--executions", "300", "--seed", "3")
    assert done.code == 0, done.err
    assert "nothing found, which is no proof" in done.out
    assert "300 executions" in done.out
    assert "not complete" in done.out
    said = hunt(tmp_path, "test_safe", "--executions", "300", "--json").json
    assert (said["found"], said["kind"], said["schedule"]) == (False, None, None)
    assert said["explored"]["schedules"] > 1


def test_the_same_seed_gives_the_same_hunt(tmp_path):
    write(tmp_path, RACE)
    runs = []
    for _ in range(2):
        runs.append(hunt(tmp_path, "test_lost", "--json", "--seed", "5").json)
        shutil.rmtree(tmp_path / ".hypothesis", ignore_errors=True)  # what was found is kept there
    assert runs[0]["schedule"] == runs[1]["schedule"]
    assert runs[0]["executions"] == runs[1]["executions"]


def test_a_deadlock_names_locks_and_lines(tmp_path):
    write(tmp_path, DEADLOCK)
    done = hunt(tmp_path, "test_two_locks")
    assert done.code == 1
    assert "✗ deadlock" in done.out
    assert "waits for Lock made in" in done.out


@pytest.mark.parametrize(
    ("test", "said"),
    [
        ("segfaults", "the test ended the interpreter: signal SIGSEGV at "),
        ("leaves", "the test ended the interpreter: exit status 3"),
        ("exits", "the test called sys.exit(3)"),
    ],
)
def test_ending_the_interpreter_is_a_finding_with_its_schedule(tmp_path, test, said):
    write(tmp_path, CRASHES)
    found = hunt(tmp_path, test, "--json")
    assert found.code == 1, found.err
    assert (found.json["kind"], found.json["switches"]) == ("exception", 1)
    assert said in found.json["message"]
    again = lab("replay", found.json["schedule"], "--times", "2", "--json", cwd=tmp_path)
    assert (again.code, again.json["failed"]) == (1, 2)
    assert said in again.json["message"]


def test_a_crash_without_a_race_needs_no_switch(tmp_path):
    write(tmp_path, CRASHES)
    found = hunt(tmp_path, "always", "--json").json
    assert (found["switches"], found["executions_to_failure"]) == (0, 1)
    assert "SIGABRT" in found["message"]


def test_a_hang_inside_c_is_ended_and_found(tmp_path):
    write(tmp_path, CRASHES)
    found = hunt(tmp_path, "hangs", "--limit", "6", "--json")  # loading is slow on a busy machine
    assert found.code == 1, found.err
    assert "the test hung: nothing moved for 6 s at " in found.json["message"]
    assert "in hangs" in found.json["message"] or "<lambda>" in found.json["message"]
    assert found.json["schedule"]


def test_hypothesis_draws_the_inputs_of_its_tests(tmp_path):
    pytest.importorskip("hypothesis")
    write(
        tmp_path,
        COUNTER
        + """
from hypothesis import given, settings, strategies as st

@settings(max_examples=20, derandomize=True, database=None)
@given(st.integers(0, 50))
def test_drawn(n):
    counter = Counter()
    together(counter.increment if n >= 7 else counter.safe)
    assert counter.value == 2
""",
    )
    found = hunt(tmp_path, "test_drawn", "--json")
    assert found.code == 1, found.err
    assert "n=7" in found.json["message"]
    assert found.json["switches"] == 1


def test_without_threads_there_is_no_answer(tmp_path):
    write(tmp_path, "def test_alone():\n    pass\n")
    done = hunt(tmp_path, "test_alone", "--json")
    assert done.code == 4
    assert "no thread was started" in done.json["inconclusive"]


def test_a_wait_that_is_not_controlled_is_no_answer(tmp_path):
    write(
        tmp_path,
        """
import os, threading

def test_pipe():
    reader, _ = os.pipe()
    thread = threading.Thread(target=open(reader, "rb").read)  # a file object reads inside C
    thread.start()
    thread.join()
""",
    )
    done = hunt(tmp_path, "test_pipe", "--json")
    assert done.code == 4, done.out
    assert "blocked outside the scheduler's view" in done.json["inconclusive"]


def test_state_that_outlives_an_execution_is_no_answer(tmp_path):
    text = "import string\nstring.seen = []\n\ndef test_elsewhere():\n"
    text += "    together(lambda: string.seen.append(1))\n    assert len(string.seen) == 2\n"
    write(tmp_path, COUNTER + text)
    done = hunt(tmp_path, "test_elsewhere", "--json")
    assert done.code == 4, done.out
    assert (done.json["found"], done.json["kind"]) == (False, "nondeterminism")
    assert "something outlives an execution" in done.json["inconclusive"]


def test_what_a_module_keeps_is_put_back_before_each_execution(tmp_path):
    text = "SEEN = []\n\ndef test_global():\n    together(lambda: SEEN.append(1))\n"
    write(tmp_path, COUNTER + text + "    assert len(SEEN) == 2\n")
    done = hunt(tmp_path, "test_global", "--json", "--executions", "50")
    assert done.code == 0, done.out
    assert done.json["executions"] == 50


def test_a_hunt_that_the_test_makes_itself_is_shown(tmp_path):
    text = "import hypothesis, lab\n\ndef test_lin():\n"
    text += '    lab.linearizable(Counter, {"increment": []})\n'
    lossy = COUNTER.replace(
        "self.value = seen + 1", "self.value = seen + 1\n        return self.value"
    )
    write(tmp_path, lossy + text)
    done = hunt(tmp_path, "test_lin")
    assert done.code == 1, done.err
    assert "▶ switch: T" in done.out
    assert "lab replay" not in done.out


def test_a_skipped_test_is_no_answer(tmp_path):
    write(tmp_path, "import unittest\n\ndef test_it():\n    raise unittest.SkipTest('not here')\n")
    done = hunt(tmp_path, "test_it")
    assert done.code == 4
    assert "not here" in done.complaint


def test_methods_and_modules_can_be_named(tmp_path):
    write(
        tmp_path,
        COUNTER
        + """
import unittest

class TestCase(unittest.TestCase):
    def setUp(self):
        self.counter = Counter()

    def test_lost(self):
        together(self.counter.increment)
        self.assertEqual(self.counter.value, 2)
""",
    )
    assert hunt(tmp_path, "TestCase.test_lost", "--json").json["found"]
    by_module = lab("hunt", "test_it:TestCase.test_lost", "--output", "out", "--json", cwd=tmp_path)
    assert by_module.json["found"]


BAD = """
import threading
VALUE = 3
def test_one(): pass
def test_two(): pass
def wants(x, y=1): pass
async def waits(): pass
"""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["test_ti.py:test_one"], "no file test_ti.py; wanted: did you mean 'test_it.py'"),
        (["test_it.py:test_oen"], "did you mean 'test_one'"),
        (["test_it.py"], "names no function; wanted: PATH.py:FUNCTION (tests there: test_one"),
        (["test_it.py:VALUE"], "is a int"),
        (["test_it.py:wants"], "takes required arguments: x;"),
        (["test_it.py:waits"], "is asynchronous"),
        (["no_such.module:test"], "there is no module 'no_such.module'"),
        (["test it"], "names no test"),
        (
            ["broken.py:test"],
            "cannot be imported: ZeroDivisionError: division by zero (broken.py:1)",
        ),
        (["needs.py:test"], "no module 'hypothesis'"),
        (["dies.py:test"], "cannot be imported: the test ended the interpreter: exit status 7"),
        (["test_it.py:test_one", "--model", "gill"], "did you mean 'gil'"),
        (["test_it.py:test_one", "--strategy", "sruw"], "did you mean 'surw'"),
        (["test_it.py:test_one", "--executions", "0"], "at least 1"),
        (["test_it.py:test_one", "--seconds", "0"], "more than 0"),
        (["test_it.py:test_one", "--limit", "0"], "more than 0 seconds"),
        (["test_it.py:test_one", "--trace", "no_such_package"], "no Python package"),
        (["test_it.py:test_one", "--output", "test_it.py"], "cannot write"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(tmp_path, arguments, said):
    write(tmp_path, BAD)
    write(tmp_path, "1 / 0\n", "broken.py")
    hidden = "import sys\nsys.modules['hypothesis'] = None\nimport hypothesis\n"
    write(tmp_path, hidden, "needs.py")
    write(tmp_path, "import os\nos._exit(7)\n", "dies.py")
    done = lab("hunt", *arguments, cwd=tmp_path)
    assert done.code == 2, done.out + done.err
    assert said in done.complaint


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "is no schedule"),
        (["lab1.nonsense"], "is damaged"),
        (["test_it.py"], "cannot be read as a schedule"),
    ],
)
def test_bad_schedules_are_one_line_and_exit_2(tmp_path, arguments, said):
    write(tmp_path, BAD)
    done = lab("replay", *arguments, cwd=tmp_path)
    assert done.code == 2, done.out + done.err
    assert said in done.complaint


@pytest.mark.usefixtures("at_a_desk")
def test_a_failure_is_kept_and_tried_first(tmp_path):
    pytest.importorskip("hypothesis")
    lost = "\n\ndef test_lost():\n    counter = Counter()\n"
    path = write(
        tmp_path,
        COUNTER + lost + "    together(counter.increment)\n    assert counter.value == 2\n",
    )
    first = hunt(tmp_path, "test_lost", "--json")
    assert first.json["found"]
    assert first.json["strategy"] != "replay"
    again = hunt(tmp_path, "test_lost", "--json")
    assert again.json["found"]
    assert again.json["executions"] == 1
    assert again.json["models"] == first.json["models"]
    assert any("kept from an earlier hunt" in note for note in again.json["explored"]["notes"])
    path.write_text(path.read_text().replace("self.value = seen + 1", "self.value = 2"))
    assert hunt(tmp_path, "test_lost", "--json").code == 0
    assert hunt(tmp_path, "test_lost", "--json").json["executions"] > 1
