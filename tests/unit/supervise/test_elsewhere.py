"""Where containment is not possible the room can be imported, and says so when it is used."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.supervise import Launch, Supervisor, TargetNotReady, consent


def test_elsewhere_it_says_what_it_needs(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "platform", "darwin")
    launch = Launch(argv=("true",), env={}, cwd=tmp_path, output=tmp_path)
    with pytest.raises(LabError, match="containment needs Linux, this is darwin") as caught:
        Supervisor(launch)
    assert "container" in caught.value.next_step


def test_it_can_be_imported_elsewhere():
    code = "import sys; sys.platform = 'darwin'; import lab.supervise"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_an_error_of_the_start_is_one_line():
    error = TargetNotReady("import", "ValueError: no", "Traceback\n  ...")
    assert error.line() == "the program was not ready to run (import): ValueError: no"
    assert error.traceback == "Traceback\n  ..."


@pytest.mark.parametrize(
    ("scope", "user", "needed"),
    [("0\n", 1000, False), ("1\n", 1000, True), ("1\n", 0, False), ("3\n", 1000, False)],
)
def test_consent_is_needed_where_only_ancestors_may_look(
    monkeypatch, tmp_path, scope, user, needed
):
    (tmp_path / "scope").write_text(scope)
    monkeypatch.setattr(consent, "_SCOPE", tmp_path / "scope")
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert consent.is_needed() is needed


def test_consent_is_not_needed_without_yama(monkeypatch, tmp_path):
    monkeypatch.setattr(consent, "_SCOPE", tmp_path / "none")
    assert not consent.is_needed()


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_consent_hands_over_to_the_user_s_own_sitecustomize(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("print('mine', __file__)\n")
    env = consent.environment({**os.environ, "PYTHONPATH": str(tmp_path)})
    ours = str(Path(consent.__file__).parent)
    code = f"import sys; print({ours!r} in sys.path, sys.modules['sitecustomize'].__file__)"
    shown = subprocess.run(
        [sys.executable, "-c", code],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    path = str(tmp_path / "sitecustomize.py")
    assert shown.stdout == f"mine {path}\nFalse {path}\n"
    assert shown.stderr == ""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_consent_is_given_again_in_every_forked_child(tmp_path):
    """The call is counted by a stand-in for the C library, found in place of ctypes."""
    fake = "class CDLL:\n    def __init__(self, _): pass\n"
    fake += "    def prctl(self, *a): print('allowed', a[0], flush=True)\n"
    fake += "def c_ulong(value): return value\n"
    (tmp_path / "ctypes.py").write_text(fake)
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}:{Path(consent.__file__).parent}"}
    code = "import os; pid = os.fork(); pid and os.waitpid(pid, 0)"
    shown = subprocess.run(
        [sys.executable, "-c", code],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert shown.stdout == "allowed 1499557217\n" * 2
