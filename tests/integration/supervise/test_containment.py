"""Nothing outlives a supervisor, whatever its target does."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from multiprocessing import shared_memory
from pathlib import Path

import pytest

from lab import procfs
from lab.errors import InterruptedRunError
from lab.supervise import Launch, Supervisor, TargetNotReady, shim, subreaper
from tests.integration.supervise.trees import HOSTILE, KEEPER_KILLED, launch, reported

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="containment needs Linux")


ROOT = Path(__file__).parents[3]


def alive(directory: Path) -> list[int]:
    return [pid for pid in reported(directory) if shim.is_alive(pid)]


def members(target: Supervisor) -> list[int]:
    """Every process of the machine that bears the target's mark."""
    mark = f"LAB_TREE={target._token}".encode()
    return [
        pid
        for pid in procfs.all_pids()
        if mark in (procfs.read(f"/proc/{pid}/environ") or b"") and shim.is_alive(pid)
    ]


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_survives(name, tmp_path, eventually):
    tree = HOSTILE[name]
    with Supervisor(launch(tree.source, tmp_path)) as target:
        eventually(lambda: len(reported(tmp_path)) >= tree.processes)
        reaped = target.kill()
    assert reaped.survivors == ()
    assert reaped.by == "shim"
    assert alive(tmp_path) == []
    assert members(target) == []
    assert not shim.is_alive(target.shim_pid)


@pytest.mark.parametrize("name", KEEPER_KILLED)
def test_the_lab_sweeps_when_the_keeper_was_killed(name, tmp_path, eventually):
    tree = KEEPER_KILLED[name]
    with Supervisor(launch(tree.source, tmp_path)) as target:
        eventually(lambda: len(reported(tmp_path)) >= tree.processes)
        eventually(lambda: not shim.is_alive(target.shim_pid))
        eventually(lambda: target.poll() is not None)
        assert len(target.tree()) == tree.processes - 1
        reaped = target.kill()
    assert reaped.survivors == ()
    assert reaped.by == "lab"
    assert alive(tmp_path) == []
    assert members(target) == []


def test_a_sweep_spares_the_children_of_the_lab(tmp_path, eventually):
    tree = KEEPER_KILLED["it kills its keeper"]
    idle = [sys.executable, "-S", "-c", "input()"]
    early = subprocess.Popen(idle, stdin=subprocess.PIPE, start_new_session=True)
    with Supervisor(launch(HOSTILE["fifty processes"].source, tmp_path / "..")) as other:
        directory = tmp_path / "a"
        directory.mkdir()
        with Supervisor(launch(tree.source, directory)) as target:
            own = subprocess.Popen(idle, stdin=subprocess.PIPE)
            eventually(lambda: not shim.is_alive(target.shim_pid))
            assert target.kill().by == "lab"
            assert own.poll() is None
            assert early.poll() is None
            assert other.poll() is None
            assert shim.is_alive(other.shim_pid)
    for process in (own, early):
        process.communicate(b"\n")
        assert process.returncode == 0


def test_the_tree_lists_daemons_and_no_zombies(tmp_path, eventually):
    source = "daemon(stay); child(here); stay()"
    with Supervisor(launch(source, tmp_path)) as target:
        eventually(lambda: len(reported(tmp_path)) == 3)
        eventually(lambda: len(target.tree()) == 2)
        assert target.pid in target.tree()
        assert target.shim_pid not in target.tree()
        assert target.poll() is None
    assert target.tree() == []


def test_killing_again_gives_the_same_answer(tmp_path):
    with Supervisor(launch("stay()", tmp_path)) as target:
        assert target.kill() is target.kill()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError(), InterruptedRunError("stop")])
def test_an_exception_passes_through_reaping(error, tmp_path, eventually):
    def fail_inside():
        with Supervisor(launch("daemon(stay); stay()", tmp_path)):
            eventually(lambda: len(reported(tmp_path)) == 2)
            raise error

    with pytest.raises(type(error)):
        fail_inside()
    assert alive(tmp_path) == []


def test_an_interrupt_while_killing_is_raised_when_all_is_done(tmp_path, eventually, monkeypatch):
    with Supervisor(launch("stay()", tmp_path)) as target:
        eventually(lambda: reported(tmp_path))
        real, pending = target._ask_shim, [KeyboardInterrupt, KeyboardInterrupt]

        def interrupted():
            real()
            if pending:
                raise pending.pop()

        monkeypatch.setattr(target, "_ask_shim", interrupted)
        with pytest.raises(KeyboardInterrupt):
            target.kill()
        assert alive(tmp_path) == []
        assert target.kill().survivors == ()


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("pass", 0),
        ("sys.exit(7)", 7),
        ("os.abort()", -signal.SIGABRT),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("raise ValueError", 1),
    ],
)
def test_the_status_of_the_root_is_told(source, status, tmp_path, eventually):
    with Supervisor(launch(source, tmp_path)) as target:
        eventually(lambda: target.poll() is not None)
        assert target.poll() == status


def test_signals_have_their_default_action(tmp_path, eventually):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    direct = launch("", tmp_path)
    shell = ("/bin/sh", "-c", "cat /proc/self/status")
    try:
        with Supervisor(Launch(shell, direct.env, direct.cwd, direct.output)) as target:
            eventually(lambda: target.poll() is not None)
    finally:
        signal.signal(signal.SIGINT, before)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])
    fields = dict(
        line.split(":\t", 1) for line in (tmp_path / "stdout.txt").read_text().splitlines()
    )
    of_the_c_library = 0b11 << 31  # 32 and 33, which a program cannot set; see signal(7)
    assert int(fields["SigIgn"], 16) & ~of_the_c_library == 0
    assert int(fields["SigBlk"], 16) == 0


def test_a_program_that_is_not_there(tmp_path):
    direct = launch("", tmp_path)
    missing = Launch(("/no/such/program",), direct.env, direct.cwd, direct.output)
    with pytest.raises(TargetNotReady, match="No such file") as caught, Supervisor(missing):
        pass
    assert caught.value.stage == "start"


def test_the_flag_of_the_lab_is_restored(tmp_path):
    before = subreaper._flag()
    with Supervisor(launch("stay()", tmp_path)):
        assert subreaper._flag() == 1
    assert subreaper._flag() == before


# -- output ------------------------------------------------------------------------------------


def test_a_hundred_megabytes_are_counted_and_cut(tmp_path, eventually):
    source = """
os.write(1, b"HEAD\\n")
for _ in range(100): sys.stdout.buffer.write(b"x" * (1 << 20))
sys.stdout.buffer.write(b"TAIL\\n"); sys.stdout.flush()
"""
    with Supervisor(launch(source, tmp_path, cap_bytes=1 << 16)) as target:
        eventually(lambda: target.poll() is not None)
        peak = procfs.status(target.shim_pid)["VmHWM"]
    stdout, stderr = target.outputs
    kept = (tmp_path / "stdout.txt").read_bytes()
    assert stdout.total_bytes == (100 << 20) + 10
    assert stdout.kept_bytes == 1 << 16
    assert kept.startswith(b"HEAD\nxxx")
    assert kept.endswith(b"xxxTAIL\n")
    assert f"[... {stdout.total_bytes - stdout.kept_bytes} bytes cut ...]".encode() in kept
    assert stderr.total_bytes == 0
    assert int(peak.split()[0]) < 40_000


def test_what_was_written_is_kept_when_the_keeper_is_killed(tmp_path, eventually):
    source = "os.write(1, b'said'); stay()"
    with Supervisor(launch(source, tmp_path)) as target:
        eventually(lambda: (tmp_path / "stdout.txt").read_bytes() == b"said")
        os.kill(target.shim_pid, signal.SIGKILL)
        eventually(lambda: target.poll() is not None)
    assert (tmp_path / "stdout.txt").read_bytes() == b"said"


# -- what is left in the file system ------------------------------------------------------------

LEAVES = """
from multiprocessing import get_context, shared_memory, resource_tracker
import tempfile
locks = [get_context("spawn").Lock() for _ in range(2)]
memory = shared_memory.SharedMemory(create=True, size=4096)
theirs = shared_memory.SharedMemory(name=os.environ["THEIRS"])
tempfile.mkdtemp(prefix="pymp-")
os.kill(resource_tracker._resource_tracker._pid, signal.SIGKILL)
print(memory._name, *(lock._semlock.name for lock in locks), flush=True)
stay()
"""


def test_leftovers_are_removed_and_those_of_others_are_not(tmp_path, eventually):
    theirs = shared_memory.SharedMemory(create=True, size=4096)
    try:
        launched = launch(LEAVES, tmp_path)
        launched = Launch(
            (sys.executable, "-c", launched.argv[-1]),
            {**launched.env, "THEIRS": theirs.name},
            launched.cwd,
            launched.output,
        )
        with Supervisor(launched) as target:
            eventually(lambda: (tmp_path / "stdout.txt").read_text().endswith("\n"))
            names = (tmp_path / "stdout.txt").read_text().split()
            private = target._temporary
            reaped = target.kill()
        assert Path("/dev/shm", theirs.name).exists()
    finally:
        theirs.close()
        theirs.unlink()
    memory, *locks = names
    wanted = {f"/dev/shm{memory}", *(f"/dev/shm/sem.{name[1:]}" for name in locks)}
    left = set(reaped.leftovers)
    assert wanted <= left
    assert [Path(path).name.startswith("pymp-") for path in left - wanted] == [True]
    assert not any(Path(path).exists() for path in left)
    assert not Path(private).exists()


# -- as somebody else ---------------------------------------------------------------------------


def may_run_as_nobody() -> bool:
    """Whether there is such a user to become, who may also reach this interpreter and the lab."""
    if os.geteuid() != 0:
        return False
    code = "import lab.supervise"
    tried = subprocess.run(
        [sys.executable, "-c", code], user="nobody", cwd=ROOT, capture_output=True, check=False
    )
    return tried.returncode == 0


def test_another_user_contains_and_proves_as_well():
    """The same tests once more, as a user without any privilege."""
    try:
        allowed = may_run_as_nobody()
    except (OSError, KeyError, subprocess.SubprocessError):
        allowed = False
    if not allowed:
        pytest.skip("cannot become the user nobody, or nobody cannot reach this interpreter")
    # Not below tmp_path: every pytest that starts closes the directory above it to others.
    Path(tempfile.gettempdir()).chmod(0o711)
    home = Path(tempfile.mkdtemp())
    os.chown(home, pwd.getpwnam("nobody").pw_uid, -1)
    words = "nothing_survives or proved or spawn or leftovers"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"),
            *("--basetemp", str(home / "t"), "-k", f"({words}) and not another_user"),
            "tests/integration/supervise",
        ],
        user="nobody",
        group=pwd.getpwnam("nobody").pw_gid,
        extra_groups=[],
        cwd=ROOT,
        env={**os.environ, "HOME": str(home), "TMPDIR": str(home)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    shutil.rmtree(home)
    assert done.returncode == 0, done.stdout[-4000:]
    assert " passed" in done.stdout


def test_an_output_directory_that_is_not_there(tmp_path):
    direct = launch("stay()", tmp_path)
    lost = Launch(direct.argv, direct.env, direct.cwd, tmp_path / "none")
    with pytest.raises(TargetNotReady, match=r"stdout.txt: No such file"), Supervisor(lost):
        pass
