"""Programs that try to leave something behind. Each process of them reports before it settles."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from lab.supervise import Launch

PRELUDE = """
import ctypes, os, signal, subprocess, sys, time

def here():
    open(os.path.join(os.environ["READY"], str(os.getpid())), "w").close()

def stay():
    here()
    while True:
        time.sleep(1000)

def child(body):
    pid = os.fork()
    if pid == 0:
        try:
            body()
        finally:
            os._exit(0)
    return pid

def everybody(count):
    while len(os.listdir(os.environ["READY"])) < count:
        time.sleep(0.002)

def daemon(body):
    def middle():
        os.setsid()
        child(body)
    os.waitpid(child(middle), 0)
"""


@dataclass(frozen=True)
class Hostile:
    """A program, and how many of its processes report."""

    source: str
    processes: int


HOSTILE = {
    "a double-forked daemon": Hostile("daemon(stay); stay()", 2),
    "a daemon whose parent has ended": Hostile("daemon(stay); everybody(1)", 1),
    "an escape into a new session": Hostile("child(lambda: (os.setsid(), stay())); stay()", 2),
    "processes that ignore every signal": Hostile(
        """
def deaf():
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        try: signal.signal(number, signal.SIG_IGN)
        except OSError: pass
    stay()
child(deaf); deaf()
""",
        2,
    ),
    "fifty processes": Hostile("for _ in range(49): child(stay)\nstay()", 50),
    "a chain of twenty": Hostile(
        """
def link(left):
    if left: child(lambda: link(left - 1))
    stay()
link(19)
""",
        20,
    ),
    "stopped children": Hostile(
        """
def stopped():
    here(); os.kill(os.getpid(), signal.SIGSTOP)
for _ in range(3): child(stopped)
stay()
""",
        4,
    ),
    "children that are never reaped": Hostile("for _ in range(5): child(here)\nstay()", 6),
    "a grandchild that holds the output open": Hostile(
        "daemon(lambda: (os.write(1, b'still'), stay())); everybody(1)", 1
    ),
    "a subreaper of its own": Hostile(
        "ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)\ndaemon(stay); daemon(stay); stay()", 3
    ),
    "an empty environment": Hostile(
        """
def bare():
    place = os.environ["READY"]
    code = "import os, time; open(%r + '/' + str(os.getpid()), 'w'); time.sleep(1000)" % place
    os.execve(sys.executable, [sys.executable, "-S", "-c", code], {})
daemon(bare); stay()
""",
        2,
    ),
    "one that forks and ends for ever": Hostile(
        """
def hop():
    here()
    for _ in range(10 ** 9):
        if os.fork(): os._exit(0)
        time.sleep(0.001)
daemon(hop); stay()
""",
        2,
    ),
    "a crowd that keeps forking": Hostile(
        """
def breed():
    here()
    while True:
        pid = os.fork()
        if pid == 0: time.sleep(0.01); os._exit(0)
        os.waitpid(pid, 0)
for _ in range(20): child(breed)
stay()
""",
        21,
    ),
    "its keeper stopped": Hostile("os.kill(os.getppid(), signal.SIGSTOP); daemon(stay); stay()", 2),
    "a thread that forks": Hostile(
        """
import threading
threading.Thread(target=lambda: (daemon(stay), stay())).start()
time.sleep(1000)
""",
        2,
    ),
}

KEEPER_KILLED = {
    "it kills its keeper": Hostile(
        "child(stay); daemon(stay); everybody(2); here(); os.kill(os.getppid(), signal.SIGKILL)\n"
        "time.sleep(1000)",
        3,
    ),
    "a deaf daemon without an environment kills it": Hostile(
        """
def bare():
    place = os.environ["READY"]
    code = '''import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(%r + "/" + str(os.getpid()), "w")
time.sleep(1000)''' % place
    os.execve(sys.executable, [sys.executable, "-S", "-c", code], {})
daemon(bare); child(stay); everybody(2); here(); os.kill(os.getppid(), signal.SIGKILL)
time.sleep(1000)
""",
        3,
    ),
}


def launch(source: str, directory: Path, **more: int) -> Launch:
    """Return how to start ``source``; its processes report in ``directory/ready``."""
    ready = directory / "ready"
    ready.mkdir(exist_ok=True)
    return Launch(
        argv=(sys.executable, "-S", "-c", PRELUDE + source),
        env={**os.environ, "READY": str(ready)},
        cwd=directory,
        output=directory,
        **more,
    )


def reported(directory: Path) -> set[int]:
    """Return the pids that have reported so far."""
    return {int(path.name) for path in (directory / "ready").iterdir()}
