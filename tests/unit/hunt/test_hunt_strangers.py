"""Pools and threads that are there before the hunt: used where they can be, doubted where not."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from lab.hunt import Settings, hunt
from tests.unit.hunt.bodies import found, run_all, silent


@pytest.mark.parametrize("times", [1, 2])
def test_an_idle_pool_from_outside_is_new_in_every_execution(times):
    with ThreadPoolExecutor(2) as pool:

        def body():
            assert list(pool.map(abs, [-1, -2])) == [1, 2]

        for _ in range(times):
            silent(body, executions=50)
        assert pool._threads == set()
        assert pool.submit(pow, 2, 2).result() == 4


def test_a_race_between_two_workers_of_a_pool_from_outside_is_found():
    with ThreadPoolExecutor(2) as pool:

        def body():
            numbers = []

            def add(_):
                if not numbers:
                    numbers.append(1)

            list(pool.map(add, range(2)))
            assert numbers == [1]

        found(body)


def test_a_pool_whose_threads_run_already_makes_it_inconclusive():
    with ThreadPoolExecutor(2) as pool:
        pool.submit(pow, 2, 2).result()
        result = hunt(lambda: pool.submit(pow, 2, 2).result(), Settings(executions=20))
        assert not result.found
        assert result.explored.stuck


def test_a_thread_from_outside_that_may_answer_makes_it_inconclusive():
    jobs = queue.Queue()

    def serve():
        while (job := jobs.get()) is not None:
            job.set()

    thread = threading.Thread(target=serve, name="service")
    thread.start()

    def body():
        done = threading.Event()
        jobs.put(done)
        done.wait()

    result = hunt(body, Settings(executions=20))
    jobs.put(None)
    thread.join(10)
    assert not thread.is_alive()
    assert not result.found
    assert "service, started before the hunt" in result.explored.stuck


def test_a_deadlock_of_the_tests_own_is_one_whoever_idles_outside():
    with ThreadPoolExecutor(1) as pool:
        pool.submit(pow, 2, 2).result()

        def body():
            one, other = threading.Lock(), threading.Lock()

            def take(first, second):
                with first, second:
                    pass

            run_all(lambda: take(one, other), lambda: take(other, one))

        found(body, "deadlock")
