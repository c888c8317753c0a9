"""One worker of a stuck program is stopped: what becomes of the others."""

from __future__ import annotations

import os
import sys
import time

import pytest

from lab.model import ThreadWait
from lab.supervise import Supervisor, Watchdog, stop_one
from tests.integration.supervise.programs import DEADLOCKS, launch

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="containment needs Linux")


def stuck(watchdog: Watchdog) -> tuple[ThreadWait, ...]:
    until = time.monotonic() + 60
    while (proof := watchdog.poll().proof) is None:
        assert time.monotonic() < until
        time.sleep(0.002)
    return proof.threads


def experiment(directory, source, victim, others):
    with Supervisor(launch(source, directory)) as target:
        watchdog = Watchdog(target.tree, outside=(os.getpid(), target.shim_pid))
        waits = stuck(watchdog)
        chosen = victim(target, waits)
        return stop_one(
            target,
            watchdog,
            pid=chosen.pid,
            tid=chosen.tid,
            victim_label="victim",
            others={f"other {w.tid}": (w.pid, w.tid) for w in others(target, waits, chosen)},
            deadline_s=60.0,
        )


def workers(target, waits):
    return [wait for wait in waits if wait.tid != target.pid and wait.syscall == "futex"]


def first(target, waits):
    return workers(target, waits)[0]


def rest(target, waits, chosen):
    return [wait for wait in workers(target, waits) if wait != chosen]


def test_a_thread_takes_the_whole_process_with_it(tmp_path):
    seen = experiment(tmp_path, DEADLOCKS["two locks, threads"], first, rest)
    assert seen.whole_process_died
    assert seen.stopped_s is not None
    assert (seen.others, seen.others_finished, seen.afterwards) == (1, 0, "exited")


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_a_killed_process_leaves_the_other_stuck(tmp_path, method):
    seen = experiment(tmp_path, DEADLOCKS[f"two locks, {method}"], first, rest)
    assert not seen.whole_process_died
    assert seen.stopped_s is not None
    assert (seen.others, seen.others_finished, seen.afterwards) == (1, 0, "deadlocked")


def test_others_go_on_when_the_kernel_releases_what_the_victim_held(tmp_path):
    def holder(target, waits):
        return next(wait for wait in waits if wait.key.startswith("flock"))

    def others(target, waits, chosen):
        return [w for w in waits if w.key.startswith("flock") and w != chosen]

    seen = experiment(tmp_path, DEADLOCKS["file locks in a ring"], holder, others)
    assert not seen.whole_process_died
    assert (seen.others, seen.others_finished, seen.afterwards) == (1, 1, "exited")
