"""``--python``: the same scenario on another interpreter, while the lab stays on its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.lab_command import lab

ROOT = Path(__file__).resolve().parents[2]


def other_interpreter() -> str:
    """Return the executable of another supported Python of this machine, or nothing."""
    mine = sys.version_info[:2]
    for minor in (12, 13, 14):
        command = shutil.which(f"python3.{minor}")
        if command is None or (3, minor) == mine:
            continue
        question = [command, "-I", "-c", "import sys; print(sys.executable)"]
        done = subprocess.run(question, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout.strip()
    return ""


def test_two_interpreters_stand_side_by_side(tmp_path):
    other = other_interpreter()
    if not other:
        pytest.skip("no other supported Python is here")
    done = lab(
        "run", "deadlock", "--python", sys.executable, "--python", other, "--no-flamegraphs",
        "--json", cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    header, result = done.json["header"], done.json["result"]
    labels = [each["label"] for each in header["interpreters"]]
    assert len(set(labels)) == 2
    assert header["machine"]["python"] == sys.version.split()[0]
    stacks = [t for t in result["trials"] if t["purpose"] == "stacks"]
    assert [(t["variant"]["workers"], t["interpreter"]) for t in stacks] == [
        (workers, label) for workers in ("threads", "processes") for label in labels
    ]
    assert {t["verdict"]["kind"] for t in result["trials"]} == {"as-expected"}
    assert done.json["header"]["rerun"].count("--python") == 2
    page = Path(tmp_path, done.json["report"]).read_text(encoding="utf-8")
    for label in labels:
        assert f"Threads, {label}" in page


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("no-such-python", "there is no such command"),
        ("/bin/ls", "wanted: an interpreter of Python"),
    ],
)
def test_what_is_no_interpreter_is_refused_before_anything_runs(tmp_path, command, words):
    done = lab("run", "deadlock", "--python", command, cwd=tmp_path)
    assert done.code == 2
    assert words in done.complaint
    assert list(tmp_path.iterdir()) == []


def test_an_interpreter_given_twice_is_refused(tmp_path):
    done = lab("run", "deadlock", "--python", sys.executable, "--python", sys.executable)
    assert done.code == 2
    assert "given twice" in done.complaint
