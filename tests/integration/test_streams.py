"""The standard streams closed, full, read by nobody, or speaking ASCII: none is a bug's end."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.integration.lab_command import LIMIT_S, command, lab

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
RUN = ("run", "self-deadlock", "--variant", "threads", "--no-heap", "--output")


def in_shell(tail: str, *words: str | Path) -> subprocess.CompletedProcess[bytes]:
    """Run ``lab`` with ``words``, its streams as the shell makes them of ``tail``."""
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", f'"$@" {tail}', "bash", *command(*words)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=LIMIT_S,
        check=False,
    )


@pytest.mark.parametrize("tail", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_changes_nothing(tail, tmp_path):
    done = in_shell(tail, *RUN, tmp_path)
    assert done.returncode == 0, done.stderr
    (page,) = tmp_path.glob("self-deadlock/*/report.html")
    for written in page.parent.rglob("*.json*"):
        assert b"as expected" not in written.read_bytes(), "no file took a closed stream's place"


@pytest.mark.parametrize("words", [("list", "--json"), ("schema",), ("faults",)])
def test_a_full_device_is_said_in_one_line(words):
    done = in_shell(">/dev/full", *words)
    assert done.returncode == 4
    assert done.stderr == b"lab: no space left for the output; try: another place\n"


@pytest.mark.parametrize("words", [("list", "--json"), ("schema",), ("faults",)])
def test_a_reader_that_has_gone_is_no_failure(words):
    done = in_shell("| true", *words)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_terminal_that_speaks_ascii_is_shown_what_it_has_signs_for(tmp_path):
    done = lab(*RUN, tmp_path, **ASCII)
    assert done.code == 0, done.err
    assert "? as expected" in done.out


def test_json_is_utf_8_whatever_the_terminal_speaks(tmp_path):
    words = command(*RUN, tmp_path, "--json")
    done = subprocess.run(
        words, env={**os.environ, **ASCII}, capture_output=True, timeout=LIMIT_S, check=False
    )
    assert json.loads(done.stdout.decode("utf-8"))["result"]["verdict"] == "as-expected"


def test_a_name_that_is_no_utf_8_is_a_usage_error(tmp_path):
    path = os.fsencode(tmp_path) + b"/sp\xe4t.py"
    with open(path, "w") as file:  # noqa: PTH123 - pathlib takes no bytes
        file.write(
            "from lab import *\ndef f(kit): pass\ndef t(): return Truth(OutcomeKind.EXITED)\n"
            "S = Scenario(name='s', title='', plants='', why='', cure='', faulty=f, corrected=f,\n"
            "             truth=t)\n"
        )
    done = lab("run", os.fsdecode(path), "--output", tmp_path / "reports")
    assert done.code == 2
    assert "is no UTF-8" in done.complaint
