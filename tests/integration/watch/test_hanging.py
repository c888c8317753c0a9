"""Commands that hang under ``lab watch``: named, reported and ended, without survivors."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from lab import procfs
from lab.model import Dump
from lab.scenario import Cause
from tests.integration.lab_command import Done, command, lab
from tests.integration.watch import programs


@pytest.fixture
def hang(tmp_path):
    """Return a function that watches a program which hangs, and returns how that ended."""

    def run(
        source: str, *arguments: str, options: tuple[str, ...] = (), **environment: str
    ) -> Done:
        (tmp_path / "program.py").write_text(source)
        words = ["--report", tmp_path / "reports", *options, "--"]
        program = [sys.executable, tmp_path / "program.py", *arguments]
        return lab("watch", *words, *program, **environment)

    return run


def the_dump(tmp_path: Path) -> Dump:
    (path,) = tmp_path.glob("reports/program.py/*/dump.json")
    return msgspec.json.decode(path.read_bytes(), type=Dump)


def is_cross(dump: Dump) -> bool:
    labels = {actor.id: actor.label for actor in dump.diagnosis.actors}
    (cycle,) = dump.diagnosis.cycles
    return sorted(labels[id_] for id_ in cycle) == ["one", "two"]


def test_threads(hang, tmp_path):
    done = hang(programs.CROSSED)
    assert done.code == 124
    assert "deadlocked, proved" in done.err
    assert "`first`" in done.err
    assert "no process is left" in done.err
    assert done.out == ""
    dump = the_dump(tmp_path)
    assert dump.diagnosis.cause is Cause.LOCK_CYCLE
    assert is_cross(dump)
    (page,) = tmp_path.glob("reports/program.py/*/report.html")
    assert str(page) in done.err
    text = page.read_text()
    for words in ("Deadlocked, proved", "held since here by", "<svg", "program.py:"):
        assert words in text


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes(hang, tmp_path, method):
    done = hang(programs.CROSSED_PROCESSES, method)
    assert done.code == 124
    assert "deadlocked, proved" in done.err
    assert is_cross(the_dump(tmp_path))


def test_a_pipe_that_nobody_writes_to(hang, tmp_path):
    done = hang(programs.COMMUNICATE)
    assert done.code == 124
    assert "deadlocked, proved" in done.err
    assert len(the_dump(tmp_path).processes) == 2


def test_a_program_of_another_kind_below_python(hang, tmp_path):
    done = hang(programs.WAITS_FOR_SLEEP, options=("--quiet-for", "1s"))
    assert done.code == 124
    assert "nothing in it has run for" in done.err
    assert "sleep infinity" in done.err
    assert {each.python is None for each in the_dump(tmp_path).processes} == {True, False}


def test_the_time_is_up_for_what_is_busy(hang, tmp_path):
    done = hang("while True: pass", options=("--timeout", "1s"))
    assert done.code == 124
    assert "is up; it is running" in done.err
    assert the_dump(tmp_path).state == "running"


def test_daemons_are_ended_too(hang):
    done = hang(programs.DAEMONS, options=("--quiet-for", "1s"))
    assert done.code == 124
    assert "2 killed, no process is left" in done.err


def test_who_catches_sigterm_may_clean_up(hang, tmp_path):
    source = """
import os, signal, sys, threading, time
def clean(*_):
    os.write(1, b"cleaned up\\n")
    os._exit(0)
signal.signal(signal.SIGTERM, clean)
threading.Lock().acquire()
while True:
    time.sleep(600)
"""
    done = hang(source, options=("--quiet-for", "1s"))
    assert done.code == 124
    assert done.out == "cleaned up\n"
    assert "0 killed, no process is left" in done.err


def test_kill_only_leaves_no_report(hang, tmp_path):
    done = hang(programs.CROSSED, options=("--on-hang", "kill"))
    assert done.code == 124
    assert not (tmp_path / "reports").exists()
    assert done.err == "lab: ended: 1 killed, no process is left\n"


def test_report_only_leaves_it_running_and_reports_once_for_each_hang(tmp_path):
    process = subprocess.Popen(
        command("watch", "--on-hang", "report", "--quiet-for", "1s", "--report", tmp_path, "--",
                "sh", "-c", "echo ready; sleep 600; true"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    said = ""
    while "report " not in said:
        said += process.stderr.readline()
    sleeper = next(
        pid
        for pid in procfs.descendants(process.pid)
        if procfs.command_line(pid) == ("sleep", "600")
    )
    os.kill(sleeper, signal.SIGKILL)
    _, more = process.communicate()
    assert process.returncode == 0
    assert (said + more).count("lab: report ") == 1
    assert "ended" not in more


def test_a_report_that_cannot_be_written_is_no_way_out(hang):
    done = hang(programs.CROSSED, options=("--report", "/proc/nowhere"))
    assert done.code == 124
    assert "no report: cannot write" in done.err
    assert "`first`" in done.err


def test_a_question_is_answered_and_ends_nothing(tmp_path):
    process = subprocess.Popen(
        command("watch", "--report", tmp_path / "reports", "--",
                sys.executable, "-c", programs.NOTE_SIGNALS, "SIGTERM"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGQUIT)
    said = process.stderr.readline()
    assert "asked after" in said
    assert "cause: " in process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate()
    assert (process.returncode, out) == (9, "SIGTERM\n")
    assert not (tmp_path / "reports").exists()


@pytest.fixture
def stopped(eventually):
    """A watched command that was stopped while it sleeps, with the lab stopped as well."""
    process = subprocess.Popen(
        command("watch", "--quiet-for", "1s", "--", sys.executable, "-c",
                "import time; print('ready', flush=True); time.sleep(0.8)"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    (root,) = [
        pid
        for pid in procfs.descendants(process.pid)
        if "time.sleep" in procfs.command_line(pid)[2]
    ]
    os.kill(root, signal.SIGSTOP)
    eventually(lambda: procfs.stat(process.pid).state == "T")
    return process, root


def test_a_stopped_command_stops_the_clock(stopped):
    """It is stopped for longer than it may be quiet; the lab stops and goes on with it."""
    process, root = stopped
    time.sleep(1.5)
    os.kill(root, signal.SIGCONT)
    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 0


def test_the_end_of_a_stopped_command_is_passed_on(stopped):
    process, root = stopped
    os.kill(root, signal.SIGKILL)
    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == -signal.SIGKILL


def test_github_actions_is_told(hang, tmp_path):
    summary = tmp_path / "summary.md"
    done = hang(
        programs.CROSSED,
        GITHUB_ACTIONS="true",
        GITHUB_STEP_SUMMARY=str(summary),
        GITHUB_WORKSPACE=str(tmp_path),
    )
    assert done.code == 124
    assert done.out == ""
    assert "::error file=program.py,line=" in done.err
    assert "program.py" in summary.read_text()


def test_a_dump_of_the_lab_shows_its_command_only(eventually):
    process = subprocess.Popen(command("watch", "--", "sleep", "600"))
    try:
        eventually(
            lambda: any(
                procfs.command_line(pid) == ("sleep", "600")
                for pid in procfs.descendants(process.pid)
            )
        )
        done = lab("dump", str(process.pid), "--json")
        assert [each["command"] for each in done.json["processes"]] == [["sleep", "600"]]
    finally:
        process.terminate()
        process.wait()
