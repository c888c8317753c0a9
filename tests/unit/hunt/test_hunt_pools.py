"""concurrent.futures under control and unmodified."""

from __future__ import annotations

import concurrent.futures
import threading

import pytest

from tests.unit.hunt.bodies import Tally, found, run_all, silent


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


def test_waiting_for_futures_in_every_way():
    def body():
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            futures = [pool.submit(pow, n, 2) for n in range(3)]
            done = [each.result() for each in concurrent.futures.as_completed(futures)]
            assert sorted(done) == [0, 1, 4]
            first = concurrent.futures.wait(
                [pool.submit(abs, -1), pool.submit(abs, -2)],
                return_when=concurrent.futures.FIRST_COMPLETED,
            )
            assert first.done
            assert list(pool.map(pow, (2, 3), (2, 2), timeout=60)) == [4, 9]

    silent(body, executions=40)


def test_time_outs_of_futures_are_virtual():
    def body():
        release = threading.Event()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            future = pool.submit(release.wait)
            later = pool.submit(abs, -1)
            with pytest.raises(concurrent.futures.TimeoutError):
                future.result(timeout=1000)
            with pytest.raises(concurrent.futures.TimeoutError):
                list(pool.map(abs, [1], timeout=1000))
            with pytest.raises(concurrent.futures.TimeoutError):
                list(concurrent.futures.as_completed([future], timeout=1000))
            assert concurrent.futures.wait([future], timeout=1000).not_done == {future}
            assert later.cancel()
            assert later.cancelled()
            release.set()

    silent(body, executions=20)


def test_a_pool_with_an_initialiser_that_is_shut_down_early():
    def body():
        ready = []
        pool = concurrent.futures.ThreadPoolExecutor(1, initializer=ready.append, initargs=(1,))
        futures = [pool.submit(abs, -n) for n in range(3)]
        pool.shutdown(cancel_futures=True)
        assert all(each.done() for each in futures)
        assert len(ready) <= 1
        with pytest.raises(RuntimeError):
            pool.submit(abs, 1)

    silent(body, executions=40)


def test_a_task_that_waits_for_another_in_its_own_pool_is_a_deadlock():
    def body():
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            pool.submit(lambda: pool.submit(abs, -1).result()).result()

    assert "Future.result" in found(body, "deadlock").message


def test_tasks_that_share_a_counter_lose_an_update():
    def body():
        tally = Tally()
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda _: tally.add(), range(2)))
        assert tally.value == 2

    found(body, "assertion")


def test_a_future_set_twice_says_so():
    def body():
        future = concurrent.futures.Future()

        def work():
            if not future.done():
                future.set_result(1)

        run_all(work, work)
        assert future.result() == 1

    assert "InvalidStateError" in found(body, "exception").message


def idle_when_the_body_fails(**options):
    def body():
        pool = concurrent.futures.ThreadPoolExecutor(2, **options)
        futures = [pool.submit(abs, -1) for _ in range(2)]
        concurrent.futures.wait(futures)
        raise AssertionError("the body fails")

    return body


def test_a_worker_that_waits_when_the_execution_ends_logs_no_error(caplog):
    found(idle_when_the_body_fails(), "assertion")
    assert not caplog.records


def test_an_error_of_the_tests_own_in_a_worker_is_logged(caplog):
    found(idle_when_the_body_fails(initializer=int, initargs=("x",)), "assertion")
    assert {record.message for record in caplog.records} == {"Exception in initializer:"}
