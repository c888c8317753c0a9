"""What cannot work says so: an exit code, one clear line, no traceback, and no orphan."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab import store
from lab.model import RunRecord
from tests.integration.lab_command import LIMIT_S, Done, another_user, command, lab

SCENARIO = """
import os, sys, time
from lab import Cause, OutcomeKind, Scenario, Truth

def program(kit):
    {body}

def truth():
    return Truth(OutcomeKind.{outcome}, Cause.NONE)

MINE = Scenario(
    name="mine", title="t", plants="p", why="w", cure="c",
    faulty=program, corrected=program, truth=truth, timeout_s=20,
)
{after}
"""


def write(directory: Path, body: str = "pass", outcome: str = "EXITED", after: str = "") -> Path:
    path = directory / "lab_sample_scenario.py"
    path.write_text(SCENARIO.format(body=body, outcome=outcome, after=after))
    return path


def run_mine(path: Path, *options: str) -> tuple[Done, RunRecord]:
    done = lab("run", path, "--variant", "threads", "--no-heap", "--output", path.parent, *options)
    (directory,) = (path.parent / "mine").iterdir()
    return done, store.load(directory)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "deadlok"], ["unknown scenario 'deadlok'", "'deadlock'", "lab list"]),
        (["run", "deadlock", "--set", "wrkers=3"], ["no parameter 'wrkers'", "'workers'"]),
        (["run", "deadlock", "--set", "workers=many"], ["workers=many", "int from 2 to 64"]),
        (["run", "deadlock", "--workers", "1"], ["workers=1", "int from 2 to 64"]),
        (["run", "deadlock", "--set", "workers"], ["--set workers", "KEY=VALUE"]),
        (["run", "deadlock", "--workers", "2", "--set", "workers=3"], ["--workers 2"]),
        (["run", "deadlock", "--variant", "fibres"], ["--variant fibres", "threads, processes"]),
        (["run", "deadlock", "--variant", "threads", "--start-method", "fork"], ["--start-method"]),
        (["run", "deadlock", "--timeout", "0"], ["--timeout 0", "more than 0"]),
        (["run", "deadlock", "--timeout", "nan"], ["--timeout nan", "more than 0"]),
        (["run", "deadlock", "--timeout", "inf"], ["--timeout inf", "a number that ends"]),
        (["run", "--tag", "deadlock", "--variant", "fibres"], ["--variant fibres", "threads"]),
        (["run", "deadlock", "--fault", "raise=Nope:main@start"], ["'Nope'", "built-in exception"]),
        (["run", "deadlock", "--repeat", "0"], ["--repeat", "not '0'"]),
        (["run", "deadlock", "--workers", "two"], ["'--workers'", "integer, not 'two'"]),
        (["run", "deadlock", "--start-method", "x"], ["'x' is not one of 'fork'"]),
        (["run", "./nowhere.py"], ["no file nowhere.py"]),
        (["run"], ["no scenario is named", "--tag or --all", "lab list"]),
        (["walk"], ["No such command 'walk'", "lab --help"]),
        (["report", "nowhere"], ["holds no run.json"]),
        (["schema", "rune"], ["no schema 'rune'", "'run'"]),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments, words, tmp_path):
    done = lab(*arguments, cwd=tmp_path)
    assert done.code == 2, done.err
    for word in words:
        assert word in done.complaint
    assert done.out == ""
    assert list(tmp_path.iterdir()) == [], "a usage error writes nothing"


def test_a_scenario_that_raises_on_import(tmp_path):
    done = lab("run", write(tmp_path, after="1 / 0"))
    assert done.code == 2
    assert "ZeroDivisionError: division by zero" in done.complaint


@pytest.mark.parametrize("start", [("-m", "lab"), ("-I", "-c", "from lab.cli import main; main()")])
def test_a_module_in_the_current_directory_needs_no_installation(tmp_path, start):
    (tmp_path / "mine").mkdir()
    write(tmp_path / "mine").rename(tmp_path / "mine" / "lab_sample.py")
    words = ("run", "mine.lab_sample:MINE", "--variant", "threads", "--no-heap")
    done = subprocess.run(
        [sys.executable, *start, *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr


STARTS = """
import subprocess
for _ in range(2):
    subprocess.Popen(["sh", "-c", "setsid sleep 3600 & exec sleep 3600"], start_new_session=True)
print("printed")
"""


@pytest.mark.parametrize(
    ("then", "code"), [("", 0), ("1 / 0", 2), ("os._exit(0)", 2), ("os.kill(os.getpid(), 9)", 2)]
)
def test_an_import_leaves_no_process_and_prints_on_stderr(tmp_path, then, code):
    done = lab("show", write(tmp_path, after=STARTS + then))  # what is left fails every test
    assert done.code == code, done.err
    assert "printed" not in done.out.partition("Source")[0]


def test_an_output_directory_that_cannot_be_written(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    done = lab("run", "deadlock", "--output", blocked)
    assert done.code == 2
    assert "cannot write" in done.complaint
    assert "--output" in done.complaint


def test_a_scenario_that_ends_at_once_deviates(tmp_path):
    done, record = run_mine(write(tmp_path, body="os._exit(7)", outcome="DEADLOCKED"))
    assert done.code == 1
    (trial,) = record.result.trials
    assert trial.outcome.exit_code == 7


def test_a_program_that_raises_is_shown_by_its_own_output(tmp_path):
    done, record = run_mine(write(tmp_path, body="raise RuntimeError('so it goes')"))
    assert done.code == 1
    (trial,) = record.result.trials
    assert trial.outcome.exit_code == 1
    text = "".join(
        (Path(record.directory) / out.artifact).read_text() for out in trial.output if out.artifact
    )
    assert "RuntimeError: so it goes" in text
    assert "its last words: RuntimeError: so it goes" in done.out
    page = (Path(record.directory) / store.REPORT).read_text()
    assert "Its last words: <code>RuntimeError: so it goes</code>" in page


def test_a_scenario_that_exits_on_import_in_the_target_only(tmp_path):
    after = "if 'lab.cli' not in sys.modules: sys.exit(5)"
    done, record = run_mine(write(tmp_path, after=after))
    assert done.code == 4
    (trial,) = record.result.trials
    assert trial.outcome.kind == "never-ready"
    assert "never" in done.out + done.err


def test_a_scenario_that_never_gets_ready(tmp_path):
    after = "if 'lab.cli' not in sys.modules: time.sleep(3600)"
    path = write(tmp_path, after=after)
    code = (
        "import sys, lab.trial; lab.trial.STARTUP_LIMIT_S = 0.5;"
        "from lab.cli import run_command_line; sys.exit(run_command_line(sys.argv[1:]))"
    )
    words = ["run", str(path), "--variant", "threads", "--no-heap", "--output", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 4, done.stderr
    assert "Traceback" not in done.stderr


def test_a_program_that_only_sleeps_is_quiet_and_not_proved(tmp_path):
    path = write(tmp_path, body="time.sleep(3600)")
    done, record = run_mine(path, "--timeout", "2")
    assert done.code == 1
    (trial,) = record.result.trials
    assert trial.outcome.kind == "quiet"
    assert trial.outcome.proof is None
    assert trial.reaped.survivors == ()


def test_a_busy_program_is_timed_out(tmp_path):
    done, record = run_mine(write(tmp_path, body="while True: pass"), "--timeout", "1")
    assert done.code == 1
    assert record.result.trials[0].outcome.kind == "timed-out"


def test_without_py_spy_the_run_is_inconclusive_and_says_how_to_mend_it(tmp_path):
    code = (
        "import sys, lab.capture.command as tools; tools.find_tool = lambda name: None;"
        "from lab.cli import run_command_line; sys.exit(run_command_line(sys.argv[1:]))"
    )
    words = ["run", "deadlock", "--variant", "threads", "--no-heap", "--output", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 4, done.stderr + done.stdout
    assert "pip install py-spy" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system with room for the header and little else."""
    place = tmp_path / "tiny"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32k", "none", str(place)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system is not allowed here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_disk_that_fills_up_while_recording(tiny_disk):
    done = lab("run", "deadlock", "--output", tiny_disk)
    assert done.code == 4
    assert "no space left" in done.complaint
    (directory,) = (tiny_disk / "deadlock").iterdir()
    assert store.load(directory).result is None


@another_user
def test_where_ptrace_is_refused_nothing_is_guessed(common):
    body = (
        "import ctypes; ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)\n"  # PR_SET_DUMPABLE
        "    import threading; lock = threading.Lock(); lock.acquire(); lock.acquire()"
    )
    path = write(common, body=body, outcome="DEADLOCKED")
    words = command("run", path, "--variant", "threads", "--no-heap", "--timeout", "2")
    done = subprocess.run(
        [*words, "--output", str(common)],
        user="nobody",
        group="nogroup",
        extra_groups=[],
        env={**os.environ, "HOME": str(common), "TMPDIR": str(common)},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode in (1, 4), done.stderr
    assert "Traceback" not in done.stderr
    (directory,) = (common / "mine").iterdir()
    (trial,) = store.load(directory).result.trials
    assert trial.outcome.kind == "quiet"
    assert trial.outcome.proof is None
