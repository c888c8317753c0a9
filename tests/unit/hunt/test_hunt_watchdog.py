"""What the scheduler cannot control ends a hunt as inconclusive, with the place."""

from __future__ import annotations

import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from lab.errors import InconclusiveError
from lab.hunt import Settings, hunt

SHORT = Settings(model="free-threaded", executions=5, stall=0.2)


def test_a_worker_blocked_in_a_socket_is_named():
    ours, theirs = socket.socketpair()

    def body():
        thread = threading.Thread(target=ours.recv, args=(1,), name="reader")
        thread.start()
        thread.join()

    try:
        result = hunt(body, SHORT)
        assert not result.found
        assert not result.conclusive
        assert "reader" in result.explored.stuck
        assert "inconclusive" in result.closing_line()
    finally:
        theirs.send(b"x")
        ours.close()
        theirs.close()


def test_the_body_blocked_in_a_socket_is_named_and_freed():
    ours, theirs = socket.socketpair()

    def body():
        ours.recv(1)

    result = hunt(body, SHORT)
    ours.close()
    theirs.close()
    assert not result.conclusive
    assert "test_hunt_watchdog" in result.explored.stuck
    assert "body" in result.explored.stuck


def test_long_work_in_c_is_not_taken_for_a_block():
    def body():
        threading.Thread(target=pow, args=(3, 600_000)).start()

    result = hunt(body, Settings(model="free-threaded", executions=20, stall=0.1))
    assert result.conclusive
    assert result.explored.stuck is None


@pytest.fixture
def insert(tmp_path: Path) -> Callable[[], None]:
    """What inserts a row, waiting for other connections for as long as no test may last."""
    path = tmp_path / "rows.db"
    with sqlite3.connect(path) as first:
        first.execute("create table rows (n)")
    first.close()

    def insert():
        with closing(sqlite3.connect(path, timeout=60)) as connection:
            connection.execute("begin immediate")
            connection.execute("insert into rows values (1)")
            connection.commit()

    return insert


def quick(body: Callable[[], object]):
    began = time.monotonic()
    result = hunt(body, Settings(model="free-threaded", executions=200, stall=0.4))
    assert time.monotonic() - began < 20
    return result


def test_a_wait_in_naps_for_a_database_is_a_block_and_no_finding(insert):
    def body():
        threads = [threading.Thread(target=insert, name=name) for name in ("ann", "bob")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    result = quick(body)
    assert not result.found
    assert "blocked outside the scheduler's view" in result.explored.stuck
    assert "in insert" in result.explored.stuck


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_body_is_freed_from_a_database_by_ending_who_keeps_it(insert, tmp_path):
    def keep(ready, stay):
        connection = sqlite3.connect(tmp_path / "rows.db")  # never closed, and part of a circle
        connection.execute("begin immediate")
        ready.set()
        stay.wait()

    def body():
        ready, stay = threading.Event(), threading.Event()
        threading.Thread(target=keep, args=(ready, stay)).start()
        ready.wait()
        insert()

    result = quick(body)
    assert not result.found
    assert "main is blocked outside the scheduler's view" in result.explored.stuck


def test_slow_work_in_unwatched_python_is_not_taken_for_a_block():
    slow = eval("lambda: sum(index for index in range(4_000_000))")

    def body():
        slow()
        thread = threading.Thread(target=slow)
        thread.start()
        thread.join()

    result = hunt(body, Settings(model="free-threaded", executions=3, stall=0.1))
    assert result.conclusive
    assert result.explored.stuck is None


def test_an_interrupt_ends_the_hunt_and_leaves_nothing():
    def body():
        thread = threading.Thread(target=lambda: None)
        thread.start()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hunt(body, SHORT)


def test_without_a_free_monitoring_tool_the_hunt_says_who_holds_them():
    taken = [tool for tool in range(6) if sys.monitoring.get_tool(tool) is None]
    for tool in taken:
        sys.monitoring.use_tool_id(tool, f"other {tool}")
    try:
        with pytest.raises(InconclusiveError, match="other"):
            hunt(lambda: None, SHORT)
    finally:
        for tool in taken:
            sys.monitoring.free_tool_id(tool)


def test_names_bound_before_the_hunt_get_their_real_values_back():
    before = {name: getattr(threading, name) for name in ("Lock", "RLock", "_allocate_lock")}
    hunt(lambda: None, SHORT)
    assert {name: getattr(threading, name) for name in before} == before


def test_a_second_hunt_at_the_same_time_is_refused():
    def body():
        def inner():
            hunt(lambda: None, SHORT)

        thread = threading.Thread(target=inner)
        thread.start()
        thread.join()

    result = hunt(body, SHORT)
    assert result.kind == "exception"
    assert "a hunt is going on in this process already" in result.message


def test_a_hunt_inside_a_body_that_is_alone_takes_over_and_gives_back():
    seen = []

    def body():
        seen.append(hunt(lambda: None, Settings(executions=2)).executions)

    hunt(body, Settings(executions=1))
    assert seen == [2]
