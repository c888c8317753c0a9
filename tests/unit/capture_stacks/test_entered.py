"""How much of a frame's stack is in use, by the exception table of its code."""

from __future__ import annotations

import dis
from types import CodeType

import pytest

from lab.capture.memory.entered import depth_at


def nothing(first, second):
    with first:
        with second as third:
            try:
                third()
            finally:
                second()
        first()
    return third


def loop(items):
    for item in items:
        with item:
            yield item
    yield None


@pytest.mark.parametrize("code", [nothing.__code__, loop.__code__])
def test_depths_are_those_that_dis_reads(code: CodeType) -> None:
    entries = dis.Bytecode(code).exception_entries
    assert entries
    for unit in range(len(code.co_code) // 2):
        around = (e for e in entries if e.start <= unit * 2 < e.end)
        assert depth_at(code.co_exceptiontable, unit) == next((e.depth for e in around), 0)
