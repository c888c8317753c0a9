"""Whether an acquire that may give up has the lock, by the branch that its result chose."""

from __future__ import annotations

import pytest

from lab.diagnose.source import site_at

HELD = [
    "if a.acquire(False):\n  g()  # here\n",
    "if a.acquire(timeout=1) and x:\n  g()  # here\n",
    "if (ok := a.acquire(timeout=1)):\n  g()  # here\n",
    "if not a.acquire(timeout=1):\n  return\n g()  # here\n",
    "ok = a.acquire(timeout=1)\n if not ok:\n  raise E\n g()  # here\n",
    "ok = a.acquire(timeout=1)\n if ok:\n  g()  # here\n",
    "if not a.acquire(timeout=1):\n  pass\n else:\n  g()  # here\n",
    "while not a.acquire(timeout=1):\n  pass\n g()  # here\n",
    "assert a.acquire(timeout=1)\n g()  # here\n",
    "a.acquire(True)\n g()  # here\n",
]
NOT_HELD = [
    "if not a.acquire(timeout=1):\n  g()  # here\n",
    "if a.acquire(False):\n  pass\n else:\n  g()  # here\n",
    "while not a.acquire(timeout=1):\n  g()  # here\n",
    "ok = a.acquire(timeout=1)\n if not ok:\n  g()  # here\n",
    "if x or not a.acquire(False):\n  g()  # here\n",
]
NOT_KNOWN = [
    "a.acquire(timeout=1)\n g()  # here\n",
    "ok = a.acquire(timeout=1)\n g()  # here\n",
    "if not a.acquire(timeout=1):\n  h()\n g()  # here\n",
]


def uses(text: str) -> list[tuple[str, bool]]:
    text = "def f():\n " + text
    line = next(n for n, one in enumerate(text.splitlines(), 1) if "# here" in one)
    return [(use.text, use.lost) for use in site_at(text, "f", line).held]


@pytest.mark.parametrize("text", HELD)
def test_held(text: str) -> None:
    assert uses(text) == [("a", False)]


@pytest.mark.parametrize("text", NOT_HELD)
def test_not_held(text: str) -> None:
    assert uses(text) == []


@pytest.mark.parametrize("text", NOT_KNOWN)
def test_not_known(text: str) -> None:
    assert uses(text) == [("a", True)]
