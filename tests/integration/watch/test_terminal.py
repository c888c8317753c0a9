"""``lab watch`` in a real pseudo-terminal: as without it."""

from __future__ import annotations

import shutil
import sys

import pytest

from tests.integration.lab_command import command
from tests.integration.watch import programs
from tests.integration.watch.terminal import CTRL_BACKSLASH, CTRL_C, CTRL_Z, Terminal

BARE: list[str] = []
WATCHED = command("watch", "--report", "/nonexistent/report", "--")

SHELL = ["bash", "--norc", "--noprofile", "--noediting", "-i"]


@pytest.fixture(params=[BARE, WATCHED], ids=["without", "with"])
def prefix(request):
    """What stands before the command: the same is expected of both."""
    return request.param


@pytest.fixture
def program(tmp_path):
    def write(source: str) -> str:
        path = tmp_path / "program.py"
        path.write_text(source)
        return str(path)

    return write


def test_a_prompt(prefix):
    source = "name = input('name? '); print('hello', name)"
    with Terminal([*prefix, sys.executable, "-c", source]) as terminal:
        terminal.until("name? ")
        terminal.press("bob\n")
        assert terminal.rest() == "bob\r\nhello bob\r\n"
        assert terminal.code == 0


def test_colours_and_size_and_its_change(prefix, program):
    with Terminal([*prefix, sys.executable, program(programs.SIZE)]) as terminal:
        assert terminal.until("ready\r\n") == "[True, True, True]\r\nsize 80 24\r\n"
        terminal.resize(30, 100)
        assert terminal.rest() == "size 100 30\r\n"
        assert terminal.code == 5


def test_ctrl_c_that_is_handled_comes_once(prefix, program):
    with Terminal([*prefix, sys.executable, program(programs.COUNT_INTERRUPTS)]) as terminal:
        terminal.until("ready\r\n")
        terminal.press(CTRL_C)
        terminal.until("interrupt 1\r\n")
        terminal.press(CTRL_C)
        assert terminal.rest() == "^Cinterrupt 2\r\ndone\r\n"
        assert terminal.code == 0


def test_ctrl_c_that_is_not_handled_kills_both(prefix):
    with Terminal([*prefix, "sh", "-c", "echo ready; exec sleep 600"]) as terminal:
        terminal.until("ready\r\n")
        terminal.press(CTRL_C)
        assert terminal.rest() == "^C"
        assert terminal.code == -2


def test_a_prompt_is_no_hang_however_long_it_waits():
    watched = command("watch", "--quiet-for", "0.5s", "--")
    source = "import threading; threading.Timer(2, print, ['still here']).start(); input('? ')"
    with Terminal([*watched, sys.executable, "-c", source]) as terminal:
        terminal.until("still here\r\n")
        terminal.press("\n")
        assert terminal.rest() == "\r\n"
        assert terminal.code == 0


def test_ctrl_backslash_diagnoses_and_ends_nothing(program):
    with Terminal([*WATCHED, sys.executable, program(programs.COUNT_INTERRUPTS)]) as terminal:
        terminal.until("ready\r\n")
        terminal.press(CTRL_BACKSLASH)
        assert "asked after" in terminal.until("cause: ")
        terminal.press(CTRL_C)
        terminal.until("interrupt 1\r\n")
        terminal.press(CTRL_C)
        terminal.until("done\r\n")
        terminal.rest()
        assert terminal.code == 0


@pytest.mark.skipif(not shutil.which("bash"), reason="needs a shell with job control")
def test_job_control(prefix, program):
    line = " ".join([*prefix, sys.executable, program(programs.COUNT_INTERRUPTS)])
    with Terminal(SHELL) as terminal:
        terminal.until("$ ")
        terminal.press(f"{line}; echo ended $?\n")
        terminal.until("ready\r\n")
        terminal.press(CTRL_Z)
        assert f"Stopped                 {line}" in terminal.until("$ ")
        terminal.press("fg\n")
        terminal.until("continued\r\n")
        terminal.press(CTRL_C)
        assert "continued" not in terminal.until("interrupt 1\r\n")
        terminal.press(CTRL_Z)
        terminal.until("$ ")
        terminal.press("bg\n")
        terminal.until("continued\r\n")
        terminal.press("kill -INT %1\n")
        assert "interrupt 3" not in terminal.until("done\r\n")
        terminal.press("exit\n")
        terminal.rest()


@pytest.mark.skipif(not shutil.which("bash"), reason="needs a shell with job control")
def test_exit_codes_and_pipelines_of_a_shell(prefix):
    words = " ".join(prefix)
    with Terminal(SHELL) as terminal:
        terminal.until("$ ")
        for line, shown in (
            (f"{words} sh -c 'exit 7'; echo code $?", "code 7\r\n"),
            (f"{words} sh -c 'kill -TERM $$'; echo code $?", "code 143\r\n"),
            (f"yes | {words} head -n 1; echo code ${{PIPESTATUS[*]}}", "code 141 0\r\n"),
            (f"{words} yes | head -n 1; echo code ${{PIPESTATUS[*]}}", "code 141 0\r\n"),
        ):
            terminal.press(f"{line}\n")
            terminal.until(f"\n{shown}")
            terminal.until("$ ")
        terminal.press(f"{words} sh -c 'echo started; exec sleep 600'\n")
        terminal.until("\nstarted\r\n")
        terminal.press(CTRL_C)
        terminal.until("$ ")
        terminal.press("echo code $?\n")
        terminal.until("code 130\r\n")
        terminal.press("exit\n")
        terminal.rest()
