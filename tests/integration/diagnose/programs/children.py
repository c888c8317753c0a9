"""Programs that wait for other programs; ``#: name`` marks the lines that matter.

Run as ``python children.py NAME``. Each says ``ready`` when nothing but the last step is left.
"""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
import time

LONG = "3600"
CHATTY = "import sys\nsys.stdout.write('x' * 1_000_000)\nsys.stdout.flush()\n"


def ready() -> None:
    print("ready", flush=True)


def unread_pipe() -> None:
    """The classic: wait() for a child that writes more than the pipe takes."""
    with subprocess.Popen([sys.executable, "-c", CHATTY], stdout=subprocess.PIPE) as child:
        ready()
        child.wait()  #: unread-waits


def unread_pipe_of_a_shell() -> None:
    """The same, with a child that is no Python."""
    with subprocess.Popen(["cat", "/dev/zero"], stdout=subprocess.PIPE) as child:
        ready()
        child.wait()  #: cat-waits


def unclosed_input() -> None:
    """A child that reads to the end of its input, which the parent never closes."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as child:
        ready()
        child.wait()  #: input-waits


def unread_pipe_beside_a_heartbeat() -> None:
    def beat() -> None:
        while True:
            time.sleep(0.05)

    threading.Thread(target=beat, daemon=True, name="heartbeat").start()
    unread_pipe()


def raw_wait() -> None:
    """A child that waits for its parent's word, and a parent in os.waitpid."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(writer)
        os.read(reader, 1)  #: forked-reads
        os._exit(0)
    os.close(reader)
    ready()
    os.waitpid(child, 0)  #: raw-waits
    os.close(writer)


def unread_terminal() -> None:
    """A child that writes more to its terminal than that takes, and nobody reads."""
    child, master = pty.fork()
    if not child:
        os.execvp("cat", ["cat", "/dev/zero"])
    ready()
    os.waitpid(child, 0)  #: terminal-waits
    os.close(master)


# -- what only looks so


def sleeping_child() -> None:
    with subprocess.Popen(["sleep", LONG], stdout=subprocess.PIPE) as child:
        ready()
        child.wait()  #: sleeper-waits


def shell_between() -> None:
    """Python, a shell, and another Python that works."""
    work = f"{sys.executable} -c 'import time; time.sleep({LONG})'; true"
    with subprocess.Popen(["sh", "-c", work]) as child:
        ready()
        child.wait()  #: shell-waits


def communicating() -> None:
    with subprocess.Popen(["sleep", LONG], stdout=subprocess.PIPE) as child:
        ready()
        child.communicate()  #: communicates


def read_by_a_thread() -> None:
    """The parent waits, and a thread reads what the slow child writes."""
    child = subprocess.Popen(["sleep", LONG], stdout=subprocess.PIPE)
    assert child.stdout is not None
    threading.Thread(target=child.stdout.read, daemon=True, name="reader").start()
    ready()
    child.wait()


if __name__ == "__main__":
    globals()[sys.argv[1]]()
