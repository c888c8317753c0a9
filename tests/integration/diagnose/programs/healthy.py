"""Programs that are busy, slow or contended, and not hung: no cycle may be seen, no wrong holder.

Run as ``python healthy.py NAME [START_METHOD]``. They end when they are killed, or after a minute.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import queue
import random
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

LONG = 60.0
FIRST = threading.Lock()
SECOND = threading.Lock()


def ready() -> None:
    print("ready", flush=True)


def crew(*targets):
    for i, (target, *args) in enumerate(targets, 1):
        threading.Thread(target=target, args=args, name=f"worker-{i}", daemon=True).start()


def forever(step):
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        step()


def both_locks() -> None:
    with FIRST, SECOND:
        sum(range(200))


def contended() -> None:
    crew(*((forever, both_locks) for _ in range(4)))
    ready()
    time.sleep(LONG)


def random_pair(locks) -> None:
    i, j = sorted(random.sample(range(len(locks)), 2))
    with locks[i], locks[j]:
        sum(range(100))


def ordered_many() -> None:
    locks = [threading.Lock() for _ in range(5)]
    crew(*((forever, lambda: random_pair(locks)) for _ in range(6)))
    ready()
    time.sleep(LONG)


def hold(lock) -> None:
    with lock:  #: slow-holds
        time.sleep(LONG)


def want(lock) -> None:
    with lock:  #: slow-wants
        pass


def slow_holder() -> None:
    crew((hold, FIRST))
    while not FIRST.locked():
        time.sleep(0.01)
    threading.Thread(target=want, args=(FIRST,), name="worker-2", daemon=True).start()
    ready()
    time.sleep(LONG)


def handed_over() -> None:
    """Each has held what the other wants, and has let go of it."""

    def one() -> None:
        FIRST.acquire()
        FIRST.release()
        with SECOND:  #: over-holds
            time.sleep(LONG)

    def two() -> None:
        SECOND.acquire()
        SECOND.release()
        taken.wait()
        SECOND.acquire()  #: over-wants

    taken = threading.Event()
    crew((two,), (one,))
    while not SECOND.locked():
        time.sleep(0.01)
    taken.set()
    ready()
    time.sleep(LONG)


def same_names() -> None:
    """Two objects with locks of one name: the waits look crossed and are not."""

    class Box:
        def __init__(self) -> None:
            self._lock = threading.Lock()

        def enter(self, other: Box) -> None:
            with self._lock, other._lock:
                time.sleep(LONG)

    one, two, three, four = Box(), Box(), Box(), Box()
    crew((one.enter, two), (three.enter, four), (one.enter, three))
    ready()
    time.sleep(LONG)


def impatient() -> None:
    """Locks in opposite orders, but with time-outs: it comes and goes."""

    def step(a, b) -> None:
        with a:
            if b.acquire(timeout=0.05):
                b.release()

    crew((forever, lambda: step(FIRST, SECOND)), (forever, lambda: step(SECOND, FIRST)))
    ready()
    time.sleep(LONG)


def idle_pool() -> None:
    pool = ThreadPoolExecutor(3)
    list(pool.map(abs, range(10)))
    ready()
    time.sleep(LONG)


def slow_producer() -> None:
    items: queue.Queue = queue.Queue()

    def produce() -> None:
        while True:
            time.sleep(LONG)
            items.put(1)

    crew((produce,))
    ready()
    items.get()


def timer() -> None:
    done = threading.Event()
    alarm = threading.Timer(LONG, done.set)
    alarm.daemon = True
    alarm.start()
    ready()
    done.wait()


def busy() -> None:
    lock = threading.RLock()

    def step() -> None:
        with lock, lock:
            sum(range(1000))

    crew((forever, step), (forever, step))
    ready()
    forever(step)


def producers_and_consumers() -> None:
    items: queue.Queue = queue.Queue(2)
    crew(*((forever, lambda: items.put(1)) for _ in range(3)))
    crew(*((forever, items.get) for _ in range(3)))
    ready()
    time.sleep(LONG)


def event_loop() -> None:
    async def main() -> None:
        lock = asyncio.Lock()
        async with lock:
            ready()
            await asyncio.sleep(LONG)

    asyncio.run(main())


def child_command() -> None:
    with FIRST, subprocess.Popen(["sleep", str(LONG)]) as child:
        ready()
        child.wait()


def logging_threads() -> None:
    log = logging.getLogger("busy")
    log.addHandler(logging.NullHandler())
    log.addHandler(logging.FileHandler(os.devnull))
    log.propagate = False
    crew(*((forever, lambda: log.warning("again")) for _ in range(3)))
    ready()
    time.sleep(LONG)


def process_step(lock, counter) -> None:
    def step() -> None:
        with lock, counter.get_lock():
            counter.value += 1

    forever(step)


def contended_processes(method: str) -> None:
    context = multiprocessing.get_context(method)
    lock, counter = context.Lock(), context.Value("i", 0)
    for _ in range(3):
        context.Process(target=process_step, args=(lock, counter), daemon=True).start()
    while counter.value < 10:
        time.sleep(0.01)
    ready()
    time.sleep(LONG)


def hold_in_process(lock, taken) -> None:
    with lock:  #: pslow-holds
        taken.set()
        time.sleep(LONG)


def want_in_process(lock) -> None:
    with lock:  #: pslow-wants
        pass


def slow_process(method: str) -> None:
    context = multiprocessing.get_context(method)
    mine, taken = context.Lock(), context.Event()
    workers = [
        context.Process(target=hold_in_process, args=(mine, taken), name="worker-1", daemon=True),
        context.Process(target=want_in_process, args=(mine,), name="worker-2", daemon=True),
    ]
    workers[0].start()
    taken.wait()
    workers[1].start()
    time.sleep(0.5)
    ready()
    time.sleep(LONG)


def executor(method: str) -> None:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as pool:
        waiting = [pool.submit(time.sleep, LONG) for _ in range(2)]
        ready()
        waiting[0].result()


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
