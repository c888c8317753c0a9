"""What calls out of view leave open under the gil model: the moments after they end in C."""

from __future__ import annotations

import genericpath
import json
import os
import pathlib
import random
import threading

import pytest

from lab.hunt import Settings, hunt
from lab.hunt.returns import Returns, releases

GIL = Settings(model="gil", executions=300)


def both(act):
    def body():
        threads = [threading.Thread(target=act) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return body


def in_a_new_place(place, act):
    """Two threads that each call ``act`` where nothing is yet."""

    def body():
        if os.path.lexists(place):
            place.rmdir()
        both(act)()

    return body


def test_a_look_at_a_path_may_be_overtaken_before_it_is_made(tmp_path):
    place = tmp_path / "made"

    def make():
        if not os.path.exists(place):  # noqa: PTH110 - of a path it would be a call in Python
            os.mkdir(place)  # noqa: PTH102 - the same

    result = hunt(in_a_new_place(place, make), GIL)
    assert result.found
    assert "FileExistsError" in result.message


def test_making_a_path_whether_or_not_it_is_there_is_no_finding(tmp_path):
    place = tmp_path / "made"

    def make():
        try:
            os.mkdir(place)  # noqa: PTH102 - of a path it would be a call in Python
        except FileExistsError:
            assert place.is_dir()

    assert not hunt(in_a_new_place(place, make), GIL).found


@pytest.mark.parametrize(
    ("function", "first"),
    [
        (genericpath.exists, "/"),
        (genericpath.isdir, "/"),
        (pathlib.Path.is_file, pathlib.Path("/")),
        (pathlib.Path("/").is_file, None),
    ],
)
def test_a_function_that_ends_with_a_call_into_c_is_known(function, first):
    assert Returns().from_c(function, first)


@pytest.mark.parametrize("function", [random.gauss, json.dumps, threading.current_thread])
def test_a_function_that_looks_at_what_is_shared_after_its_calls_is_not(function):
    assert not Returns().from_c(function, None)


def test_only_what_waits_for_the_system_gives_up_the_gil():
    assert releases(open)
    assert not releases(len)
    assert not releases(os.getpid)
