"""Time-outs that fire although others could run: a choice of the schedule, for those who ask."""

from __future__ import annotations

import contextlib
import queue
import threading
import time

from lab.hunt import Settings, hunt, replay
from lab.hunt.schedule import EXPIRED, parse
from lab.report.interleaving_text import failure_text
from tests.unit.hunt.bodies import MODELS, found, run_all, silent

RACED = {"race_timeouts": True}


def handing_over():
    """The consumer gives up for good, though the item comes at the same moment."""
    channel, got = queue.Queue(), []

    def consume():
        with contextlib.suppress(queue.Empty):
            got.append(channel.get(timeout=60))

    run_all(consume, lambda: channel.put(1))
    assert got == [1]


def sleeping():
    """A sleep takes the place of a join."""
    done = []
    worker = threading.Thread(target=lambda: done.append(1))
    worker.start()
    time.sleep(10)
    assert done
    worker.join()


def trying_again():
    """A time-out only makes the loop look once more."""
    event = threading.Event()

    def waits():
        while not event.wait(timeout=1):
            pass

    run_all(waits, event.set)


def test_time_outs_are_long_enough_unless_they_are_raced():
    silent(handing_over, executions=100)
    silent(sleeping, executions=50)


def test_a_time_out_that_fires_as_the_event_comes_is_found():
    for model in MODELS:
        result = found(handing_over, "assertion", model=model, **RACED)
        assert replay(handing_over, result.schedule, times=20).failed == 20
        assert any(each.why == EXPIRED for each in parse(result.schedule).switches)
        assert "the next time-out fires here" in failure_text(result, "lab replay")


def test_a_sleep_in_place_of_a_join_is_found():
    assert "sleeping" in found(sleeping, "assertion", **RACED).target


def test_a_time_out_that_is_allowed_for_is_silent():
    silent(trying_again, executions=150, **RACED)


def test_without_any_time_out_there_is_nothing_to_race():
    def body():
        lock = threading.Lock()
        run_all(lock.acquire, lambda: None)

    silent(body, executions=60, **RACED)


def test_time_outs_fire_in_their_order():
    def body():
        ended = []

        def sleep(seconds):
            time.sleep(seconds)
            ended.append(seconds)

        began = time.monotonic()
        run_all(lambda: sleep(5), lambda: time.sleep(1))
        assert time.monotonic() >= began + 5
        assert ended == [5]

    silent(body, executions=100, **RACED)


def test_the_same_seed_races_the_same_time_outs():
    first, second = (hunt(handing_over, Settings(seed=3, race_timeouts=True)) for _ in range(2))
    assert first.schedule == second.schedule
