"""What the source says of a line: held, wanted, given back."""

from __future__ import annotations

import ast
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.diagnose.helpers import Helpers
from lab.diagnose.places import line_of
from lab.diagnose.source import called_on, site_at
from lab.model import Frame


def site(source: str, function: str = "f"):
    """Return the site of the line that is marked ``# here``, its text, and the line's number."""
    text = textwrap.dedent(source)
    line = next(n for n, one in enumerate(text.splitlines(), 1) if "# here" in one)
    return site_at(text, function, line), text, line


def held(source: str) -> list[tuple[str, int, bool]]:
    found, _, _ = site(source)
    return [(use.text, use.line, use.certain) for use in found.held]


def wanted(source: str) -> list[str]:
    found, _, _ = site(source)
    return [use.text for use in found.wants]


HELD = [
    ("def f():\n with a:\n  g()  # here\n", [("a", 2, True)]),
    ("def f():\n with a, b as c:\n  g()  # here\n", [("a", 2, True), ("b", 2, True)]),
    ("def f():\n with a:  # here\n  g()\n", []),
    ("def f():\n with a:\n  pass\n g()  # here\n", []),
    ("def f():\n with self.x.lock:\n  with d['k'][i]:\n   g()  # here\n",
     [("self.x.lock", 2, True), ("d['k'][i]", 3, True)]),
    ("def f():\n a.acquire()\n g()  # here\n", [("a", 2, True)]),
    ("def f():\n a.acquire()\n a.release()\n g()  # here\n", []),
    ("def f():\n a.acquire()\n b.release()\n g()  # here\n", [("a", 2, True)]),
    ("def f():\n a.acquire()\n try:\n  g()  # here\n finally:\n  a.release()\n", [("a", 2, True)]),
    ("def f():\n a.acquire()\n if x:\n  a.release()\n  return\n g()  # here\n", [("a", 2, True)]),
    ("def f():\n a.acquire()\n if x:\n  a.release()\n g()  # here\n", [("a", 2, False)]),
    ("def f():\n if x:\n  a.acquire()\n g()  # here\n", [("a", 3, False)]),
    ("def f():\n if a.acquire(timeout=1):\n  g()  # here\n", [("a", 2, True)]),
    ("def f():\n while 1:\n  a.acquire()\n  a.release()\n  g()  # here\n", []),
    ("def f():\n with ExitStack() as s:\n  s.enter_context(a)\n  g()  # here\n",
     [("ExitStack()", 2, True), ("a", 3, True)]),
    ("def f():\n with ExitStack() as s:\n  s.enter_context(a)\n g()  # here\n", []),
    ("with a:\n g()  # here\n", [("a", 1, True)]),
    ("async def f():\n async with a:\n  await g()  # here\n", [("a", 2, True)]),
    ("def f():\n with (\n  a,\n  b,\n ):\n  g()  # here\n", [("a", 3, True), ("b", 4, True)]),
    ("def f():\n with a:\n  try:\n   pass\n  except E:\n   g()  # here\n", [("a", 2, True)]),
    ("def f():\n match x:\n  case 1:\n   with a:\n    g()  # here\n", [("a", 4, True)]),
]  # fmt: skip


@pytest.mark.parametrize(("source", "expected"), HELD)
def test_what_is_held(source: str, expected: list[tuple[str, int, bool]]) -> None:
    assert held(source) == expected


def test_a_function_defined_inside_a_with_runs_elsewhere() -> None:
    text = "def f():\n with a:\n  def h():\n   g()\n"
    assert site_at(text, "f.<locals>.h", 4).held == ()


WANTED = [
    ("def f():\n with a:  # here\n  pass\n", ["a"]),
    ("def f():\n with a, b:  # here\n  pass\n", ["a", "b"]),
    ("def f():\n with a: b.acquire()  # here\n", ["a", "b"]),
    ("def f():\n x = a.acquire(timeout=2)  # here\n", ["a"]),
    ("def f():\n if not a.b.acquire(False):  # here\n  pass\n", ["a.b"]),
    ("def f():\n s.enter_context(a)  # here\n", ["a"]),
    ("def f():\n g()  # here\n", []),
    ("def f():\n with (\n  a,\n  b,  # here\n ):\n  pass\n", ["b"]),
]


@pytest.mark.parametrize(("source", "expected"), WANTED)
def test_what_may_be_wanted(source: str, expected: list[str]) -> None:
    assert wanted(source) == expected


def test_the_header_gives_the_order_of_the_items() -> None:
    found, _, _ = site("def f():\n with a, open(p), b:  # here\n  pass\n")
    assert [[use.text for use in header] for header in found.headers] == [["a", "open(p)", "b"]]


def test_the_object_of_a_call() -> None:
    text = "def f():\n x = g(self.items.get(timeout=q.get()))\n return a.join() or b.join()\n"
    assert called_on(text, "f", 3, "missing") == ""
    assert called_on(text, "f", 3, "join") == ""  # two: it is not known which
    assert called_on("self.ready.wait(3)\n", "<module>", 1, "wait") == "self.ready"


def test_of_functions_of_one_name_the_one_around_the_line_is_read() -> None:
    text = (
        "class A:\n def f(self):\n  with a:\n   g()\nclass B:\n def f(self):\n  with b:\n   g()\n"
    )
    assert [use.text for use in site_at(text, "B.f", 8).held] == ["b"]
    assert [use.text for use in site_at(text, "A.f", 4).held] == ["a"]


@pytest.mark.parametrize("text", ["def f(:\n", "", "\0", "(" * 500])
def test_what_cannot_be_parsed_says_nothing(text: str) -> None:
    assert site_at(text, "f", 1).held == ()
    assert called_on(text, "f", 1, "get") == ""


names = st.sampled_from(["a", "b", "c"])


@st.composite
def programs(draw: st.DrawFn, depth: int = 0) -> tuple[list[str], list[frozenset[str]]]:
    """Draw lines of properly nested code, and for each line what is held while it runs."""
    lines: list[str] = []
    truth: list[frozenset[str]] = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["call", "with", "try", "if"] if depth < 3 else ["call"]))
        if kind == "call":
            lines.append("g()")
            truth.append(frozenset())
            continue
        inner, below = draw(programs(depth + 1))
        lock = draw(names)
        extra = frozenset([lock]) if kind in ("with", "try") else frozenset()
        if kind == "try":
            lines += [f"{lock}.acquire()", "try:"]
            truth += [frozenset(), frozenset([lock])]
        else:
            lines.append(f"with {lock}:" if kind == "with" else "if x:")
            truth.append(frozenset())
        lines += [" " + one for one in inner]
        truth += [extra | one for one in below]
        if kind == "try":
            lines += ["finally:", f" {lock}.release()"]
            truth += [frozenset([lock]), frozenset([lock])]
    return lines, truth


@settings(deadline=None)  # the machine may be busy
@given(programs())
def test_nested_holds_are_all_seen(program: tuple[list[str], list[frozenset[str]]]) -> None:
    lines, truth = program
    text = "def f():\n" + "".join(f" {line}\n" for line in lines)
    ast.parse(text)
    for number, (line, expected) in enumerate(zip(lines, truth, strict=True), 2):
        if line.strip() == "g()":
            found = {use.text for use in site_at(text, "f", number).held if use.certain}
            missing = expected - found
            # The same lock taken again inside is released inside: seen once is enough, a lock
            # that is released within may hide the outer hold, and that is said by not claiming it.
            repeated = {name for name in expected if text.count(f"{name}.release()") > 0}
            assert missing <= repeated
            assert found <= expected


HELPERS = """
class Store:
    def begin(self):
        self.lock.acquire()
    def end(self):
        self.lock.release()
    def touch(self):
        self.lock.acquire()
        self.lock.release()
    def __enter__(self):
        self.lock.acquire()

@contextmanager
def locked(lock, other=None):
    with lock:
        yield

def f(s, t):
    s.begin()
    g()  # one
    s.end()
    g()  # two
    t.touch()
    g()  # three
    with locked(t.x):
        g()  # four
"""


@pytest.mark.parametrize(
    ("marker", "expected"), [("one", ["s.lock"]), ("two", []), ("three", []), ("four", ["t.x"])]
)
def test_helpers_are_read_as_what_they_leave_taken(marker: str, expected: list[str]) -> None:
    line = next(n for n, one in enumerate(HELPERS.splitlines(), 1) if f"# {marker}" in one)
    found = list(Helpers({"a.py": HELPERS}).held(HELPERS, "f", line))
    assert [use.text for use in found] == expected
    assert not any(use.certain for use in found)


def test_a_helper_in_another_module_is_a_function_and_no_method() -> None:
    other = "def take(lock):\n    lock.acquire()\n"
    text = "def f(a):\n    other.take(a)\n    g()\n"
    found = list(Helpers({"a.py": text, "other.py": other}).held(text, "f", 3))
    assert [use.text for use in found] == ["a"]


def test_an_object_that_locks_when_entered() -> None:
    helpers = Helpers({"a.py": HELPERS})
    assert [use.text for use in helpers.entered(("m.Store",), "box.store", 3)] == ["box.store.lock"]
    assert list(helpers.entered(("m.Other",), "box", 3)) == []


TWICE = (
    HELPERS
    + """
class Other:
    def begin(self):
        self.o.acquire()
"""
)


def left(text: str, marker: str, types=lambda _: ()) -> list[tuple[str, bool]]:
    """Return what calls have left taken at a marked line of ``f``, and whether it was lost."""
    line = next(n for n, one in enumerate(text.splitlines(), 1) if f"# {marker}" in one)
    found = Helpers({"a.py": text}).held(text, "f", line, types)
    return [(use.text, use.lost) for use in found]


def test_a_method_that_two_classes_have_is_followed_where_the_type_is_known() -> None:
    assert left(TWICE, "one") == [("?", True)]
    assert left(TWICE, "one", lambda _: ("m.Store",)) == [("s.lock", False)]
    assert left(TWICE, "one", lambda _: ("m.Derived", "m.Other")) == [("s.o", False)]
    assert left(TWICE, "one", lambda _: ("dict",)) == []
    assert left(TWICE, "two") == []


LOST = [
    ("L = a.acquire\ndef f():\n L()\n g()  # here\n", True),
    ("L, R = a.acquire, a.release\ndef f():\n g()  # here\n", False),
    ("def h(d):\n k = d[1]\n k.acquire()\ndef f(k):\n h(d)\n g()  # here\n", True),
    ("def h(d):\n k = d[1]\n k.acquire()\n k.release()\ndef f(k):\n h(d)\n g()  # here\n", False),
    ("def h(k):\n k.acquire()\ndef f():\n for k in ks:\n  g()  # here\n  h(k)\n", True),
]


@pytest.mark.parametrize(("text", "lost"), LOST)
def test_what_may_be_taken_but_cannot_be_named_is_lost(text: str, lost: bool) -> None:
    assert left(text, "here") == ([("?", True)] if lost else [])


DEEPER = """
class Base:
    def _take(self):
        self.lock.acquire()
    def _give(self):
        self.lock.release()
    def begin(self):
        self._take()
    def end(self):
        self._give()
    def both(self):
        self._take()
        self._give()

@asynccontextmanager
async def session(store):
    async with store.lock:
        yield

async def f(s):
    s.begin()
    g()  # one
    s.end()
    s.both()
    g()  # two
    async with session(s):
        g()  # three
"""


@pytest.mark.parametrize(
    ("marker", "expected"), [("one", ["s.lock"]), ("two", []), ("three", ["s.lock"])]
)
def test_helpers_of_helpers(marker: str, expected: list[str]) -> None:
    assert [text for text, _ in left(DEEPER, marker)] == expected


def test_a_line_is_the_one_that_python_counts():
    source = "x = 'a\x0cb\u2028c'\r\ndef f():\n    wait()\n"
    frame = Frame(function="f", file="a.py", line=3)
    assert line_of(frame, {"a.py": source}).text == "wait()"
