"""concurrent.futures under control and unmodified."""

from __future__ import annotations

import concurrent.futures

from tests.unit.hunt.bodies import silent


def test_a_thread_pool_runs_what_it_is_given():
    def body():
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            futures = [pool.submit(pow, n, 2) for n in range(3)]
            assert [future.result() for future in futures] == [0, 1, 4]
            assert list(pool.map(abs, [-1, 2])) == [1, 2]

    silent(body, executions=40)


def test_a_thread_pool_that_is_not_shut_down_is_no_deadlock():
    def body():
        pool = concurrent.futures.ThreadPoolExecutor(2)
        assert pool.submit(pow, 2, 3).result() == 8

    silent(body, executions=40)


def test_a_future_carries_an_exception_and_a_callback():
    def body():
        seen = []
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            future = pool.submit(int, "x")
            future.add_done_callback(seen.append)
            assert isinstance(future.exception(), ValueError)
        assert seen == [future]

    silent(body, executions=40)
