"""What no stack shows: locks held by suspended code, or left taken by a function that returned."""

from __future__ import annotations

import pytest

from lab.diagnose.hidden import holds_while_suspended, takes_without_with


@pytest.mark.parametrize(
    "source",
    [
        "async def f():\n with lock:\n  await g()\n",
        "def f():\n with lock:\n  yield 1\n",
        "def f():\n with a:\n  for x in y:\n   yield from x\n",
    ],
)
def test_suspended_inside_with(source):
    assert holds_while_suspended(source)


@pytest.mark.parametrize(
    "source",
    [
        "async def f():\n with lock:\n  g()\n await h()\n",
        "async def f():\n async with lock:\n  await g()\n",
        "@contextlib.contextmanager\ndef f():\n with lock:\n  yield\n",
        "def f():\n with lock:\n  def g():\n   yield 1\n",
        "no python",
    ],
)
def test_not_suspended_inside_with(source):
    assert not holds_while_suspended(source)


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("lock.acquire()", True),
        ("stack.enter_context(lock)", True),
        ("Thread(target=lock.acquire).start()", True),
        ("with lock: pass", False),
        ("lock.release()", False),
        ("no python", True),
    ],
)
def test_taken_without_with(source, wanted):
    assert takes_without_with(source) is wanted
