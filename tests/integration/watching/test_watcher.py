"""The parts of ``--lab-watch`` one by one: the shared page, the limits, what is settled."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.model import Dump
from lab.plugin.board import Board
from lab.plugin.hangs import hangs_in
from lab.plugin.phase import Order
from lab.plugin.watcher import Watcher
from lab.plugin.watching import limit_of
from lab.scenario import Cause
from tests.integration.lab_command import LIMIT_S

SLEEPER = "import time; print('ready', flush=True); time.sleep(600)"
STUCK = """
import threading
first, second, third, both = *(threading.Lock() for _ in range(3)), threading.Barrier(2)

def take(mine, theirs):
    with mine:
        both.wait()
        with theirs:
            pass

def twice():
    with third:
        with third:
            pass

workers = [
    threading.Thread(target=take, args=(first, second)),
    threading.Thread(target=take, args=(second, first)),
    threading.Thread(target=twice, name="twice"),
]
for worker in workers: worker.start()
print("ready", *(worker.native_id for worker in workers), flush=True)
WAITS
"""


def started(*words: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, text=True)


def test_what_is_written_on_the_page_is_read_by_another(tmp_path):
    ours, theirs = Board(tmp_path / "board"), Board(tmp_path / "board")

    @settings(deadline=None)
    @given(st.integers(1, 1 << 31), st.binary(max_size=3000))
    def round_trip(number, text):
        ours.begin(number, text)
        assert theirs.number == number
        assert theirs.read() == (number, text)
        ours.end()
        assert theirs.read() == (0, b"")

    round_trip()
    before = theirs.raised
    ours.note_raised()
    assert theirs.raised == before + 1
    ours.paused = True
    assert theirs.paused
    ours.close()
    theirs.close()


def test_a_page_that_is_half_written_says_nothing(tmp_path):
    board = Board(tmp_path / "board")
    board.begin(3, b"whole")
    board._page[32:34] = b"xx"
    assert board.read() == (0, b"")
    board.close()


@pytest.mark.parametrize("text", ["soon", "0", "-1", "inf", "nan"])
def test_seconds_are_more_than_none_and_not_for_ever(text):
    with pytest.raises(pytest.UsageError, match="wanted: seconds"):
        limit_of(text)


def test_seconds_may_be_a_fraction_or_left_out():
    assert limit_of("0.5") == 0.5
    assert limit_of("") is None


def watch(tmp_path, child, **limits) -> list[str]:
    """Watch ``child`` as a session in its first phase until it is ended; return why it hung."""
    board = Board(tmp_path / "board")
    phase = {"test": "t", "name": "call", "location": ["t.py", 0, "t"], "children": [],
             "threads": [], "number": 1}  # fmt: skip
    board.begin(1, json.dumps(phase).encode())
    ours, theirs = socket.socketpair()
    order = Order(
        pid=child.pid, who="gw0", channel=theirs.fileno(), board=str(tmp_path / "board"),
        folder=str(tmp_path), signal=signal.SIGRTMIN + 7, replay={}, **limits,
    )  # fmt: skip
    with ours, theirs:
        watcher = threading.Thread(target=Watcher(order, theirs).run)
        watcher.start()
        watcher.join()
    board.close()
    return [hang.why for hang in hangs_in(tmp_path)]


def test_without_seconds_what_does_not_run_hangs_though_it_could_go_on(tmp_path):
    with started("-c", SLEEPER) as child:
        assert child.stdout
        assert child.stdout.readline() == "ready\n"
        why = watch(tmp_path, child, limit_s=None, quiet_s=0.3)
        child.wait()
    assert why == ["nothing in its process tree had run for 0.3 s"]


def test_with_seconds_what_does_not_run_may_take_them(tmp_path):
    with started("-c", SLEEPER) as child:
        assert child.stdout
        assert child.stdout.readline() == "ready\n"
        why = watch(tmp_path, child, limit_s=0.7, quiet_s=0.1)
        child.wait()
    assert why == ["it had not ended after 0.7 s (--lab-watch=0.7)"]


LOOK = """
import sys, msgspec
from lab.moment import look
pid, *settled = map(int, sys.argv[1:])
while True:
    found = look(pid, settled=[(pid, tid) for tid in settled])
    if found.state == "deadlocked":
        break
sys.stdout.buffer.write(msgspec.json.encode(found))
"""
"""What looks is no ancestor of what it looks at: a process leaves its own descendants out."""


def seen(folder: Path, code: str, settled: int) -> Dump:
    """Look at a program, of whose first threads so many are settled."""
    program = folder / "program.py"
    program.write_text(STUCK.replace("WAITS", code))
    with started(program) as child:
        try:
            assert child.stdout
            tids = child.stdout.readline().split()[1:]
            done = subprocess.run(
                [sys.executable, "-c", LOOK, str(child.pid), *tids[:settled]],
                capture_output=True, timeout=LIMIT_S, check=True,
            )  # fmt: skip
            return msgspec.json.decode(done.stdout, type=Dump)
        finally:
            child.kill()


def test_what_is_settled_is_not_the_cause_of_the_next_hang(tmp_path):
    found = seen(tmp_path, "workers[2].join()", 2)
    assert found.diagnosis.cause is Cause.SELF_DEADLOCK
    assert {thread.label for thread in found.threads} == {"main", "twice"}


def test_what_is_settled_is_named_where_somebody_waits_for_it(tmp_path):
    found = seen(tmp_path, "workers[0].join()", 3)
    assert found.diagnosis.cause is Cause.LOCK_CYCLE
    assert len(found.threads) == 3
