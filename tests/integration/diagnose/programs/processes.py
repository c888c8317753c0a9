"""Programs that hang in processes, one a function; ``#: name`` marks the lines that matter.

Run as ``python processes.py NAME START_METHOD``. Each says ``ready`` when nothing but the last step
is left.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time

PLAIN = threading.Lock()
REENTRANT = threading.RLock()


def ready() -> None:
    print("ready", flush=True)


def crew(context, *targets):
    workers = [
        context.Process(target=target, args=args, name=f"worker-{i}")
        for i, (target, *args) in enumerate(targets, 1)
    ]
    for worker in workers:
        worker.start()
    return workers


def finish(workers) -> None:
    ready()
    for worker in workers:
        worker.join()  #: joins


def nested(a, b, both) -> None:
    with a:  #: p-holds
        both.wait()
        with b:  #: p-wants
            pass


def reentrant(context) -> None:
    one, two, both = context.RLock(), context.RLock(), context.Barrier(2)
    finish(crew(context, (nested, one, two, both), (nested, two, one, both)))


def explicit(locks, i: int, seated) -> None:
    locks[i].acquire()  #: ring-holds
    try:
        seated.wait()
        locks[i - 1].acquire()  #: ring-wants
    finally:
        locks[i].release()


def ring(context) -> None:
    locks, seated = [context.Lock() for _ in range(3)], context.Barrier(3)
    finish(crew(context, *((explicit, locks, i, seated) for i in range(3))))


class Shared:
    def __init__(self, context) -> None:
        self.lock = context.Lock()

    def again(self) -> None:
        with self.lock:  #: twice-holds
            self.inside()

    def inside(self) -> None:
        with self.lock:  #: twice-wants
            pass


def self_deadlock(context) -> None:
    shared = Shared(context)
    finish(crew(context, (shared.again,)))


def die_holding(lock) -> None:
    lock.acquire()
    os.kill(os.getpid(), signal.SIGKILL)


def wants(lock) -> None:
    with lock:  #: dead-wants
        pass


def dead_holder(context) -> None:
    lock = context.Lock()
    victim = crew(context, (die_holding, lock))[0]
    victim.join()
    finish(crew(context, (wants, lock)))


def parent_joins_holding(context) -> None:
    lock = context.Lock()
    with lock:  #: parent-holds
        finish(crew(context, (wants, lock)))


def hold_for_ever(lock, taken) -> None:
    with lock:  #: forked-holds
        taken.set()
        threading.Event().wait()


def use_plain(_lock) -> None:
    with PLAIN:  #: forked-wants
        pass


def use_reentrant(_lock) -> None:
    with REENTRANT:  #: reforked-wants
        pass


def inherited(context, lock, use) -> None:
    taken = threading.Event()
    threading.Thread(target=hold_for_ever, args=(lock, taken), name="keeper", daemon=True).start()
    taken.wait()
    finish(crew(context, (use, None)))


def inherited_lock(context) -> None:
    inherited(context, PLAIN, use_plain)


def inherited_rlock(context) -> None:
    inherited(context, REENTRANT, use_reentrant)


def wait_for_event(event) -> None:
    event.wait()  #: pevent-waits


def event(context) -> None:
    never = context.Event()
    finish(crew(context, (wait_for_event, never)))


def take(items) -> None:
    items.get()  #: pqueue-gets


def queue_get(context) -> None:
    items = context.Queue()
    finish(crew(context, (take, items)))


def dead_consumer(context) -> None:
    items = context.Queue()
    victim = crew(context, (take, items))[0]
    while items._rlock.acquire(block=False):  # until the victim waits with the lock in its hand
        items._rlock.release()
        time.sleep(0.01)
    victim.kill()
    victim.join()
    survivor = context.Process(target=take, args=(items,), name="survivor")
    survivor.start()
    finish([survivor])


def receive(end) -> None:
    end.recv()  #: pipe-receives


def pipe(context) -> None:
    ours, theirs = context.Pipe()
    worker = crew(context, (receive, theirs))[0]
    ready()
    ours.recv()  #: main-receives
    worker.join()


def fill(items) -> None:
    items.put(b"x" * 1_000_000)


def undrained_queue(context) -> None:
    items = context.Queue()
    finish(crew(context, (fill, items)))


def leave(lock) -> None:
    lock.acquire()


def exited_holder(context) -> None:
    lock = context.Lock()
    crew(context, (leave, lock))[0].join()
    finish(crew(context, (wants, lock)))


if __name__ == "__main__":
    globals()[sys.argv[1]](multiprocessing.get_context(sys.argv[2]))
