"""Locks whose holder no line of its stack shows: named where it can be known, never called lost.

Each program is a file of its own: what the text of one hides, that of another may hide, too.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.scenario import Cause

START = """
import asyncio, contextlib, queue, sys, threading, time, unittest

def ready():
    print("ready", flush=True)

def crew(*targets):
    threads = [
        threading.Thread(target=target, args=args, name=f"worker-{i}")
        for i, (target, *args) in enumerate(targets, 1)
    ]
    for thread in threads:
        thread.start()
        time.sleep(0.1)
    return threads

def finish(threads):
    ready()
    for thread in threads:
        thread.join()

A, B = threading.Lock(), threading.Lock()
never = threading.Event()
"""

TWO_CLASSES = """
class Store:
    def __init__(self):
        self.inner = threading.Lock()
    def lock(self):
        self.inner.acquire()  #: wants
    def unlock(self):
        self.inner.release()

class Index:
    def __init__(self):
        self.guard = threading.Lock()
    def lock(self):
        self.guard.acquire()  #: wants-too
    def unlock(self):
        self.guard.release()

def hold(mine, theirs, both):
    mine.lock()  #: holds
    both.wait()
    theirs.lock()
    theirs.unlock()
    mine.unlock()

store, index, both = Store(), Index(), threading.Barrier(2)
ready()
for thread in [
    threading.Thread(target=hold, args=(store, index, both), name="worker-1"),
    threading.Thread(target=hold, args=(index, store, both), name="worker-2"),
]:
    thread.start()
"""

DEEPER = """
class Base:
    def __init__(self):
        self.mutex = threading.Lock()
    def _take(self):
        self.mutex.acquire()  #: wants
    def __enter__(self):
        self._take()
    def __exit__(self, *exc):
        self.mutex.release()

class Derived(Base):
    pass

def hold(mine, theirs, both):
    with mine:  #: holds
        both.wait()
        with theirs:
            pass

one, two, both = Derived(), Derived(), threading.Barrier(2)
finish(crew((hold, one, two, both), (hold, two, one, both)))
"""

COMPARED = """
class Slow:
    def __lt__(self, other):
        never.wait()

tasks = queue.PriorityQueue()

def put():
    tasks.put(Slow())
    tasks.put(Slow())

def get():
    tasks.get()  #: wants

finish(crew((put,), (get,)))
"""


@pytest.fixture
def see(look: Callable, tmp_path: Path) -> Callable:
    """Run a text as a program, and diagnose it."""

    def run(text: str):
        path = tmp_path / "program.py"
        path.write_text(START + textwrap.dedent(text))
        return look(str(path))

    return run


@pytest.mark.parametrize(("text", "other"), [(TWO_CLASSES, "wants-too"), (DEEPER, "wants")])
def test_a_helper_is_known_by_the_class_of_its_object(see: Callable, text: str, other: str) -> None:
    seen = see(text)

    assert seen.diagnosis.cause is Cause.LOCK_CYCLE, seen.diagnosis.story
    assert seen.holder("worker-2", "wants") == ("worker-1", seen.line("holds"))
    assert seen.holder("worker-1", other) == ("worker-2", seen.line("holds"))


def test_the_standard_library_may_hold_a_lock_while_it_calls_the_program(see: Callable) -> None:
    seen = see(COMPARED)

    assert seen.holder("worker-2", "wants")[0] == "worker-1"
    assert seen.diagnosis.headline.startswith("worker-1 holds `self.not_full` (queue.py:")


NOT_NAMED = {
    "a stored acquire": """
        take = A.acquire
        def hold():
            take()
            never.wait()
        def want():
            with A:  #: wants
                pass
        finish(crew((hold,), (want,)))
        """,
    "an acquire that was passed on": """
        def hold(take):
            take()
            never.wait()
        def want():
            with A:  #: wants
                pass
        finish(crew((hold, A.acquire), (want,)))
        """,
    "a generator that has acquired": """
        def rows():
            A.acquire()
            yield 1
            A.release()
        def want():
            with A:  #: wants
                pass
        running = rows()
        next(running)
        finish(crew((never.wait,), (want,)))
        """,
    "a stack of contexts that was closed": """
        def grab():
            return A.acquire
        def hold():
            grab()()
            never.wait()
        def done():
            with_all = contextlib.ExitStack()
            with_all.enter_context(A)
            with_all.close()
            never.wait()
        def want():
            with A:  #: wants
                pass
        finish(crew((done,), (hold,), (want,)))
        """,
    "an acquire that gave up": """
        def grab():
            return A.acquire
        def hold():
            grab()()
            never.wait()
        def fail():
            got = A.acquire(timeout=0.01)
            if not got:
                never.wait()
        def want():
            with A:  #: wants
                pass
        finish(crew((hold,), (fail,), (want,)))
        """,
    "a hook that a framework has called": """
        class Hooked(unittest.TestCase):
            def setUp(self):
                A.acquire()
            def tearDown(self):
                A.release()
            def test(self):
                finish(crew((self.want,)))
            def want(self):
                with A:  #: wants
                    pass
        unittest.main()
        """,
    "a lock that its helper alone has a name for": """
        locks = {"a": A}
        def grab(key):
            lock = locks[key]
            lock.acquire()
        def hold(lock):
            grab("a")
            never.wait()
        def want():
            with A:  #: wants
                pass
        finish(crew((hold, B), (want,)))
        """,
}


@pytest.mark.parametrize("text", NOT_NAMED.values(), ids=NOT_NAMED.keys())
def test_what_is_not_seen_is_neither_named_nor_called_lost(see: Callable, text: str) -> None:
    seen = see(text)
    line = seen.line("wants")
    edges = [edge for edge in seen.diagnosis.edges if edge.at.line == line]

    assert [(edge.holder, edge.no_holder) for edge in edges] == [(None, None)]
    assert seen.diagnosis.cause is Cause.UNKNOWN


def test_a_lock_that_a_thread_died_with_is_still_called_lost(see: Callable) -> None:
    seen = see("""
        def die():
            A.acquire()
            raise SystemExit
        def want():
            with A:  #: wants
                pass
        threading.Thread(target=die).start()
        time.sleep(0.1)
        finish(crew((want,)))
        """)

    assert seen.diagnosis.cause is Cause.ABANDONED_LOCK


def test_who_has_the_lock_after_a_test_for_it_is_named(see: Callable) -> None:
    seen = see("""
        def hold():
            if not A.acquire(timeout=5):
                raise RuntimeError  #: none
            never.wait()
        def want():
            with A:  #: wants
                pass
        finish(crew((hold,), (want,)))
        """)

    assert seen.holder("worker-2", "wants") == ("worker-1", seen.line("none") - 1)


def test_a_pool_s_thread_that_runs_a_task_of_the_library_is_not_idle(see: Callable) -> None:
    seen = see("""
        async def main():
            ready()
            await asyncio.to_thread(never.wait)
        asyncio.run(main())
        """)

    assert seen.diagnosis.cause is Cause.UNSATISFIED_WAIT
    assert "threading.Event" in seen.diagnosis.headline


WITHIN = {
    "a computed lock": """
        locks = {"a": A, "b": B}
        def find(name):
            return locks[name]
        def hold(mine, theirs, both):
            with find(mine):  #: holds
                both.wait()
                with find(theirs):  #: wants
                    pass
        both = threading.Barrier(2)
        ready()
        for i, names in enumerate(("ab", "ba"), 1):
            threading.Thread(target=hold, args=(*names, both), name=f"worker-{i}").start()
        """,
    "a name that was bound anew": """
        def hold(lock, other, both):
            with lock:  #: holds
                lock = other
                both.wait()
                with lock:  #: wants
                    pass
        both = threading.Barrier(2)
        ready()
        for i, locks in enumerate(((A, B), (B, A)), 1):
            threading.Thread(target=hold, args=(*locks, both), name=f"worker-{i}").start()
        """,
    "a generator that manages a computed lock": """
        locks = {"a": A, "b": B}
        @contextlib.contextmanager
        def locked(name):
            with locks.get(name):  #: wants
                yield
        def hold(mine, theirs, both):
            with locked(mine):  #: holds
                both.wait()
                with locked(theirs):
                    pass
        both = threading.Barrier(2)
        ready()
        for i, names in enumerate(("ab", "ba"), 1):
            threading.Thread(target=hold, args=(*names, both), name=f"worker-{i}").start()
        """,
}


@pytest.mark.parametrize("text", WITHIN.values(), ids=WITHIN.keys())
def test_what_a_with_was_given_is_read_from_memory(see: Callable, text: str) -> None:
    seen = see(text)

    assert seen.diagnosis.cause is Cause.LOCK_CYCLE, seen.diagnosis.story
    assert seen.holder("worker-1", "wants") == ("worker-2", seen.line("holds"))
    assert seen.holder("worker-2", "wants") == ("worker-1", seen.line("holds"))


def test_a_lock_of_asyncio_behind_a_generator(see: Callable) -> None:
    seen = see("""
        class Pool:
            def __init__(self):
                self.lock = asyncio.Lock()
            @contextlib.asynccontextmanager
            async def connection(self):
                async with self.lock:
                    yield
        async def main():
            pool = Pool()
            async with pool.connection():
                ready()
                async with pool.connection():
                    pass
        asyncio.run(main())
        """)

    assert seen.diagnosis.cause is Cause.SELF_DEADLOCK


def test_a_with_that_was_left_holds_nothing(see: Callable) -> None:
    seen = see("""
        def rest(lock):
            for each in (lock, B):
                with each:
                    pass
            never.wait()
        def hold(take):
            take()
            never.wait()
        def want():
            with A:  #: wants
                pass
        finish(crew((rest, A), (hold, A.acquire), (want,)))
        """)

    assert seen.holder("worker-3", "wants") == (None, None)
