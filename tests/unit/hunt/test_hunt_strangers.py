"""What is not the test's own (pools, threads, processes, servers): used, or doubted where not."""

from __future__ import annotations

import os
import queue
import socket
import subprocess
import sys
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


def test_a_child_process_is_waited_for_and_never_called_a_deadlock():
    def body():
        run_all(lambda: None)
        done = subprocess.run(
            [sys.executable, "-c", "print('hello')"], capture_output=True, check=True
        )
        assert done.stdout == b"hello\n"

    result = hunt(body, Settings(model="gil", executions=2))
    assert not result.found
    assert result.conclusive


def test_a_channel_that_a_child_may_hold_too_ends_inconclusive():
    def body():
        out, into = os.pipe()
        with subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(into,)
        ) as child:
            try:
                run_all(lambda: os.read(out, 1))
            finally:
                child.kill()
                os.close(out)
                os.close(into)

    result = hunt(body, Settings(model="gil", executions=2, stall=0.1))
    assert not result.found
    assert "which something outside may end" in result.explored.stuck


def test_a_server_outside_the_hunt_is_talked_to_for_real():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            while True:
                client, _ = server.accept()
                with client:
                    if client.recv(1) == b"q":
                        return
                    client.sendall(b"!")

        thread = threading.Thread(target=serve)
        thread.start()

        def body():
            def ask():
                with socket.create_connection(server.getsockname()) as client:
                    client.sendall(b"x")
                    assert client.recv(1) == b"!"

            run_all(ask, ask)

        try:
            result = hunt(body, Settings(model="gil", executions=5))
        finally:
            with socket.create_connection(server.getsockname()) as client:
                client.sendall(b"q")
            thread.join()
    assert not result.found
    assert result.conclusive
