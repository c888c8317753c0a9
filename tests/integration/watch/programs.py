"""Small programs for the tests of ``lab watch``."""

from __future__ import annotations

COUNT_INTERRUPTS = """
import signal, sys, time
seen = 0
def note(*_):
    global seen
    seen += 1
    print("interrupt", seen, flush=True)
signal.signal(signal.SIGINT, note)
signal.signal(signal.SIGCONT, lambda *_: print("continued", flush=True))
print("ready", flush=True)
while seen < 2:
    time.sleep(0.01)
print("done", flush=True)
"""

SIZE = """
import os, signal, sys
def show(*_):
    print("size", *os.get_terminal_size(), flush=True)
    if "ready" in shown:
        raise SystemExit(5)
shown = []
signal.signal(signal.SIGWINCH, show)
print([os.isatty(fd) for fd in (0, 1, 2)])
show()
shown.append("ready")
print("ready", flush=True)
while True:
    signal.pause()
"""

NOTE_SIGNALS = """
import os, signal, sys, time
def note(number, _):
    os.write(1, signal.Signals(number).name.encode() + b"\\n")
    if number == signal.SIGTERM:
        os._exit(9)
for name in sys.argv[1:]:
    signal.signal(getattr(signal, name), note)
os.write(1, b"ready\\n")
while True:
    time.sleep(0.01)
"""

CROSSED = """
import threading
first, second = threading.Lock(), threading.Lock()
both = threading.Barrier(2)

def one():
    with first:
        both.wait()
        with second:
            pass

def two():
    with second:
        both.wait()
        with first:
            pass

if __name__ == "__main__":
    workers = [threading.Thread(target=w, name=w.__name__) for w in (one, two)]
    for worker in workers: worker.start()
    for worker in workers: worker.join()
"""

CROSSED_PROCESSES = """
import multiprocessing, sys

def work(mine, theirs, both):
    with mine:
        both.wait()
        with theirs:
            pass

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    first, second, both = context.Lock(), context.Lock(), context.Barrier(2)
    workers = [
        context.Process(target=work, args=(first, second, both), name="one"),
        context.Process(target=work, args=(second, first, both), name="two"),
    ]
    for worker in workers: worker.start()
    for worker in workers: worker.join()
"""

COMMUNICATE = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.read()
"""

WAITS_FOR_SLEEP = """
import subprocess
subprocess.run(["sleep", "infinity"])
"""

DAEMONS = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)
os.wait()
time.sleep(600)
"""
