"""Fifteen programs that are busy, slow or waiting: none of them hangs, and all end with 0.

Each stands still for longer than it takes to be looked at, or is never still. ``{pipe}`` is a
descriptor into which the test writes when the program has waited long enough.
"""

from __future__ import annotations

BUSY = "import time\nend = time.monotonic() + 2\nwhile time.monotonic() < end: pass"

SLEEPS = "import time; time.sleep(2)"

SLOW_STEPS = "import time\nfor _ in range(3): time.sleep(0.7)"

TIMED_WAIT = "import threading; threading.Event().wait(2)"

QUEUE_TIMEOUT = """
import queue
try:
    queue.Queue().get(timeout=2)
except queue.Empty:
    pass
"""

HEARTBEAT = """
import threading, time
def beat():
    for _ in range(20): time.sleep(0.1)
    lock.release()
lock = threading.Lock()
lock.acquire()
threading.Thread(target=beat).start()
lock.acquire()
"""

WAITS_FOR_A_SLOW_CHILD = "import subprocess; subprocess.run(['sleep', '2'], check=True)"

READS_FROM_OUTSIDE = "import os; assert os.read({pipe}, 1)"

READS_IN_A_CHILD = """
import os, subprocess, sys
child = f"import os; os.read({pipe}, 1)"
subprocess.run([sys.executable, "-c", child], pass_fds=[{pipe}], check=True)
"""

SELECTS = "import select; select.select([{pipe}], [], [])"

ACCEPTS = """
import socket, threading, time
server = socket.create_server(("127.0.0.1", 0))
def call():
    time.sleep(2)
    socket.create_connection(server.getsockname())
threading.Thread(target=call).start()
server.accept()
"""

ACCEPTS_FROM_OUTSIDE = """
import os, socket, threading
server = socket.create_server(("127.0.0.1", 0))
def stop():
    os.read({pipe}, 1)
    server.shutdown(socket.SHUT_RDWR)
threading.Thread(target=stop).start()
try:
    server.accept()
except OSError:
    pass
"""

AWAITS_A_SIGNAL = """
import os, signal, subprocess, sys, threading
stop = threading.Event()
signal.signal(signal.SIGUSR1, lambda *_: stop.set())
killer = f"import os, signal; os.read({pipe}, 1); os.kill({os.getpid()}, signal.SIGUSR1)"
if os.fork() == 0:
    os.setsid()
    os.execv(sys.executable, [sys.executable, "-c", "exec(" + repr(killer) + ")"])
stop.wait()
"""

SETS_A_TIMER = """
import signal, threading
stop = threading.Event()
signal.signal(signal.SIGALRM, lambda *_: stop.set())
signal.setitimer(signal.ITIMER_REAL, 2)
stop.wait()
"""

AWAITS_IN_A_LOOP = """
import asyncio
async def main():
    event = asyncio.Event()
    asyncio.get_running_loop().call_later(2, event.set)
    await event.wait()
asyncio.run(main())
"""

FILE_LOCK_HELD_OUTSIDE = """
import fcntl, sys
with open("lock", "w") as file:
    fcntl.flock(file, fcntl.LOCK_EX)
"""

POOL_OF_THE_IDLE = """
import concurrent.futures, time
with concurrent.futures.ProcessPoolExecutor(2) as pool:
    pool.submit(abs, -1).result()
    time.sleep(2)
"""

PROGRAMS = {name.lower(): text for name, text in list(globals().items()) if name.isupper()}
