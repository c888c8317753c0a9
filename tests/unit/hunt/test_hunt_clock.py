"""Sleeping, timers and the clock, in virtual time."""

from __future__ import annotations

import datetime
import threading
import time
from datetime import date as named_date
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


def test_dates_move_with_a_sleep_and_stay_dates():
    def body():
        began, day, steady = datetime.datetime.now(), named_date.today(), time.clock_gettime(1)
        assert isinstance(began, datetime.datetime)
        assert type(began).__module__ == "datetime"
        assert isinstance(day, named_date)
        assert not isinstance(day, datetime.datetime)
        assert issubclass(datetime.datetime, named_date)
        time.sleep(86_400)
        passed = datetime.datetime.now() - began
        assert datetime.timedelta(days=1) <= passed < datetime.timedelta(days=2)
        assert named_date.today() > day
        assert time.clock_gettime(1) - steady >= 86_400
        assert time.localtime() > began.timetuple()
        assert datetime.datetime.now(datetime.UTC).tzinfo is datetime.UTC
        assert datetime.datetime(2020, 2, 29) == datetime.datetime.fromisoformat("2020-02-29")

    silent(body, executions=20)
    assert datetime.datetime is type(datetime.datetime.now())


def test_a_subclass_of_dates_made_in_a_hunt_is_a_class_of_its_own():
    def body():
        class Moment(datetime.datetime):
            pass

        assert type(Moment.now()) is Moment
        assert not isinstance(datetime.datetime.now(), Moment)

    silent(body, executions=5)


def test_waiting_for_a_date_costs_no_time():
    def body():
        threading.Thread(target=time.sleep, args=(0.2,)).start()
        end = datetime.datetime.now() + datetime.timedelta(hours=1)
        while datetime.datetime.now() < end:
            time.sleep(60)

    silent(body, executions=20)
