"""Whatever ends the lab, its target does not outlive it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.supervise import shim
from tests.integration.supervise.trees import HOSTILE, reported

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="containment needs Linux")

ROOT = Path(__file__).parents[3]
NAMES = [
    "a double-forked daemon",
    "processes that ignore every signal",
    "fifty processes",
    "stopped children",
    "an empty environment",
    "a grandchild that holds the output open",
]


@contextlib.contextmanager
def running(name: str, directory: Path, eventually) -> Iterator[subprocess.Popen[bytes]]:
    """A lab whose tree is complete; its end is waited for, and forced if need be."""
    command = [sys.executable, "-m", "tests.integration.supervise.lab_process", name, directory]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    lab = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    with lab:
        try:
            eventually(lambda: is_up(name, directory))
            yield lab
            lab.wait(60)
        finally:
            lab.kill()


def is_up(name: str, directory: Path) -> bool:
    """Whether all processes of the tree have reported, and the lab has told who keeps them."""
    try:
        there = len(reported(directory)) >= HOSTILE[name].processes
        return there and bool((directory / "keeper").read_text())
    except OSError:
        return False


def nobody_is_left(directory: Path) -> bool:
    keeper = int((directory / "keeper").read_text())
    return not any(map(shim.is_alive, {*reported(directory), keeper}))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_lab_ends_its_target(name, number, tmp_path, eventually):
    with running(name, tmp_path, eventually) as lab:
        lab.send_signal(number)
    eventually(lambda: nobody_is_left(tmp_path))
    # What was written is kept, and the private directory goes, even then.
    eventually(lambda: (tmp_path / "stdout.txt").read_bytes().startswith(b"said before"))
    eventually(lambda: not Path((tmp_path / "temporary").read_text()).exists())


def test_ctrl_c_at_a_terminal_does(tmp_path, eventually):
    """Ctrl-C reaches the whole foreground group: the lab, but neither keeper nor target."""
    name = "a double-forked daemon"
    with running(name, tmp_path, eventually) as lab:
        os.killpg(lab.pid, signal.SIGINT)
    assert nobody_is_left(tmp_path)


def test_a_forked_child_of_the_lab_does_not_keep_the_target_alive(tmp_path, eventually):
    """It holds a copy of the control socket, so the end of the lab is not an end of file."""
    code = f"""
import os, sys, time
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from lab.supervise import Supervisor
from tests.integration.supervise.trees import launch
directory = Path({str(tmp_path)!r})
with Supervisor(launch("stay()", directory)) as target:
    (directory / "keeper").write_text(str(target.shim_pid))
    child = os.fork()
    if child == 0:
        time.sleep(1000)
        os._exit(0)
    (directory / "child").write_text(str(child))
    time.sleep(1000)
"""
    with subprocess.Popen([sys.executable, "-c", code]) as lab:
        eventually(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text())
        eventually(lambda: reported(tmp_path))
        lab.kill()
        lab.wait()
    eventually(lambda: nobody_is_left(tmp_path))
    os.kill(int((tmp_path / "child").read_text()), signal.SIGKILL)
