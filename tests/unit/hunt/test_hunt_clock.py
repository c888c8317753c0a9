"""Sleeping, timers and the clock, in virtual time."""

from __future__ import annotations

import threading
import time
from time import monotonic as named_monotonic
from time import sleep as named_sleep

from tests.unit.hunt.bodies import run_all, silent


def test_a_timer_fires_in_virtual_time():
    def body():
        fired = []
        timer = threading.Timer(3600, fired.append, [1])
        began = time.monotonic()
        timer.start()
        timer.join()
        assert fired == [1]
        assert time.monotonic() - began >= 3600

    silent(body, executions=20)


def test_a_cancelled_timer_does_not_fire():
    def body():
        fired = []
        timer = threading.Timer(3600, fired.append, [1])
        timer.start()
        timer.cancel()
        timer.join()
        assert fired == []

    silent(body, executions=50)


def test_a_timed_join_returns_before_a_sleeper_ends():
    def body():
        thread = threading.Thread(target=time.sleep, args=(10,))
        thread.start()
        thread.join(timeout=1)
        assert thread.is_alive()
        thread.join()
        assert not thread.is_alive()

    silent(body, executions=50)


def test_sleepers_wake_in_order():
    def body():
        woken = []

        def work(delay):
            named_sleep(delay)
            woken.append(delay)

        run_all(lambda: work(3), lambda: work(1), lambda: work(2))
        assert woken == [1, 2, 3]

    silent(body)


def test_polling_the_clock_ends():
    def body():
        end = named_monotonic() + 5
        while named_monotonic() < end:
            pass

    silent(body, executions=3)
