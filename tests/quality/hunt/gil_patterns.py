"""Small read-modify-write patterns: can a GIL build lose an update between the read and the write?

Each pattern adds one to ``state`` with something between the read and the write. ``WARM`` says what
the evaluation loop of 3.12 to 3.14 does with code that has run often, ``COLD`` with code that runs
for the first times: a call that the specialising interpreter replaces by an instruction of its own
(``len``, ``isinstance``, ``list.append``, ``type``) stops looking for a switch request then, so the
model, which has to allow for both, calls it possible.
"""

from __future__ import annotations

import collections
import contextlib
import json
import threading
from collections.abc import Callable

POSSIBLE, IMPOSSIBLE, COLD_ONLY = "possible", "impossible", "possible while cold"


class Number(int):
    """An integer whose formatting is Python code."""

    def __format__(self, how):
        return str(int(self))


class Key:
    """A dictionary key whose hash and equality are Python code."""

    def __hash__(self):
        return 1

    def __eq__(self, other):
        return isinstance(other, Key)


class Guard:
    """A context manager in Python."""

    def __enter__(self):
        return self

    def __exit__(self, *args):
        return None


class State:
    """What two threads share: one counter in each of the places that Python offers."""

    def __init__(self):
        self.value = 0
        self.other = 0
        self.items = {"n": 0}
        self.cells = [0]
        self.seen = []
        self.names = set()
        self.tail = collections.deque(maxlen=4)
        self.lock = threading.Lock()
        self.guard = Guard()
        self.numbers = iter(range(1 << 60))
        self.key = Key()
        self.by_key = {self.key: 0}

    @property
    def plain(self):
        return 1

    def __getattr__(self, name):
        if name == "missing":
            return 1
        raise AttributeError(name)

    def total(self):
        return self.value + self.items["n"] + self.cells[0]


def one(number):
    return number + 1


def steps():
    while True:
        yield 1


PATTERNS: list[tuple[str, str, Callable[[State], None]]] = []


def pattern(verdict: str, name: str = ""):
    def add(function):
        PATTERNS.append((name or function.__name__, verdict, function))
        return function

    return add


@pattern(IMPOSSIBLE)
def attribute(s):
    t = s.value
    s.value = t + 1


@pattern(IMPOSSIBLE)
def attribute_augmented(s):
    s.value += 1


@pattern(IMPOSSIBLE)
def attribute_with_a_test_between(s):
    t = s.value
    if t >= 0:
        t += 1
    s.value = t


@pattern(IMPOSSIBLE)
def item_of_a_dict(s):
    t = s.items["n"]
    s.items["n"] = t + 1


@pattern(IMPOSSIBLE)
def item_of_a_dict_augmented(s):
    s.items["n"] += 1


@pattern(IMPOSSIBLE)
def item_of_a_list_augmented(s):
    s.cells[0] += 1


@pattern(IMPOSSIBLE)
def other_attribute_written_between(s):
    t = s.value
    s.other = t
    s.value = t + 1


@pattern(IMPOSSIBLE)
def try_finally_between(s):
    t = s.value
    try:
        t += 1
    finally:
        s.value = t


@pattern(IMPOSSIBLE)
def formatted_integer_between(s):
    t = s.value
    text = f"{t}"
    s.value = t + (1 if text else 0)


@pattern(IMPOSSIBLE)
def membership_between(s):
    t = s.value
    known = "n" in s.items
    s.value = t + known


@pattern(IMPOSSIBLE)
def slice_and_tuple_between(s):
    t = s.value
    pair = (s.cells[:1], t)
    s.value = t + (1 if pair else 0)


@pattern(IMPOSSIBLE)
def import_of_a_loaded_module_between(s):
    t = s.value
    import json

    s.value = t + (json is not None)


@pattern(IMPOSSIBLE)
def unpacking_between(s):
    t = s.value
    a, b = t, 1
    s.value = a + b


@pattern(POSSIBLE)
def python_call_between(s):
    t = s.value
    s.value = one(t)


@pattern(POSSIBLE)
def lambda_called_between(s):
    t = s.value
    t = (lambda n: n + 1)(t)
    s.value = t


@pattern(POSSIBLE)
def augmented_with_a_call(s):
    s.value += one(0)


@pattern(POSSIBLE)
def builtin_called_between(s):
    t = s.value
    s.value = abs(t) + 1


@pattern(POSSIBLE)
def type_called_between(s):
    t = s.value
    s.value = int(t) + 1


@pattern(POSSIBLE)
def for_loop_between(s):
    t = s.value
    for _ in (1,):
        t += 1
    s.value = t


@pattern(IMPOSSIBLE)
def while_loop_of_one_round_between(s):
    t = s.value
    n = 1
    while n:
        n -= 1
    s.value = t + 1


@pattern(POSSIBLE)
def while_loop_between(s):
    t = s.value
    n = 2
    while n:
        n -= 1
    s.value = t + 1


@pattern(POSSIBLE)
def comprehension_between(s):
    t = s.value
    a = [n + 1 for n in (t,)]
    s.value = a[0]


@pattern(POSSIBLE)
def with_python_guard_between(s):
    t = s.value
    with s.guard:
        t += 1
    s.value = t


@pattern(POSSIBLE)
def with_lock_between(s):
    t = s.value
    with s.lock:
        t += 1
    s.value = t


@pattern(POSSIBLE)
def lock_methods_between(s):
    t = s.value
    s.lock.acquire()
    s.lock.release()
    s.value = t + 1


@pattern(POSSIBLE)
def lock_looked_at_between(s):
    t = s.value
    s.lock.locked()
    s.value = t + 1


@pattern(POSSIBLE)
def with_library_guard_between(s):
    t = s.value
    with contextlib.nullcontext():
        t += 1
    s.value = t


@pattern(POSSIBLE)
def property_between(s):
    t = s.value
    s.value = t + s.plain


@pattern(POSSIBLE)
def getattr_hook_between(s):
    t = s.value
    s.value = t + s.missing


@pattern(POSSIBLE)
def dict_method_between(s):
    t = s.value
    s.items.get("x")
    s.value = t + 1


@pattern(POSSIBLE)
def set_method_between(s):
    t = s.value
    s.names.add(1)
    s.value = t + 1


@pattern(POSSIBLE)
def deque_method_between(s):
    t = s.value
    s.tail.append(t)
    s.value = t + 1


@pattern(POSSIBLE)
def format_hook_between(s):
    t = s.value
    text = f"{Number(t)}"
    s.value = t + (1 if text else 0)


@pattern(POSSIBLE)
def string_method_between(s):
    t = s.value
    "-".join(("a", "b"))
    s.value = t + 1


@pattern(POSSIBLE)
def next_between(s):
    t = s.value
    next(s.numbers)
    s.value = t + 1


@pattern(POSSIBLE)
def generator_step_between(s):
    t = s.value
    for n in steps():
        t += n
        break
    s.value = t


@pattern(POSSIBLE)
def hash_hook_between(s):
    t = s.value
    s.by_key[s.key]
    s.value = t + 1


@pattern(POSSIBLE)
def library_call_between(s):
    t = s.value
    json.dumps(None)
    s.value = t + 1


@pattern(COLD_ONLY)
def len_between(s):
    t = s.value
    len(s.cells)
    s.value = t + 1


@pattern(COLD_ONLY)
def isinstance_between(s):
    t = s.value
    isinstance(t, int)
    s.value = t + 1


@pattern(COLD_ONLY)
def list_append_between(s):
    t = s.value
    s.seen.append(t)
    s.value = t + 1
