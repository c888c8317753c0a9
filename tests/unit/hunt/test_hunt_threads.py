"""Threads themselves: their names, their data, their subclasses, their ends."""

from __future__ import annotations

import contextvars
import threading

import pytest

from lab.hunt import Settings, hunt
from tests.unit.hunt.bodies import Tally, found, run_all, silent

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


def test_an_exception_in_a_thread_is_found_without_an_excepthook():
    def body():
        run_all(lambda: 1 / 0)

    assert "ZeroDivisionError" in found(body, "exception").message


def test_threads_name_themselves_as_the_library_does():
    def body():
        def work():
            pass

        threads = [threading.Thread(target=work) for _ in range(2)]
        assert [thread.name for thread in threads] == ["Thread-1 (work)", "Thread-2 (work)"]
        for thread in threads:
            thread.start()
            thread.name = "renamed"
            with pytest.raises(RuntimeError):
                thread.daemon = True
            thread.join()
            assert thread.name == "renamed"
            assert isinstance(thread.native_id, int)
        with pytest.raises(RuntimeError):
            threading.Thread(target=work).join()

    silent(body, executions=10)


def test_a_thread_cannot_join_itself_and_a_timed_join_comes_back():
    def body():
        release = threading.Event()

        def work():
            with pytest.raises(RuntimeError):
                threading.current_thread().join()
            release.wait()

        thread = threading.Thread(target=work)
        thread.start()
        thread.join(timeout=1000)
        assert thread.is_alive()
        release.set()
        thread.join()
        assert not thread.is_alive()

    silent(body, executions=40)


def test_data_that_should_have_been_thread_local_is_mixed_up():
    class Request:
        pass

    def body():
        current, seen = Request(), []

        def work(name):
            current.name = name
            seen.append(current.name == name)

        run_all(lambda: work("a"), lambda: work("b"))
        assert all(seen)

    found(body, "assertion")


def test_a_subclass_of_local_is_initialised_in_each_thread():
    class Mine(threading.local):
        def __init__(self):
            self.items = []

    def body():
        mine, lengths = Mine(), []

        def work():
            mine.items.append(1)
            lengths.append(len(mine.items))

        run_all(work, work)
        assert lengths == [1, 1]
        assert mine.items == []

    silent(body, executions=40)


def test_a_thread_knows_the_number_that_the_kernel_gave_it():
    def body():
        seen = []
        thread = threading.Thread(target=lambda: seen.append(threading.get_native_id()))
        thread.start()
        thread.join()
        assert seen == [thread.native_id]

    silent(body, executions=5)
