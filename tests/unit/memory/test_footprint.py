"""Footprints of real children: a known allocation, a fork's shared pages, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from lab import procfs
from lab.capture import footprint

MIB = 1 << 20


class Child:
    """A Python child that runs one line of code for each line that it is sent."""

    def __init__(self):
        loop = "import sys\nfor line in sys.stdin:\n    exec(line)\n    print('done', flush=True)\n"
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-c", loop], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.pid = self.process.pid
        self.do("pass")

    def do(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == b"done\n"

    def close(self):
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def child():
    one = Child()
    yield one
    one.close()


def one(pid):
    (sample,) = footprint.sample([pid], at_s=0.0)
    return sample


def grown(before, after, field):
    return (getattr(after, field) - getattr(before, field)) / MIB


def test_fifty_mebibytes_in_a_child_are_seen_in_every_figure(child):
    before = one(child.pid)
    child.do("block = b'x' * (50 << 20)")
    after = one(child.pid)
    for field in ("rss_bytes", "pss_bytes", "uss_bytes"):
        assert 49 < grown(before, after, field) < 55, field


def test_the_figures_are_ordered_as_they_must_be(child):
    seen = one(child.pid)
    assert 0 < seen.uss_bytes <= seen.pss_bytes <= seen.rss_bytes


def test_psutil_reads_the_same(child):
    ours, theirs = one(child.pid), footprint._of_psutil(child.pid, 0.0, "")
    assert theirs.label == ours.label
    assert theirs.threads == ours.threads
    assert theirs.fds == ours.fds
    for field in ("rss_bytes", "pss_bytes", "uss_bytes"):
        assert abs(grown(ours, theirs, field)) < 2, field


def test_threads_and_descriptors_are_counted(child):
    before = one(child.pid)
    child.do("import threading, time; threading.Thread(target=time.sleep, args=(600,)).start()")
    child.do("files = [open('/dev/null') for _ in range(5)]")
    after = one(child.pid)
    assert after.threads == before.threads + 1
    assert after.fds == before.fds + 5


FORK = "import os, time; child = os.fork() or time.sleep(600)"


def test_pages_shared_by_a_fork_are_counted_once_in_pss_and_twice_in_rss(child):
    child.do("block = b'x' * (50 << 20)")
    alone = one(child.pid)
    child.do(FORK)
    both = footprint.sample([child.pid, *procfs.descendants(child.pid)], at_s=1.0)
    try:
        assert len(both) == 2
        pss, rss = (sum(getattr(s, f) for s in both) for f in ("pss_bytes", "rss_bytes"))
        assert (pss - alone.pss_bytes) / MIB < 10
        assert (rss - alone.rss_bytes) / MIB > 50
    finally:
        os.kill(both[1].pid, 9)


def test_labels_are_given_and_otherwise_the_kernels_name(child):
    (named,) = footprint.sample([child.pid], at_s=2.5, labels={child.pid: "worker-1"})
    assert (named.label, named.at_s) == ("worker-1", 2.5)
    assert one(child.pid).label.startswith("python")


def test_the_dead_and_the_undead_are_left_out(child):
    gone = subprocess.Popen([sys.executable, "-I", "-c", ""])
    gone.wait()
    child.process.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it stays a zombie
    assert footprint.sample([gone.pid, child.pid, os.getpid()], at_s=0.0)[0].pid == os.getpid()
    assert len(footprint.sample([gone.pid, child.pid], at_s=0.0)) == 0
    assert footprint._of_psutil(child.pid, 0.0, "") is None
    assert footprint._of_psutil(gone.pid, 0.0, "") is None


def test_what_may_not_be_read_is_none(child, monkeypatch):
    real = procfs.read
    monkeypatch.setattr(
        procfs, "read", lambda path, *limit: None if "smaps" in path else real(path, *limit)
    )

    def refuse(path):
        raise PermissionError(path)

    monkeypatch.setattr(footprint.os, "listdir", refuse)
    seen = one(child.pid)
    assert seen.rss_bytes > MIB
    assert (seen.pss_bytes, seen.uss_bytes, seen.fds) == (None, None, None)


def test_a_process_of_another_user_still_has_a_resident_size():
    """Drop to another user in a child and let it look at its parent."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    code = (
        "import os, sys\n"
        "from lab.capture import footprint\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "(seen,) = footprint.sample([os.getppid()], at_s=0.0)\n"
        "assert seen.rss_bytes > 1 << 20\n"
        "assert (seen.pss_bytes, seen.uss_bytes, seen.fds) == (None, None, None), seen\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_without_proc_psutil_is_asked(child, monkeypatch):
    monkeypatch.setattr(procfs, "AVAILABLE", False)
    assert one(child.pid).pid == child.pid
