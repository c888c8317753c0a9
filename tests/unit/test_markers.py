"""Markers name lines of source and move with them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import UsageError
from lab.markers import find_markers

SOURCE = """\
with first:  # lab: holds
    with second:  # lab: wants
        pass
"""


def test_markers_are_found_with_their_lines():
    assert find_markers(SOURCE) == {"holds": 1, "wants": 2}


@given(st.integers(0, 50))
def test_a_marker_moves_with_its_line(blank):
    assert find_markers("\n" * blank + SOURCE) == {"holds": blank + 1, "wants": blank + 2}


def test_a_marker_in_a_string_is_text():
    assert find_markers('x = "# lab: holds"\n') == {}


def test_a_name_marks_one_line_only():
    with pytest.raises(UsageError, match="already marks line 1"):
        find_markers("a = 1  # lab: x\nb = 2  # lab: x\n", "twice.py")


def test_source_that_is_no_python_is_a_usage_error():
    with pytest.raises(UsageError, match=r"broken\.py"):
        find_markers("x = (1,\n", "broken.py")
