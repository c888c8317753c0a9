"""Stops one worker of a stuck program and looks what that does to the others.

A thread cannot be stopped alone: SIGKILL to a thread id ends the whole process, see kill(2) and
signal(7). A process can, and leaves behind whatever it held.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping

from lab import procfs
from lab.model import StopExperiment
from lab.supervise.supervisor import Supervisor
from lab.supervise.watchdog import Watchdog

_TICK_S = 0.005


def stop_one(
    supervisor: Supervisor,
    watchdog: Watchdog,
    *,
    pid: int,
    tid: int,
    victim_label: str,
    others: Mapping[str, tuple[int, int]],
    deadline_s: float,
) -> StopExperiment:
    """Kill the worker ``tid`` of process ``pid``, then watch ``others``, each a (pid, tid).

    Returns when all is over, when the rest is proved deadlocked, or after ``deadline_s`` seconds,
    whatever comes first. Another worker counts as finished if it ended, unless it only died with
    the victim's process.
    """
    began = time.monotonic()
    with contextlib.suppress(ProcessLookupError):
        os.kill(tid, signal.SIGKILL)
    gone = _wait(lambda: not _is_there(pid, tid), began + deadline_s)
    stopped_s = time.monotonic() - began if gone else None
    afterwards = _watch(supervisor, watchdog, began + deadline_s)
    shared = tid != pid or any(other_pid == pid for other_pid, _ in others.values())
    finished = [
        label
        for label, (other_pid, other_tid) in others.items()
        if other_pid != pid and not _is_there(other_pid, other_tid)
    ]
    return StopExperiment(
        victim=victim_label,
        tid=tid,
        whole_process_died=gone and shared,
        stopped_s=stopped_s,
        others=len(others),
        others_finished=len(finished),
        afterwards=afterwards,
    )


def _watch(supervisor: Supervisor, watchdog: Watchdog, until: float) -> str:
    state = "running"
    while time.monotonic() < until:
        if supervisor.poll() is not None and not supervisor.tree():
            return "exited"
        state = watchdog.poll().state
        if state == "deadlocked":
            break
        time.sleep(_TICK_S)
    return state


def _wait(done: Callable[[], bool], until: float) -> bool:
    while not done():
        if time.monotonic() >= until:
            return False
        time.sleep(_TICK_S)
    return True


def _is_there(pid: int, tid: int) -> bool:
    stat = procfs.stat(pid, tid)
    return stat is not None and stat.state not in "ZX"
