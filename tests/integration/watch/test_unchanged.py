"""What ends well ends as it would without ``lab watch``: output, exit code, signals, leftovers."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys

import pytest

from lab import procfs
from tests.integration.lab_command import command, lab
from tests.integration.watch import programs


def watched(*words: object, **options: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        command("watch", "--", *words), capture_output=True, timeout=120, check=False, **options
    )


@pytest.mark.parametrize("code", [0, 1, 3, 77, 124, 130, 255])
def test_exit_codes(code, tmp_path):
    done = watched("sh", "-c", f"exit {code}", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (code, b"", b"")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["TERM", "KILL", "SEGV", "INT", "HUP", "USR1"])
def test_death_by_a_signal(name):
    done = watched("sh", "-c", f"kill -{name} $$")
    assert done.returncode == -getattr(signal, f"SIG{name}")
    assert done.stderr == b""


def test_what_cannot_be_started(tmp_path):
    plain = tmp_path / "plain"
    plain.write_text("no program\n")
    assert watched("no-such-command").returncode == 127
    assert watched(tmp_path / "missing").returncode == 127
    done = watched(plain)
    assert done.returncode == 126
    assert done.stderr == f"lab: {plain}: Permission denied\n".encode()


def test_a_script_without_a_first_line_is_given_to_the_shell(tmp_path):
    script = tmp_path / "script"
    script.write_text("echo from the shell $1\nexit 4\n")
    script.chmod(0o755)
    done = watched(script, "word")
    assert (done.returncode, done.stdout) == (4, b"from the shell word\n")


def test_fifty_megabytes_pass_unchanged():
    source = (
        "import sys, os\nfor n in range(800): sys.stdout.buffer.write(bytes([n % 256]) * 65536)"
    )
    done = watched(sys.executable, "-c", source)
    wanted = hashlib.sha256()
    for n in range(800):
        wanted.update(bytes([n % 256]) * 65536)
    assert hashlib.sha256(done.stdout).digest() == wanted.digest()


def test_input_and_both_outputs_pass():
    source = "import sys; text = sys.stdin.read(); print(text.upper()); print('e', file=sys.stderr)"
    done = watched(sys.executable, "-c", source, input=b"abc")
    assert (done.stdout, done.stderr, done.returncode) == (b"ABC\n", b"e\n", 0)


def test_closed_streams_stay_closed():
    line = " ".join(command("watch", "--", sys.executable, "-c", "'import os; os.fstat(0)'"))
    done = subprocess.run(
        ["sh", "-c", f"{line} <&-"], capture_output=True, timeout=120, check=False
    )
    assert b"Bad file descriptor" in done.stderr
    assert done.returncode == 1


def test_a_peer_is_told_at_once_that_its_pipe_is_closed():
    """The lab holds no end of the pipe: the writer is told while the command goes on."""
    source = (
        "import os, sys; os.close(0); print('closed', flush=True); os.read(int(sys.argv[1]), 1)"
    )
    gate, key = os.pipe()
    process = subprocess.Popen(
        command("watch", "--", sys.executable, "-c", source, str(gate)),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[gate],
    )  # fmt: skip
    os.close(gate)
    assert process.stdout.readline() == b"closed\n"
    with pytest.raises(BrokenPipeError):
        os.write(process.stdin.fileno(), b"x")
    os.close(key)
    process.communicate()
    assert process.returncode == 0


def test_inherited_descriptors_and_environment_pass():
    reader, writer = os.pipe()
    source = f"import os; os.write({writer}, os.environ['GIVEN'].encode())"
    names = "import os; print(sorted(os.environ))"
    try:
        environment = {**os.environ, "GIVEN": "here"}
        watched(sys.executable, "-c", source, pass_fds=[writer], env=environment)
        assert os.read(reader, 100) == b"here"
        bare = subprocess.run([sys.executable, "-c", names], capture_output=True, check=True)
        assert watched(sys.executable, "-c", names).stdout == bare.stdout
    finally:
        os.close(reader)
        os.close(writer)


@pytest.fixture
def noting():
    """A watched program that notes the signals it gets, in a process group of its own."""
    names = ["SIGUSR1", "SIGUSR2", "SIGHUP", "SIGINT", "SIGTERM", "SIGWINCH"]
    process = subprocess.Popen(
        command("watch", "--", sys.executable, "-c", programs.NOTE_SIGNALS, *names),
        stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_signals_to_the_lab_reach_the_command_once(noting):
    for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP, signal.SIGINT, signal.SIGWINCH):
        noting.send_signal(number)
        assert noting.stdout.readline() == f"{number.name}\n"
    noting.send_signal(signal.SIGTERM)
    assert noting.communicate()[0] == "SIGTERM\n"
    assert noting.returncode == 9


def test_signals_to_the_group_reach_the_command_once(noting):
    for number in (signal.SIGUSR1, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP):
        os.killpg(noting.pid, number)
        assert noting.stdout.readline() == f"{number.name}\n"
    os.killpg(noting.pid, signal.SIGTERM)
    assert noting.communicate()[0] == "SIGTERM\n"
    assert noting.returncode == 9


def test_signals_ignored_before_stay_ignored():
    source = "import signal; print(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN)"
    line = " ".join(command("watch", "--", sys.executable, "-c", f"'{source}'"))
    done = subprocess.run(["sh", "-c", f"trap '' HUP; {line}"], capture_output=True, check=False)
    assert done.stdout == b"True\n"


def test_daemons_of_a_command_that_ends_well_are_left_alone():
    source = (
        "import subprocess; print(subprocess.Popen(['sleep', '600'], start_new_session=True,"
        " stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).pid)"
    )
    done = watched(sys.executable, "-c", source)
    pid = int(done.stdout)
    try:
        assert done.returncode == 0
        assert procfs.command_line(pid) == ("sleep", "600")
    finally:
        os.kill(pid, signal.SIGKILL)


@pytest.fixture
def with_daemons(eventually):
    """A watched command with descendants that hide in sessions of their own; and all of these."""
    process = subprocess.Popen(command("watch", "--", sys.executable, "-c", programs.DAEMONS))
    # The witness, the keeper, the command and its daemon.
    eventually(lambda: len(procfs.descendants(process.pid)) >= 4)
    members = procfs.descendants(process.pid)
    yield process, members
    process.kill()
    process.wait()


def test_the_death_of_the_lab_ends_the_command(with_daemons, eventually):
    process, members = with_daemons
    process.kill()
    process.wait()
    eventually(lambda: not any(procfs.stat(pid) for pid in members))


def test_the_death_of_its_keeper_is_no_way_out(with_daemons, eventually):
    process, members = with_daemons
    os.kill(
        next(pid for pid in procfs.children(process.pid) if procfs.children(pid)), signal.SIGKILL
    )
    assert process.wait() == -signal.SIGKILL
    eventually(lambda: not any(procfs.stat(pid) for pid in members))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "no command"),
        (["--"], "no command"),
        (["--timeout", "soon", "--", "true"], "--timeout soon"),
        (["--timeout", "-1", "--", "true"], "--timeout -1"),
        (["--quiet-for", "1e3", "--", "true"], "--quiet-for 1e3"),
        (["--on-hang", "panic", "--", "true"], "--on-hang panic"),
        (["--on-hang", "", "--", "true"], "--on-hang"),
        (["--no-such-option", "--", "true"], "--no-such-option"),
        (["--timeout"], "--timeout"),
    ],
)
def test_wrong_usage(words, said):
    done = lab("watch", *words)
    assert done.code == 2
    assert said in done.complaint
    assert done.out == ""
