"""How executions are shared out between processes, and what a test does that forbids it."""

from __future__ import annotations

import importlib
import mmap
import os
import socket
import sqlite3
import subprocess
import sys
from itertools import chain, islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.hunt.batches import WHOLE, numbers, seed_of
from lab.hunt.distinct import Distinct, union
from lab.hunt.turns import Turn
from lab.hunts.allotment import Allotment
from lab.hunts.outside import reaches


@settings(deadline=None)
@given(
    executions=st.integers(0, 200),
    size=st.integers(1, 30),
    takers=st.lists(st.integers(0, 3), min_size=200, max_size=200),
)
def test_every_execution_is_run_once_however_batches_are_taken(executions, size, takers):
    taken = {who: [n for n, other in enumerate(takers) if other == who] for who in range(4)}
    shares = [list(numbers(executions, batches, size)) for batches in taken.values()]
    assert sorted(chain.from_iterable(shares)) == list(range(executions))
    assert list(numbers(executions, WHOLE.batches(0), size)) == list(range(executions))


def test_the_first_batch_has_the_seed_that_was_asked_for():
    assert seed_of(7, 0) == 7
    assert len({seed_of(seed, batch) for seed in range(100) for batch in range(100)}) == 10_000


def test_processes_take_different_batches_in_ascending_order(tmp_path):
    one, other = Allotment(tmp_path, 0).batches(0), Allotment(tmp_path, 1).batches(0)
    taken = [next(one), next(other), next(other), next(one), next(one)]
    assert taken == [0, 1, 2, 3, 4]


def test_phases_are_counted_apart(tmp_path):
    allotment = Allotment(tmp_path, 0)
    assert list(islice(allotment.batches(0), 2)) == [0, 1]
    assert list(islice(allotment.batches(17), 2)) == [0, 1]


def test_what_a_process_took_can_be_taken_again(tmp_path):
    one, other = Allotment(tmp_path, 0), Allotment(tmp_path, 1)
    assert not one.began()
    mine, its = one.batches(0), other.batches(0)
    taken = [next(mine), next(its), next(mine)]
    assert one.began()
    assert list(Allotment(tmp_path, 0, again=True).batches(0)) == taken[::2]
    assert list(Allotment(tmp_path, 2, again=True).batches(0)) == []


def test_real_processes_share_every_batch_between_them(tmp_path):
    program = (
        "import sys; from itertools import islice; from pathlib import Path;"
        "from lab.hunts.allotment import Allotment;"
        "print(*islice(Allotment(Path(sys.argv[1]), int(sys.argv[2])).batches(0), 200))"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path), str(who)],
            stdout=subprocess.PIPE, text=True,
        )
        for who in range(3)
    ]  # fmt: skip
    taken = [[int(number) for number in each.communicate()[0].split()] for each in started]
    assert sorted(chain.from_iterable(taken)) == list(range(600))
    assert all(batches == sorted(batches) for batches in taken)


_TURNS = st.builds(
    Turn, st.integers(0, 3), st.integers(0, 9), st.integers(0, 3), st.just("blocked"), st.none()
)


# Each counter is some megabytes: how long an example takes is the machine's affair.
@settings(deadline=None, max_examples=20)
@given(st.lists(st.lists(st.lists(_TURNS, max_size=4), max_size=8), min_size=1, max_size=3))
def test_schedules_seen_by_several_are_counted_once(seen):
    counted = []
    for schedules in seen:
        mine = Distinct()
        for turns in schedules:
            mine.add(turns)
        counted.append(mine)
    together = Distinct()
    for schedules in seen:
        for turns in schedules:
            together.add(turns)
    assert union(each.packed() for each in counted) == together.count


@pytest.fixture
def audited():
    """Collect the audit events of this thread's doings, each with the arguments."""
    events = []
    collecting = [False]
    sys.addaudithook(lambda *event: events.append(event) if collecting[0] else None)

    def during(act):
        events.clear()
        collecting[0] = True
        try:
            act()
        finally:
            collecting[0] = False
        return list(events)

    return during


def writes_a_file(folder):
    (folder / "there").write_text("x")


def removes_a_file(folder):
    (folder / "there").unlink()


def opens_low(folder):
    os.close(os.open(folder / "low", os.O_CREAT | os.O_RDWR))


def makes_a_directory(folder):
    (folder / "sub").mkdir()


def listens(_folder):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))


def starts_a_process(_folder):
    subprocess.run([sys.executable, "-c", ""], check=True)


def opens_a_database(folder):
    sqlite3.connect(folder / "data").close()


def maps_memory(_folder):
    mmap.mmap(-1, 10).close()


def reads_a_file(_folder):
    Path(__file__).read_text()


def keeps_a_database_to_itself(_folder):
    sqlite3.connect(":memory:").close()


def talks_to_itself(_folder):
    one, other = socket.socketpair()
    one.close()
    other.close()


OUTSIDE = [
    writes_a_file, removes_a_file, opens_low, makes_a_directory, listens, starts_a_process,
    opens_a_database, maps_memory,
]  # fmt: skip
INSIDE = [reads_a_file, keeps_a_database_to_itself, talks_to_itself]


@pytest.mark.parametrize("act", OUTSIDE + INSIDE, ids=lambda act: act.__name__)
def test_what_reaches_outside_the_process_is_known(tmp_path, audited, act):
    if act is removes_a_file:
        writes_a_file(tmp_path)
    events = audited(lambda: act(tmp_path))
    assert any(reaches(event, arguments) for event, arguments in events) == (act in OUTSIDE)


def test_the_cache_of_bytecode_is_not_outside(tmp_path, audited, monkeypatch):
    (tmp_path / "a_module_to_compile.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    events = audited(lambda: importlib.import_module("a_module_to_compile"))
    del sys.modules["a_module_to_compile"]
    assert list(tmp_path.glob("__pycache__/*.pyc"))
    assert [event for event, _ in events if event == "os.rename"]
    assert not any(reaches(event, arguments) for event, arguments in events)
