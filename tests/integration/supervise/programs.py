"""Programs that hang for ever, and programs that only look like it. Each says when it is set."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from lab.supervise import Launch

PRELUDE = """
import asyncio, fcntl, gc, multiprocessing, os, queue, select, signal, socket, subprocess, sys
import tempfile, threading, time
from multiprocessing import get_context

def say(word):
    os.write(1, word.encode() + b"\\n")

def thread(body, *args):
    made = threading.Thread(target=body, args=args)
    made.start()
    return made

def take_both(mine, theirs, everybody):
    with mine:
        everybody.wait()
        with theirs:
            pass

def processes_with(method):
    context = get_context(method)
    a, b, everybody = context.Lock(), context.Lock(), context.Barrier(2)
    crew = [context.Process(target=take_both, args=args)
            for args in ((a, b, everybody), (b, a, everybody))]
    for worker in crew: worker.start()
    for worker in crew: worker.join()
"""

DEADLOCKS = {
    "two locks, threads": """
a, b, everybody = threading.Lock(), threading.Lock(), threading.Barrier(2)
crew = [thread(take_both, a, b, everybody), thread(take_both, b, a, everybody)]
for worker in crew: worker.join()
""",
    "two locks, fork": "processes_with('fork')",
    "two locks, forkserver": "processes_with('forkserver')",
    "two locks, spawn": "processes_with('spawn')",
    "a lock taken twice": "lock = threading.Lock(); lock.acquire(); lock.acquire()",
    "a process lock taken twice": "lock = multiprocessing.Lock(); lock.acquire(); lock.acquire()",
    "an event that nobody sets": "threading.Event().wait()",
    "a process event that nobody sets": "multiprocessing.get_context('fork').Event().wait()",
    "a condition that nobody notifies": """
condition = threading.Condition()
with condition: condition.wait()
""",
    "a queue that nobody fills": "queue.Queue().get()",
    "a process queue that nobody fills": "get_context('fork').Queue().get()",
    "a barrier with one party missing": "threading.Barrier(2).wait()",
    "threads that join each other": """
crew = []
ready = threading.Event()
def other(i):
    ready.wait()
    crew[1 - i].join()
crew += [thread(other, 0), thread(other, 1)]
ready.set()
for worker in crew: worker.join()
""",
    "two processes with full pipes": """
left, right = os.pipe(), os.pipe()
def fill(mine, theirs):
    os.write(mine[1], bytes(1 << 20))
    os.read(theirs[0], 1 << 20)
context = get_context('fork')
crew = [context.Process(target=fill, args=pair) for pair in ((left, right), (right, left))]
for worker in crew: worker.start()
for worker in crew: worker.join()
""",
    "a child that waits for its parent's pipe": """
reader, writer = os.pipe()
pid = os.fork()
if pid == 0:
    os.read(reader, 1)
os.waitpid(pid, 0)
""",
    "file locks in a ring": """
paths = [os.path.join(tempfile.gettempdir(), name) for name in ("a", "b")]
everybody = get_context('fork').Barrier(2)
def lock(i):
    files = [open(paths[(i + j) % 2], "w") for j in range(2)]
    fcntl.flock(files[0], fcntl.LOCK_EX)
    everybody.wait()
    fcntl.flock(files[1], fcntl.LOCK_EX)
context = get_context('fork')
crew = [context.Process(target=lock, args=(i,)) for i in range(2)]
for worker in crew: worker.start()
for worker in crew: worker.join()
""",
    "a lock inherited by fork": """
lock = threading.Lock()
holds, done = threading.Event(), threading.Event()
def hold():
    with lock:
        holds.set()
        done.wait()
holder = thread(hold)
holds.wait()
pid = os.fork()
if pid == 0:
    lock.acquire()
os.waitpid(pid, 0)
""",
    "a pipe of multiprocessing that nobody writes to": """
reader, writer = get_context('fork').Pipe()
reader.recv()
""",
    "a coroutine that nobody wakes": """
async def main(): await asyncio.get_running_loop().create_future()
asyncio.run(main())
""",
    "a pool whose worker was killed": """
context = get_context('fork')
def die(): os.kill(os.getpid(), signal.SIGKILL)
lock = context.Lock()
with lock:
    worker = context.Process(target=lock.acquire)
    worker.start()
    worker.join()
""",
    "a select on a pipe of its own": "r, w = os.pipe(); select.select([r], [], [])",
    "an epoll on a pipe of its own": """
r, w = os.pipe()
epoll = select.epoll(); epoll.register(r, select.EPOLLIN); epoll.poll()
""",
}

QUIET = {
    "asleep": "time.sleep(1000)",
    "a lock with a time-out": "lock = threading.Lock(); lock.acquire(); lock.acquire(timeout=1000)",
    "an event with a time-out": "threading.Event().wait(1000)",
    "a queue with a time-out": "get_context('fork').Queue().get(timeout=1000)",
    "a server that waits for a client": """
server = socket.create_server(("127.0.0.1", 0)); server.accept()
""",
    "a server on a socket in the file system": """
server = socket.socket(socket.AF_UNIX); server.bind(os.path.join(tempfile.gettempdir(), "s"))
server.listen(); server.accept()
""",
    "a coroutine that listens": """
async def main():
    server = await asyncio.start_server(lambda *a: None, "127.0.0.1", 0)
    await server.serve_forever()
asyncio.run(main())
""",
    "a reader of a terminal": "leader, follower = os.openpty(); os.read(follower, 1)",
    "a timer signal beside a deadlock": """
signal.signal(signal.SIGALRM, lambda *a: None); signal.alarm(1000)
lock = threading.Lock(); lock.acquire(); lock.acquire()
""",
    "a wait for a signal": "signal.pause()",
    "a stopped child": """
pid = os.fork()
if pid == 0: os.kill(os.getpid(), signal.SIGSTOP)
os.waitpid(pid, 0)
""",
    "a sleeper beside a deadlock": """
thread(time.sleep, 1000)
lock = threading.Lock(); lock.acquire(); lock.acquire()
""",
    "a child that sleeps": "subprocess.run(['sleep', '1000'])",
    "a named pipe": """
path = os.path.join(tempfile.gettempdir(), "fifo"); os.mkfifo(path)
fd = os.open(path, os.O_RDWR); os.read(fd, 1)
""",
    "a poll with a time-out": """
r, w = os.pipe(); p = select.poll(); p.register(r, select.POLLIN); p.poll(1000_000)
""",
    "a datagram socket": """
a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
a.bind(os.path.join(tempfile.gettempdir(), "d")); a.recv(1)
""",
    "a timer as a descriptor": """
import ctypes
libc = ctypes.CDLL(None)
fd = libc.timerfd_create(1, 0)
libc.timerfd_settime(fd, 0, (ctypes.c_long * 4)(0, 0, 1000, 0), None)
os.read(fd, 8)
""",
}

BUSY = {
    "a loop": "while True: pass",
    "a slow loop": "while True: time.sleep(0.002)",
    "a heartbeat beside a deadlock": """
def beat():
    while True: time.sleep(0.005)
thread(beat)
lock = threading.Lock(); lock.acquire(); lock.acquire()
""",
    "writing to a disk": """
with tempfile.TemporaryFile() as file:
    while True:
        file.write(bytes(1 << 16)); file.flush(); os.fsync(file.fileno()); file.seek(0)
""",
    "the garbage collector": """
crowd = [[i] for i in range(200_000)]
while True: gc.collect()
""",
    "handing a token around": """
a, b = queue.Queue(), queue.Queue()
def pass_on(source, sink):
    while True:
        sink.put(source.get())
thread(pass_on, a, b); thread(pass_on, b, a); a.put(1); threading.Event().wait(1000)
""",
    "processes that hand a token around": """
context = get_context('fork')
a, b = context.Queue(), context.Queue()
def pass_on(source, sink):
    while True:
        sink.put(source.get())
for pair in ((a, b), (b, a)): context.Process(target=pass_on, args=pair).start()
a.put(1)
for child in multiprocessing.active_children(): child.join()
""",
    "children that come and go": """
while True:
    os.waitpid(os.fork() or os._exit(0), 0)
""",
    "holding the lock while working": """
lock = threading.Lock()
def work():
    while True:
        with lock: sum(range(1000))
for _ in range(4): thread(work)
""",
    "threads that come and go": """
while True: thread(lambda: None).join()
""",
}


def launch(source: str, directory: Path) -> Launch:
    """Return how to start ``source`` from a file, so that spawn and forkserver can import it."""
    program = directory / "program.py"
    body = "".join(f"    {line}\n" for line in source.strip().splitlines())
    program.write_text(f"{PRELUDE}\nif __name__ == '__main__':\n    say('set')\n{body}")
    return Launch(
        argv=(sys.executable, str(program)), env=dict(os.environ), cwd=directory, output=directory
    )
