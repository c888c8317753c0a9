"""Programs that hang in threads, one a function; ``#: name`` marks the lines that matter.

Run as ``python threads.py NAME``. Each says ``ready`` when nothing but the last step is left.
"""

from __future__ import annotations

import contextlib
import queue
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

FIRST = threading.Lock()
SECOND = threading.Lock()
TABLE = {"left": threading.Lock(), "right": threading.Lock()}


def ready() -> None:
    print("ready", flush=True)


def crew(*targets, daemon=False):
    threads = [
        threading.Thread(target=target, args=args, name=f"worker-{i}", daemon=daemon)
        for i, (target, *args) in enumerate(targets, 1)
    ]
    for thread in threads:
        thread.start()
    return threads


def finish(threads) -> None:
    ready()
    for thread in threads:
        thread.join()  #: joins


# -- cycles of locks, reached by every kind of name


def global_locks() -> None:
    both = threading.Barrier(2)

    def forward() -> None:
        with FIRST:  #: g-first
            both.wait()
            with SECOND:  #: g-wants-second
                pass

    def backward() -> None:
        with SECOND:  #: g-second
            both.wait()
            with FIRST:  #: g-wants-first
                pass

    finish(crew((forward,), (backward,)))


class Account:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.__secret = threading.Lock()

    def transfer(self, other: Account, both: threading.Barrier) -> None:
        with self._lock:  #: account-holds
            both.wait()
            with other._lock:  #: account-wants
                pass

    def private(self, other: Account, both: threading.Barrier) -> None:
        self.__secret.acquire()  #: private-holds
        both.wait()
        other.__secret.acquire()  #: private-wants


def attributes() -> None:
    one, two, both = Account(), Account(), threading.Barrier(2)
    finish(crew((one.transfer, two, both), (two.transfer, one, both)))


def private_attributes() -> None:
    one, two, both = Account(), Account(), threading.Barrier(2)
    finish(crew((one.private, two, both), (two.private, one, both)))


@dataclass(slots=True)
class Slotted:
    guard: threading.Lock = field(default_factory=threading.Lock)

    def visit(self, other: Slotted, both: threading.Barrier) -> None:
        with self.guard:  #: slot-holds
            both.wait()
            with other.guard:  #: slot-wants
                pass


def slots() -> None:
    one, two, both = Slotted(), Slotted(), threading.Barrier(2)
    finish(crew((one.visit, two, both), (two.visit, one, both)))


def philosopher(forks, i: int, seated: threading.Barrier) -> None:
    with forks[i]:  #: fork-left
        seated.wait()
        with forks[(i + 1) % 3]:  #: fork-right
            pass


def items() -> None:
    forks, seated = [threading.Lock() for _ in range(3)], threading.Barrier(3)
    finish(crew(*((philosopher, forks, i, seated) for i in range(3))))


def keyed(mine: str, theirs: str, both: threading.Barrier) -> None:
    with TABLE[mine]:  #: key-holds
        both.wait()
        with TABLE[theirs]:  #: key-wants
            pass


def dictionary() -> None:
    both = threading.Barrier(2)
    finish(crew((keyed, "left", "right", both), (keyed, "right", "left", both)))


def pair(a, b, both: threading.Barrier) -> None:
    a.acquire()
    a.release()
    with a, Meeting(both), b:  #: pair
        pass


class Meeting:
    def __init__(self, barrier: threading.Barrier) -> None:
        self.barrier = barrier

    def __enter__(self) -> None:
        self.barrier.wait()

    def __exit__(self, *exc: object) -> None:
        pass


def several_items() -> None:
    both = threading.Barrier(2)
    finish(crew((pair, FIRST, SECOND, both), (pair, SECOND, FIRST, both)))


def explicit(a, b, both: threading.Barrier) -> None:
    b.acquire()
    b.release()
    a.acquire()  #: explicit-holds
    try:
        both.wait()
        b.acquire()  #: explicit-wants
        try:
            pass
        finally:
            b.release()
    finally:
        a.release()


def acquire_release() -> None:
    # The two must not meet in the first two lines.
    gate = threading.Barrier(2)
    threads = crew((explicit, FIRST, SECOND, gate))
    while not FIRST.locked():
        time.sleep(0.01)
    second = threading.Thread(target=late, args=(gate,), name="worker-2")
    second.start()
    finish([*threads, second])


def late(gate: threading.Barrier) -> None:
    SECOND.acquire()  #: late-holds
    gate.wait()
    FIRST.acquire()  #: late-wants


def stacked(a, b, both: threading.Barrier) -> None:
    with contextlib.ExitStack() as stack:
        stack.enter_context(a)  #: stack-holds
        both.wait()
        stack.enter_context(b)  #: stack-wants


def exit_stack() -> None:
    both = threading.Barrier(2)
    finish(crew((stacked, FIRST, SECOND, both), (stacked, SECOND, FIRST, both)))


@contextlib.contextmanager
def locked(lock):
    with lock:  #: managed-wants
        yield


def managed(a, b, both: threading.Barrier) -> None:
    with locked(a):  #: managed-holds
        both.wait()
        with locked(b):
            pass


def generator_manager() -> None:
    both = threading.Barrier(2)
    finish(crew((managed, FIRST, SECOND, both), (managed, SECOND, FIRST, both)))


class Store:
    def __init__(self) -> None:
        self.lock = threading.Lock()

    def begin(self) -> None:
        self.lock.acquire()  #: begin-acquires

    def end(self) -> None:
        self.lock.release()


def helper(a: Store, b: Store, both: threading.Barrier) -> None:
    a.begin()  #: helper-holds
    both.wait()
    b.begin()
    b.end()
    a.end()


def helper_methods() -> None:
    one, two, both = Store(), Store(), threading.Barrier(2)
    finish(crew((helper, one, two, both), (helper, two, one, both)))


def nested(a, b, both: threading.Barrier) -> None:
    with a:  #: reentrant-holds  # noqa: SIM117
        with a:
            both.wait()
            with b:  #: reentrant-wants
                pass


def reentrant() -> None:
    one, two, both = threading.RLock(), threading.RLock(), threading.Barrier(2)
    finish(crew((nested, one, two, both), (nested, two, one, both)))


def heartbeat() -> None:
    def beat() -> None:
        while True:
            time.sleep(0.005)

    threading.Thread(target=beat, name="heartbeat", daemon=True).start()
    global_locks()


# -- one alone


def outer(lock) -> None:
    with lock:  #: self-holds
        inner(lock)


def inner(lock) -> None:
    with lock:  #: self-wants
        pass


def self_deadlock() -> None:
    finish(crew((outer, FIRST)))


def forgetful(lock) -> None:
    lock.acquire()


def leaked_lock() -> None:
    for thread in crew((forgetful, FIRST)):
        thread.join()
    ready()
    with FIRST:  #: leak-wants
        pass


def leaked_rlock() -> None:
    lock = threading.RLock()
    for thread in crew((forgetful, lock)):
        thread.join()
    ready()
    with lock:  #: rleak-wants
        pass


# -- waits that are not for locks


def wanter(lock) -> None:
    with lock:  #: joined-wants
        pass


def join_with_lock() -> None:
    with FIRST:  #: join-holds
        threads = crew((wanter, FIRST))
        ready()
        threads[0].join()  #: join-waits


def wait_for_event(event: threading.Event) -> None:
    event.wait()  #: event-waits


def event() -> None:
    finish(crew((wait_for_event, threading.Event())))


def wait_for_condition(condition: threading.Condition) -> None:
    with condition:
        condition.wait()  #: condition-waits


def condition() -> None:
    finish(crew((wait_for_condition, threading.Condition())))


def take(items: queue.Queue) -> None:
    items.get()  #: queue-gets


def queue_get() -> None:
    finish(crew((take, queue.Queue())))


def forgotten_thread() -> None:
    """The main thread ends, and a thread that is no daemon waits for work for ever."""
    crew((take, queue.Queue()))
    ready()


def queue_put() -> None:
    items: queue.Queue = queue.Queue(1)
    items.put(1)
    ready()
    items.put(2)  #: queue-puts


def queue_join() -> None:
    items: queue.Queue = queue.Queue()
    items.put(1)
    ready()
    items.join()  #: queue-joins


def permit(semaphore, both: threading.Barrier) -> None:
    with semaphore:  #: permit-holds
        both.wait()
        with semaphore:  #: permit-wants
            pass


def semaphore() -> None:
    both = threading.Barrier(2)
    limit = threading.Semaphore(2)
    finish(crew((permit, limit, both), (permit, limit, both)))


def meet(barrier: threading.Barrier) -> None:
    barrier.wait()  #: barrier-waits


def barrier() -> None:
    short = threading.Barrier(3)
    finish(crew((meet, short), (meet, short)))


def starved_pool() -> None:
    with ThreadPoolExecutor(1, thread_name_prefix="pool") as pool:

        def inner_task() -> int:
            return 1

        def outer_task() -> int:
            later: Future[int] = pool.submit(inner_task)
            return later.result()  #: pool-waits

        result = pool.submit(outer_task)
        ready()
        result.result()  #: main-waits


if __name__ == "__main__":
    globals()[sys.argv[1]]()
