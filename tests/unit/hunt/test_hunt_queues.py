"""Every queue of the library, under control and unmodified."""

from __future__ import annotations

import queue
import sys
from queue import SimpleQueue as NamedQueue

import pytest

from tests.unit.hunt.bodies import run_all, silent


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
