"""Every queue of the library, under control and unmodified."""

from __future__ import annotations

import queue
import sys
from queue import SimpleQueue as NamedQueue

import pytest

from tests.unit.hunt.bodies import found, run_all, silent


@pytest.mark.parametrize("kind", [queue.Queue, queue.LifoQueue, queue.PriorityQueue])
def test_queues_lose_nothing(kind):
    def body():
        channel, got = kind(maxsize=1), []

        def produce():
            for item in range(3):
                channel.put(item)

        def consume():
            for _ in range(3):
                got.append(channel.get())
                channel.task_done()

        run_all(produce, consume, channel.join)
        assert sorted(got) == [0, 1, 2]

    silent(body, executions=60)


@pytest.mark.parametrize("kind", [queue.SimpleQueue, NamedQueue])
def test_a_simple_queue_blocks_and_times_out(kind):
    def body():
        channel, got = kind(), []
        with pytest.raises(queue.Empty):
            channel.get(timeout=5)
        with pytest.raises(queue.Empty):
            channel.get_nowait()

        def consume():
            got.append(channel.get())

        run_all(consume, consume, lambda: (channel.put(1), channel.put(2)))
        assert sorted(got) == [1, 2]
        assert channel.empty()
        assert channel.qsize() == 0

    silent(body, executions=60)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="Queue.shutdown is new in 3.13")
def test_a_queue_shut_down_releases_its_waiters():
    def body():
        channel, ended = queue.Queue(), []

        def consume():
            try:
                channel.get()
            except queue.ShutDown:
                ended.append(1)

        run_all(consume, consume, channel.shutdown)
        assert ended == [1, 1]

    silent(body, executions=60)


@pytest.mark.parametrize("kind", [queue.Queue, queue.LifoQueue, queue.SimpleQueue])
def test_looking_before_taking_loses_the_race_for_the_last_item(kind):
    def body():
        channel = kind()
        channel.put(1)

        def take():
            if not channel.empty():
                channel.get_nowait()

        run_all(take, take)

    assert "Empty" in found(body, "exception").message


def test_a_queue_joined_without_an_answer_for_each_item_is_a_deadlock():
    def body():
        channel = queue.Queue()
        channel.put(1)
        run_all(channel.get, channel.join)

    assert "Queue.join" in found(body, "deadlock").message


def test_time_outs_of_queues_are_virtual():
    def body():
        channel = queue.Queue(maxsize=1)
        channel.put(1)
        with pytest.raises(queue.Full):
            channel.put(2, timeout=1000)
        assert channel.get() == 1
        with pytest.raises(queue.Empty):
            channel.get(timeout=1000)
        with pytest.raises(ValueError, match="task_done"):
            run_all_in_order(channel)

    silent(body, executions=5)


def run_all_in_order(channel):
    for _ in range(2):
        channel.task_done()


def test_queues_keep_their_orders():
    def body():
        last, least = queue.LifoQueue(), queue.PriorityQueue()
        for item in (2, 3, 1):
            last.put(item)
            least.put(item)
        assert [last.get() for _ in range(3)] == [1, 3, 2]
        assert [least.get() for _ in range(3)] == [1, 2, 3]

    silent(body, executions=3)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="Queue.shutdown is new in 3.13")
def test_putting_while_another_shuts_down_is_refused_in_some_orders():
    def body():
        channel = queue.Queue()
        run_all(lambda: channel.put(1), channel.shutdown)

    assert "ShutDown" in found(body, "exception").message
