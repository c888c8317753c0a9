"""Processes that hunt together: what they find does not depend on how many they are."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from lab import procfs
from tests.integration.hunts.programs import write
from tests.integration.lab_command import LIMIT_S, command, lab

# One order in 924 fails: with these seeds it comes in the second or third batch of 2,000.
RARE = """
import os, threading

WANTED = "abbababaabab"

def once():
    order = []

    def work(name):
        for _ in range(6):
            order.append(name)

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return "".join(order)

def test_fails():
    assert once() != WANTED

def test_aborts():
    if once() == WANTED:
        os.abort()

def test_passes():
    once()

def test_writes():
    with open("state", "w") as file:
        file.write(once())
"""
SECOND, THIRD = "1", "4"


def hunted(folder, test, *words, **environment):
    done = lab(
        "hunt", f"test_it.py:{test}", "--model", "free-threaded", "--output", "out", "--json",
        *words, cwd=folder, **environment,
    )  # fmt: skip
    assert done.out, done.err
    return done


def fresh(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    write(folder, RARE)
    return folder


@pytest.mark.parametrize("seed", [SECOND, THIRD])
def test_the_number_of_processes_does_not_decide_what_is_found(tmp_path, seed):
    said = []
    for jobs in "123":
        done = hunted(
            fresh(tmp_path, jobs), "test_fails", "--executions", "9000", "--seed", seed, "-j", jobs
        )
        assert done.code == 1, done.err
        said.append(done.json)
    facts = [
        (each["executions"], each["executions_to_failure"], each["schedule"], each["message"])
        for each in said
    ]
    assert facts[0] == facts[1] == facts[2]
    assert said[0]["executions_to_failure"] > 2000
    assert said[0]["jobs"] == 1
    assert said[1]["jobs"] == 2


def test_a_hunt_that_finds_nothing_counts_what_all_have_seen(tmp_path):
    alone, together = (
        hunted(fresh(tmp_path, jobs), "test_passes", "--executions", "9000", "-j", jobs)
        for jobs in "13"
    )
    assert alone.code == together.code == 0
    assert (alone.json["jobs"], together.json["jobs"]) == (1, 3)
    assert together.json["executions"] == 9000
    assert together.json["explored"] == alone.json["explored"]
    assert together.json["models"] == alone.json["models"]


def test_the_terminal_says_how_many_hunted(tmp_path):
    folder = fresh(tmp_path, "it")
    words = "hunt", "test_it.py:test_passes", "--executions", "9000", "-j"
    assert "; hunted by 2 processes" in lab(*words, "2", cwd=folder).out
    assert "processes" not in lab(*words, "1", cwd=folder).out


def test_a_hunt_of_one_batch_needs_no_others(tmp_path):
    folder = fresh(tmp_path, "one")
    done = hunted(folder, "test_passes", "--executions", "2000", "-j", "2")
    assert (done.code, done.json["jobs"], done.json["executions"]) == (0, 1, 2000)


def test_a_test_that_writes_files_is_hunted_by_one_process(tmp_path):
    done = hunted(fresh(tmp_path, "it"), "test_writes", "--executions", "6000", "-j", "2")
    assert (done.code, done.json["jobs"], done.json["executions"]) == (0, 1, 6000)


def test_a_test_whose_import_takes_a_port_is_hunted_by_one_process(tmp_path):
    folder = fresh(tmp_path, "it")
    port = """
import socket
server = socket.socket()
server.bind(("127.0.0.1", 0))
"""
    write(folder, port + RARE)
    done = hunted(folder, "test_passes", "--executions", "6000", "-j", "2")
    assert (done.code, done.json["jobs"], done.json["executions"]) == (0, 1, 6000)


def test_a_process_that_cannot_join_leaves_the_hunt_to_the_others(tmp_path):
    folder = fresh(tmp_path, "it")
    once = """
import os, sys
if "ONLY_ONE" in os.environ and "/job-2" in " ".join(sys.orig_argv):
    raise RuntimeError("there is one already")
"""
    write(folder, once + RARE)
    done = hunted(folder, "test_passes", "--executions", "8000", "-j", "2", ONLY_ONE="1")
    assert (done.code, done.json["jobs"], done.json["executions"]) == (0, 2, 8000)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_late_end_of_the_interpreter_is_found_with_its_schedule(tmp_path, jobs):
    folder = fresh(tmp_path, "it")
    done = hunted(folder, "test_aborts", "--executions", "9000", "--seed", SECOND, "-j", jobs)
    assert done.code == 1, done.err
    assert "SIGABRT" in done.json["message"]
    again = lab("replay", done.json["schedule"], "test_it.py:test_aborts", cwd=folder)
    assert again.code == 1, again.err


LITTER = """
class Node:
    def __init__(self, log):
        self.me, self.log = self, log

    def __del__(self):
        self.log.append("gone")

def test_litters():
    log = []
    threads = [threading.Thread(target=Node, args=(log,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


def test_executions_with_collections_are_shared_as_well(tmp_path):
    folder = fresh(tmp_path, "it")
    write(folder, RARE + LITTER)
    done = hunted(folder, "test_litters", "--executions", "9000", "-j", "3")
    assert (done.code, done.json["jobs"]) == (0, 3)
    # One that joins looks for litter by itself, in one execution.
    assert 9000 <= done.json["executions"] <= 9002
    assert done.json["explored"]["notes"] == []


DRAWN = """
from hypothesis import given, strategies as st

@given(st.integers(0, 3))
def test_drawn(number):
    once()
"""


def test_inputs_that_hypothesis_draws_are_hunted_by_one_process(tmp_path):
    folder = fresh(tmp_path, "it")
    write(folder, RARE + DRAWN)
    done = hunted(folder, "test_drawn", "--executions", "2500", "-j", "2")
    assert (done.code, done.json["jobs"]) == (0, 1)
    assert done.json["executions"] % 2500 == 0
    assert done.json["explored"]["schedules"] > 0


@pytest.mark.usefixtures("at_a_desk")
def test_what_is_found_late_is_kept(tmp_path):
    folder = fresh(tmp_path, "it")
    words = "--executions", "9000", "--seed", SECOND, "-j", "2"
    assert hunted(folder, "test_fails", *words).json["executions_to_failure"] > 2000
    assert hunted(folder, "test_fails", *words).json["executions_to_failure"] == 1


def test_seconds_are_those_of_the_whole_hunt(tmp_path):
    folder = fresh(tmp_path, "it")
    done = hunted(folder, "test_passes", "--seconds", "3", "-j", "2")
    assert done.code == 0
    assert done.json["jobs"] == 2
    assert done.json["executions"] > 2000


def test_executions_bound_a_hunt_that_has_seconds_left(tmp_path):
    folder = fresh(tmp_path, "it")
    done = hunted(folder, "test_passes", "--seconds", "600", "--executions", "3000")
    assert done.json["executions"] == 3000


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_end_of_the_lab_leaves_none_of_them(tmp_path, eventually, number):
    folder = fresh(tmp_path, "it")
    scratch = fresh(tmp_path, "scratch")  # a lab that is killed removes no directory
    process = subprocess.Popen(
        command("hunt", "test_it.py:test_passes", "--executions", "100000000", "-j", "2"),
        cwd=folder, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "TMPDIR": str(scratch)},
    )  # fmt: skip
    try:
        eventually(lambda: len(procfs.descendants(process.pid)) >= 4)  # two, each with its keeper
        tree = procfs.descendants(process.pid)
        process.send_signal(number)
        _, complaint = process.communicate(timeout=LIMIT_S)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 130)
    assert "Traceback" not in complaint
    eventually(lambda: not [pid for pid in tree if procfs.stat(pid)])


def test_no_processes_at_all_make_no_hunt(tmp_path):
    folder = fresh(tmp_path, "it")
    done = lab("hunt", "test_it.py:test_passes", "-j", "0", cwd=folder)
    assert done.code == 2
    assert "--jobs" in done.err
