"""Calling a test afresh for each execution: which arguments that works for."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lab
from lab.errors import UsageError
from lab.hunts.conduct import Call


def test_containers_are_fresh_in_each_call():
    seen = []

    def keep(items):
        items.append(1)
        seen.append(items)

    call = Call(keep, ([],), {})
    call()
    call()
    assert seen == [[1], [1]]


def test_draws_inside_the_body_are_refused_in_one_line():
    @settings(max_examples=1, database=None)
    @given(data=st.data())
    @lab.interleave(executions=2)
    def drawing(data):
        data.draw(st.integers())

    with pytest.raises(UsageError, match=r"drawing draws in its body \(st\.data\(\)\)"):
        drawing()
