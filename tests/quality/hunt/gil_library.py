"""More patterns: what code outside the scope does between its read and the write.

Importing this adds to :data:`gil_patterns.PATTERNS`.
"""

from __future__ import annotations

import os
import sys

from tests.quality.hunt.gil_patterns import IMPOSSIBLE, PATTERNS, POSSIBLE, pattern

__all__ = ["PATTERNS"]

_LIBRARY = """
import os

def read_then_c(s):
    t = s.value
    abs(t)
    return t

def c_then_read(s):
    abs(1)
    return s.value

def read_in_python(s):
    return inner(s)

def inner(s):
    return s.value

def read_then_c_below(s):
    return read_then_c(s)

def read_then_file(s):
    t = s.value
    try:
        os.stat("/nowhere")
    except OSError:
        pass
    return t
"""
library: dict = {}
exec(compile(_LIBRARY, "<library>", "exec"), library)  # no file of the project's: out of scope
read_then_c, c_then_read = library["read_then_c"], library["c_then_read"]
read_in_python, read_then_file = library["read_in_python"], library["read_then_file"]


class Reader:
    """An object whose methods lie outside the scope, as those of a path do."""

    exec(
        compile(
            "def read(self, s):\n    return self.inner(s)\n"
            "def inner(self, s):\n    t = s.value\n    return abs(t)\n"
            "def look(self, s):\n    return self.bare(s)\n"
            "def bare(self, s):\n    return s.value\n",
            "<library>",
            "exec",
        )
    )


reader = Reader()


@pattern(POSSIBLE)
def read_in_the_library_before_its_call_into_c(s):
    s.value = read_then_c(s) + 1


@pattern(POSSIBLE)
def read_in_a_method_of_the_library_before_its_call_into_c(s):
    s.value = reader.read(s) + 1


@pattern(POSSIBLE)
def read_in_the_library_before_it_waits_for_the_system(s):
    s.value = read_then_file(s) + 1


@pattern(IMPOSSIBLE)
def read_in_the_library_after_its_call_into_c(s):
    s.value = c_then_read(s) + 1


@pattern(IMPOSSIBLE)
def read_in_the_library_that_calls_python_only(s):
    s.value = read_in_python(s) + 1


@pattern(IMPOSSIBLE)
def read_in_a_method_of_the_library_that_calls_python_only(s):
    s.value = reader.look(s) + 1


@pattern(POSSIBLE)
def wait_for_the_system_that_raises_between(s):
    t = s.value
    try:  # noqa: SIM105 - suppress() would be a call of its own
        os.stat("/nowhere")  # noqa: PTH116 - of a path it would be a call in Python
    except OSError:
        pass
    s.value = t + 1


# 3.12 comes back from a handler by a backward jump, at which it looks for a request; 3.13 does not.
@pattern(POSSIBLE if sys.version_info < (3, 13) else IMPOSSIBLE)
def conversion_that_raises_between(s):
    t = s.value
    try:  # noqa: SIM105 - suppress() would be a call of its own
        int("none")
    except ValueError:
        pass
    s.value = t + 1
