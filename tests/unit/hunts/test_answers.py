"""What is asked of a hunt and what is made of its answer, without processes."""

from __future__ import annotations

import threading
import unittest

import pytest

import lab
from lab.errors import UsageError
from lab.hunt import Settings
from lab.hunts.answers import ask
from lab.hunts.conduct import Call, name_of, repeat
from lab.hunts.kept import LIMIT, Kept, identity
from lab.hunts.smaller import shrunk
from lab.hunts.wishes import Wishes, bare, wishes_from, wishes_of

SHORT = Settings(executions=200, name="here")


def lost_update():
    box = {"v": 0}

    def add():
        seen = box["v"]
        box["v"] = seen + 1

    threads = [threading.Thread(target=add) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert box["v"] == 2, "lost"


def failing_thread():
    thread = threading.Thread(target=lambda: 1 // 0)
    thread.start()
    thread.join()


@pytest.fixture(autouse=True)
def _no_database(monkeypatch):
    monkeypatch.setattr("lab.hunts.kept._database", lambda: None)
    monkeypatch.setattr(Kept, "_here", {})


def test_a_failure_in_the_main_thread_comes_with_its_exception():
    answer = ask(lost_update, SHORT)
    assert answer.result.found
    assert isinstance(answer.cause, AssertionError)
    assert str(answer.cause).startswith("lost")


def test_the_decorator_raises_one_failure_chained_from_the_tests_own():
    with pytest.raises(lab.InterleavingFailure, match="lost") as caught:
        lab.interleave(executions=200)(lost_update)()
    assert isinstance(caught.value, AssertionError)
    assert isinstance(caught.value.__cause__, AssertionError)
    assert caught.value.result.switches == 1
    assert "lab replay lab1." in str(caught.value) or "LAB_REPLAY=lab1." in str(caught.value)


def test_a_failure_in_a_thread_is_chained_in_words():
    with pytest.raises(lab.InterleavingFailure) as caught:
        lab.interleave(failing_thread)()
    assert "ZeroDivisionError" in str(caught.value.__cause__)
    assert "engine.py" not in str(caught.value.__cause__)


def test_a_kept_failure_is_tried_first_and_dropped_when_it_is_mended():
    sick = [True]

    @lab.interleave(executions=50)
    def test():
        if sick:
            lost_update()

    with pytest.raises(lab.InterleavingFailure):
        test()
    with pytest.raises(lab.InterleavingFailure, match="kept from before"):
        test()
    sick.clear()
    test()
    assert not any(kept for kept in Kept._here.values())


def test_no_more_than_so_many_schedules_are_kept():
    kept = Kept("x")
    token = ask(lost_update, SHORT).result.schedule
    for number in range(LIMIT + 3):
        kept.add(f"lab1.{number}")
    kept.add(token)
    assert len(kept._known) == LIMIT
    assert kept.tokens() == [token]  # the others cannot be read


def test_a_schedule_in_the_environment_is_replayed_instead(monkeypatch):
    name = name_of(lost_update)
    token = ask(lost_update, Settings(executions=200, name=name)).result.schedule
    monkeypatch.setenv("LAB_REPLAY", token)
    with pytest.raises(lab.InterleavingFailure) as caught:
        lab.interleave(lost_update)()
    assert caught.value.result.strategy == "replay"


def test_replays_count_and_shrinking_keeps_the_failure():
    result = ask(lost_update, Settings(executions=200, shrink=False, name="here")).result
    again = repeat(lost_update, result.schedule, SHORT, times=5)
    assert again.failed == 5
    assert shrunk(lost_update, again.result, SHORT).switches == 1


def test_state_that_outlives_an_execution_is_noticed():
    seen = []

    def test():
        seen.append(1)
        lost_update.__code__  # noqa: B018 - something of the project's
        thread = threading.Thread(target=seen.append, args=(2,))
        thread.start()
        thread.join()
        assert len(seen) == 2

    answer = ask(test, SHORT)
    assert not answer.result.found
    assert "outlives an execution" in answer.inconclusive


@pytest.mark.parametrize("way_out", [unittest.SkipTest, pytest.skip.Exception])
def test_a_test_that_does_not_apply_says_so_itself(way_out):
    def test():
        raise way_out("not here")

    with pytest.raises(way_out):
        lab.interleave(test)()


def test_an_interrupt_is_passed_on():
    def test():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lab.interleave(test)()


def test_containers_are_fresh_and_the_rest_is_shared():
    lock = threading.Lock()
    seen = []

    def test(xs, mixed, lock):
        xs.append(1)
        seen.append((len(xs), mixed[0] is lock))

    call = Call(test, ([],), {"mixed": [lock], "lock": lock})
    call()
    call()
    assert seen == [(1, True), (1, True)]


async def asynchronous():
    pass


async def yields():
    yield


@pytest.mark.parametrize("wrong", [int, 3])
def test_only_functions_can_be_hunted(wrong):
    with pytest.raises(UsageError, match="interleave"):
        lab.interleave()(wrong)


@pytest.mark.parametrize("test", [asynchronous, yields])
def test_an_asynchronous_test_says_only_when_called_that_it_cannot_be_hunted(test):
    decorated = lab.interleave()(test)
    with pytest.raises(UsageError, match=f"interleave on {test.__name__}, which is asynchronous"):
        decorated()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"exections": 3}, "executions"),
        ({"executions": 0}, "at least 1"),
        ({"seconds": 0.0}, "more than 0"),
        ({"model": "gill"}, "gil"),
        ({"strategy": "sruw"}, "surw"),
    ],
)
def test_wishes_that_make_no_sense_are_refused(given, said):
    with pytest.raises(UsageError, match=said):
        lab.interleave(**given)


def test_nearer_wishes_win_and_packages_add_up():
    near, far = Wishes(seed=0, trace=("a",)), Wishes(seed=5, executions=9, trace=("b", "a"))
    assert near.over(far) == Wishes(seed=0, executions=9, trace=("b", "a"))
    assert wishes_from({"trace": "a"}, "here").trace == ("a",)
    assert Wishes().settings("n").executions == 2000
    assert Wishes().settings("n", drawn=True).executions == 50


def test_decorating_twice_is_decorating_once():
    once = lab.interleave(executions=3)(lost_update)
    assert lab.interleave(once) is once
    assert wishes_of(once) == Wishes(executions=3)
    assert bare(once) is lost_update
    assert once.__name__ == "lost_update"


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("tests/test_it.py", "tests/test_it.py:test"),
        ("/elsewhere/test_it.py", "test_it.py:test"),
        (".venv/lib/python3.13/site-packages/pack/races.py", "pack.races:test"),
        ("/usr/lib/python3/dist-packages/pack/__init__.py", "pack:test"),
    ],
)
def test_a_test_has_the_same_name_wherever_it_is_checked_out_or_installed(
    tmp_path, monkeypatch, file, name
):
    monkeypatch.chdir(tmp_path)
    assert identity(str(tmp_path / file), "test") == name
