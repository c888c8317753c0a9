"""Threads themselves: their names, their data, their subclasses, their ends."""

from __future__ import annotations

import contextvars
import threading

import pytest

from lab.hunt import Settings, hunt
from tests.unit.hunt.bodies import Tally, run_all, silent

MODULE_LOCAL = threading.local()


def test_thread_local_data_is_not_passed_on():
    own = threading.local()

    def body():
        def work():
            for place in (own, MODULE_LOCAL):
                assert not hasattr(place, "name")
                place.name = threading.current_thread().name
            assert own.name == threading.current_thread().name

        run_all(work, work)

    silent(body)


def test_a_thread_starts_with_an_empty_context():
    variable = contextvars.ContextVar("variable", default=0)

    def body():
        def work():
            assert variable.get() == 0
            variable.set(1)

        run_all(work, work)

    silent(body)


def test_names_daemons_identities_and_enumeration():
    def body():
        seen = []

        def work():
            me = threading.current_thread()
            seen.append((me.name, me.daemon, me.ident == threading.get_ident()))
            assert me in threading.enumerate()

        first = threading.Thread(target=work, name="first")
        second = threading.Thread(target=work, name="second", daemon=True)
        assert first.ident is None
        assert not first.is_alive()
        for thread in (first, second):
            thread.start()
        for thread in (first, second):
            thread.join()
        assert sorted(seen) == [("first", False, True), ("second", True, True)]
        with pytest.raises(RuntimeError):
            first.start()

    silent(body)


def test_a_subclass_of_thread_is_controlled():
    class Worker(threading.Thread):
        def __init__(self, tally):
            super().__init__()
            self.tally = tally

        def run(self):
            self.tally.add()

    def body():
        tally = Tally()
        workers = [Worker(tally) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert tally.value == 2

    assert hunt(body, Settings(model="free-threaded", executions=300)).found


def test_threads_that_threads_start_are_controlled():
    def body():
        tally = Tally()

        def outer():
            inner = threading.Thread(target=tally.add)
            inner.start()
            tally.add()
            inner.join()

        run_all(outer)
        assert tally.value == 2

    assert hunt(body, Settings(model="free-threaded", executions=300)).found


def test_an_excepthook_of_the_tests_own_is_called():
    def body():
        caught = []
        before, threading.excepthook = threading.excepthook, caught.append
        try:
            run_all(lambda: 1 / 0)
        finally:
            threading.excepthook = before
        assert [args.exc_type for args in caught] == [ZeroDivisionError]

    silent(body, executions=10)


def test_a_daemon_left_behind_is_no_failure_and_does_not_stay():
    def body():
        forever = threading.Event()
        threading.Thread(target=forever.wait, daemon=True).start()

    silent(body, executions=20)


def test_a_thread_left_blocked_for_ever_is_a_failure():
    def body():
        threading.Thread(target=threading.Event().wait, name="stray").start()

    result = hunt(body, Settings(model="free-threaded", executions=5))
    assert result.kind == "deadlock"
    assert "stray" in result.message
    assert "Event.wait" in result.message
