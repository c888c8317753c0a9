"""What the first line says: the root of the hang with what is known of it, and not a symptom."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.scenario import Cause

START = """
import multiprocessing, queue, threading, time

def ready():
    print("ready", flush=True)

def crew(*targets):
    threads = [
        threading.Thread(target=target, args=args, name=f"worker-{i}", daemon=True)
        for i, (target, *args) in enumerate(targets, 1)
    ]
    for thread in threads:
        thread.start()
    return threads

def finish(threads):
    ready()
    for thread in threads:
        thread.join()
"""


@pytest.fixture
def told(look: Callable, tmp_path: Path) -> Callable:
    """Run a text as a program, and return the headline of its diagnosis, and the cause."""

    def run(text: str, **options) -> tuple[str, Cause]:
        path = tmp_path / "program.py"
        path.write_text(START + textwrap.dedent(text))
        diagnosis = look(str(path), **options).diagnosis
        return diagnosis.headline, diagnosis.cause

    return run


def test_of_a_queue_the_join_is_told_and_not_who_waits_for_more(told: Callable) -> None:
    headline, cause = told("""
        tasks = queue.Queue()
        def work():
            while True:
                if tasks.get() != 3:
                    tasks.task_done()
        for number in range(5):
            tasks.put(number)
        crew((work,), (work,))
        ready()
        tasks.join()
        """)

    assert cause is Cause.UNSATISFIED_WAIT
    assert headline.startswith("main waits until all is done in queue.Queue `tasks` (program.py:")
    assert "task_done() was not called for 1 of its items" in headline


def test_a_barrier_tells_how_many_have_come(told: Callable) -> None:
    headline, _ = told("""
        gate = threading.Barrier(3)
        def come():
            gate.wait()
        finish(crew((come,), (come,)))
        """)

    assert "`gate`" in headline
    assert "2 of its 3 parties have come" in headline


def test_semaphores_that_are_held_crosswise(told: Callable) -> None:
    headline, cause = told("""
        disk, net = threading.Semaphore(1), threading.BoundedSemaphore(1)
        both = threading.Barrier(2)
        def hold(mine, theirs):
            with mine:
                both.wait()
                with theirs:
                    pass
        finish(crew((hold, disk, net), (hold, net, disk)))
        """)

    assert cause is Cause.WAIT_CYCLE
    assert headline.startswith("worker-1 holds `mine` (program.py:")
    assert "waits for threading.BoundedSemaphore `theirs`" in headline
    assert "which worker-2 has held since program.py:" in headline
    assert headline.endswith("which worker-1 holds.")


def test_a_large_circle_is_closed(told: Callable) -> None:
    headline, cause = told("""
        forks, seated = [threading.Lock() for _ in range(6)], threading.Barrier(6)
        def dine(i):
            with forks[i]:
                seated.wait()
                with forks[(i + 1) % 6]:
                    pass
        finish(crew(*((dine, i) for i in range(6))))
        """)

    assert cause is Cause.LOCK_CYCLE
    assert "So it goes on over 2 more." in headline
    assert headline.endswith("which worker-1 holds.")


def test_a_chain_is_followed_to_its_end(told: Callable) -> None:
    headline, cause = told("""
        lock, slow = threading.Lock(), threading.Event()
        def hold():
            with lock:
                slow.wait()
        def want():
            with lock:
                pass
        crew((hold,))
        time.sleep(0.2)
        crew((want,), (time.sleep, 20))
        finish(threading.enumerate()[1:])
        """)

    assert cause is Cause.NONE
    assert headline.startswith("Nothing is known to be stuck for good: worker-1 holds `lock`")
    assert "waits for threading.Event `slow`" in headline


def test_who_runs_is_told(told: Callable) -> None:
    headline, cause = told(
        """
        def spin():
            while True:
                pass
        finish(crew((spin,)))
        """,
        at_most_s=1.0,  # it never comes to rest, but main has to come to its join
    )

    assert cause is Cause.NONE
    assert headline.startswith("Nothing is known to be stuck for good: main waits for the end of")
    assert "worker-1 runs (program.py:" in headline
