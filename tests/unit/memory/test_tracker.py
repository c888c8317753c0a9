"""The tracker's own arguments; what it records is tested on real programs."""

import os
import pickle

import pytest

from lab.capture import heap
from lab.capture.tracker import tracker


def double(number):
    return 2 * number


def test_an_unknown_tool_is_refused(tmp_path):
    with pytest.raises(ValueError, match="'valgrind'; wanted: auto, memray or tracemalloc"):
        tracker(directory=str(tmp_path), tool="valgrind")


def test_a_wrapped_function_can_be_pickled_and_called(tmp_path):
    wrapped = pickle.loads(pickle.dumps(tracker(directory=str(tmp_path)).worker(double)))
    assert wrapped(4) == 8
    assert list(tmp_path.iterdir()) == [tmp_path / f"heap-{os.getpid()}.threads"]


def test_the_reference_leads_to_the_tracker(tmp_path):
    reference, arguments = heap.wrapper_for(tmp_path, tool="memray")
    assert reference == f"{tracker.__module__}:{tracker.__name__}"
    assert tracker(**arguments).tool == "memray"
