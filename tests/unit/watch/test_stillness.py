"""What excuses a tree that stands still, and whose proof is not believed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lab.model import ThreadWait
from lab.watch.stillness import _excuse, awaits_signals


def wait(pid=1, tid=1, state="S", key="") -> ThreadWait:
    return ThreadWait(pid=pid, tid=tid, comm="job", state=state, key=key)


@pytest.mark.parametrize(
    ("waits", "excuse"),
    [
        ([wait(key="futex:1:ff")], ""),
        ([wait(key="/dev/pts/3")], "the terminal"),
        ([wait(), wait(2, 2, key="select:/dev/tty,pipe:8")], "the terminal"),
        ([wait(key="pipe:7")], "standard streams"),
        ([wait(key="poll:pipe:7,pipe:8")], "standard streams"),
        ([wait(key="unix:9")], "standard streams"),
        ([wait(key="pipe:8")], ""),
        ([wait(state="T"), wait(2, 2)], "stopped"),
        ([wait(), wait(2, 2, state="T")], ""),
        ([wait(5, 5, state="T"), wait(6, 6, state="T")], "stopped"),
        ([wait(), wait(2, 2, state="t")], "debugger"),
    ],
)
def test_excuses(waits, excuse):
    found = _excuse(waits, 1, {"pipe:7", "socket:9", "/dev/null"})
    assert excuse in found
    assert bool(found) == bool(excuse)


@pytest.mark.parametrize(
    ("setup", "awaits"),
    [
        ("", False),
        ("import faulthandler; faulthandler.enable()", False),
        ("import readline", False),
        ("import signal; signal.signal(signal.SIGTERM, lambda *_: None)", True),
        ("import signal; signal.signal(signal.SIGUSR1, signal.SIG_IGN)", False),
    ],
)
def test_who_awaits_signals(setup, awaits):
    source = f"{setup}\nprint(flush=True); import time; time.sleep(600)"
    process = subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE)
    try:
        process.stdout.readline()
        assert awaits_signals(process.pid) == awaits
    finally:
        process.kill()
        process.communicate()
