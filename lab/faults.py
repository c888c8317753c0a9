"""Faults that can be planted into a program, and the grammar in which they are written.

    KIND[=VALUE]:WORKER@TRIGGER        such as  kill:worker@put#3  or  stop:worker-1@2s

``WORKER`` is the name of a worker, ``main``, or ``worker``: whichever worker gets there first.
``TRIGGER`` is a time after the start (``0.5s``, ``20ms``), a point that the program names with
``lab.point("put")`` (``put``, or ``put#3`` for a worker's third pass; ``start`` is where each
worker begins), or the beginning of a Python function (``call:package.module.Class.method#2``).
Each fault fires once. :data:`KINDS` has the kinds and their values.

It is loaded inside the program under test, so it uses the standard library only.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from lab.errors import UsageError, suggest

START = "start"
"""The point that every worker passes when it begins, and the program before it is called."""
MAIN = "main"
ANY = "worker"
NONE = "none"
"""Given in place of a fault: plant nothing, not even what the scenario plants by itself."""
FORM = "KIND[=VALUE]:WORKER@TRIGGER"

type Value = int | float | str | None

_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s)", re.ASCII)
_SIZE = re.compile(r"(\d+)(B|KiB|MiB|GiB)?", re.ASCII)
_NAME = re.compile(r"[^\W\d][\w-]*(?:\.[^\W\d][\w-]*)*")
_DOTTED = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)+")
_WORKER = re.compile(r"[^:@\s](?:[^:@\r\n]*[^:@\s])?")
_LONGEST_S = 86400


class FaultKind(enum.StrEnum):
    """What is done to a worker."""

    KILL = "kill"
    TERM = "term"
    STOP = "stop"
    CONT = "cont"
    SEGV = "segv"
    ABORT = "abort"
    EXIT = "exit"
    RAISE = "raise"
    MEMORY = "memory"
    FILES = "files"
    FILE_SIZE = "file-size"
    DISK_FULL = "disk-full"
    DELAY = "delay"


@dataclass(frozen=True, slots=True)
class KindInfo:
    """What a kind does, the form of its value (empty: it takes none), and the default of that."""

    does: str
    value: str = ""
    default: Value = None


KINDS: Mapping[FaultKind, KindInfo] = MappingProxyType(
    {
        FaultKind.KILL: KindInfo("SIGKILL to its process; threads all go with it"),
        FaultKind.TERM: KindInfo("SIGTERM to its process"),
        FaultKind.STOP: KindInfo("SIGSTOP to its process"),
        FaultKind.CONT: KindInfo("SIGCONT to its process; at a time only"),
        FaultKind.SEGV: KindInfo("SIGSEGV to its process"),
        FaultKind.ABORT: KindInfo("SIGABRT to its process"),
        FaultKind.EXIT: KindInfo("os._exit() with this status", "STATUS", 1),
        FaultKind.RAISE: KindInfo(
            "raise there; at a time: an asynchronous exception into its thread",
            "EXCEPTION",
            "RuntimeError",
        ),
        FaultKind.MEMORY: KindInfo("let its process grow by SIZE more (RLIMIT_AS)", "SIZE"),
        FaultKind.FILES: KindInfo("let it open COUNT more descriptors (RLIMIT_NOFILE)", "COUNT"),
        FaultKind.FILE_SIZE: KindInfo("let no file grow beyond SIZE (RLIMIT_FSIZE)", "SIZE"),
        FaultKind.DISK_FULL: KindInfo(
            "put /dev/full in place of each regular file that it has open for writing"
        ),
        FaultKind.DELAY: KindInfo("let it sleep there; not at a time", "DURATION"),
    }
)
"""Every kind of fault, in the order in which help shows them."""

TRIGGERS: Mapping[str, str] = MappingProxyType(
    {
        "0.5s, 20ms": "that long after the start, carried out from outside where that can be",
        "put": 'where the program says lab.point("put") or kit.point("put")',
        "put#3": "at the worker's third pass",
        START: "where the worker begins, before its function is called",
        "call:queue.Queue.put#2": "where a Python function begins, by module and name; nth call",
    }
)
"""An example of every trigger, and what it means."""


@dataclass(frozen=True, slots=True)
class After:
    """So many seconds after the program was let go."""

    seconds: float

    def __str__(self) -> str:
        return _duration(self.seconds)


@dataclass(frozen=True, slots=True)
class Point:
    """The ``nth`` pass of one worker through a named point."""

    name: str
    nth: int = 1

    def __str__(self) -> str:
        return self.name + (f"#{self.nth}" if self.nth > 1 else "")


@dataclass(frozen=True, slots=True)
class Call:
    """The beginning of one worker's ``nth`` call of a function, ``module.qualified.name``."""

    function: str
    nth: int = 1

    def __str__(self) -> str:
        return f"call:{self.function}" + (f"#{self.nth}" if self.nth > 1 else "")


type Trigger = After | Point | Call


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: what, to whom, when. ``str()`` gives the text that :func:`parse` reads."""

    kind: FaultKind
    worker: str
    trigger: Trigger
    value: Value = None

    def __post_init__(self) -> None:
        """Reject what nobody could carry out. Raises :class:`UsageError`."""
        info = KINDS[self.kind]
        if self.value is None and info.value:
            if info.default is None:
                raise UsageError(f"{self.kind} without a value", wanted=f"{self.kind}={info.value}")
            object.__setattr__(self, "value", info.default)
        timed = isinstance(self.trigger, After)
        if self.kind is FaultKind.CONT and not timed:
            raise UsageError(
                f"fault {self}: a stopped worker passes no point", wanted="a time such as 2s"
            )
        if self.kind is FaultKind.DELAY and timed:
            raise UsageError(
                f"fault {self}: nobody outside can make a worker sleep",
                wanted="a point or a call, or stop and cont at two times",
            )

    def __str__(self) -> str:
        return f"{self.kind}{self._value()}:{self.worker}@{self.trigger}"

    def _value(self) -> str:
        info = KINDS[self.kind]
        if self.value is None or self.value == info.default:
            return ""
        if info.value == "SIZE":
            return f"={_size(int(self.value))}"
        return f"={_duration(float(self.value))}" if info.value == "DURATION" else f"={self.value}"

    def hits(self, worker: str) -> bool:
        """Whether it is meant for the worker of this name."""
        return worker != MAIN if self.worker == ANY else worker == self.worker


def parse(text: str) -> Fault:
    """Return the fault that ``text`` describes.

    Raises :class:`UsageError` that says which part was not understood and what it could be.
    """
    head, colon, rest = text.partition(":")
    worker, at, trigger = rest.partition("@")
    kind, equals, value = head.partition("=")
    if kind not in list(FaultKind):
        raise _refuse(text, f"no kind of fault {kind!r}", suggest(kind, map(str, FaultKind)))
    if not colon or not _WORKER.fullmatch(worker):
        raise _refuse(text, f"no worker in {rest!r}", f"{FORM}, with {MAIN}, {ANY} or a name")
    if not at:
        raise _refuse(text, "no trigger", f"@ and one of {', '.join(TRIGGERS)}")
    chosen = FaultKind(kind)
    return Fault(chosen, worker, _trigger(text, trigger), _read_value(text, chosen, equals + value))


def parse_all(texts: tuple[str | Fault, ...]) -> tuple[Fault, ...]:
    """Return each of ``texts`` as a fault. Raises :class:`UsageError` for the first bad one."""
    return tuple(text if isinstance(text, Fault) else parse(text) for text in texts)


def _trigger(text: str, word: str) -> Trigger:
    if match := _DURATION.fullmatch(word):
        return After(_seconds(text, match))
    name, mark, count = word.partition("#")
    if mark and not (count.isascii() and count.isdigit() and int(count) > 0):
        raise _refuse(text, f"pass {count!r} of {name}", "a whole number from 1")
    nth = int(count) if mark else 1
    if name.startswith("call:"):
        function = name.removeprefix("call:")
        if not _DOTTED.fullmatch(function):
            raise _refuse(text, f"no function {function!r}", "call:module.function, with dots")
        return Call(function, nth)
    if not _NAME.fullmatch(name):
        raise _refuse(text, f"no trigger {word!r}", f"one of {', '.join(TRIGGERS)}")
    return Point(name, nth)


def _read_value(text: str, kind: FaultKind, given: str) -> Value:
    info, word = KINDS[kind], given.removeprefix("=")
    if not info.value:
        if given:
            raise _refuse(text, f"{kind} with the value {word!r}", f"{kind}:WORKER@TRIGGER")
        return None
    if not given:
        if info.default is None:
            raise _refuse(text, f"{kind} without a value", f"{kind}={info.value}")
        return info.default
    value = _VALUES[info.value](text, word)
    if value is None:
        raise _refuse(text, f"{kind}={word}", f"{kind}={info.value}: {_WANTED[info.value]}")
    return value


def _status(_text: str, word: str) -> Value:
    return int(word) if re.fullmatch(r"\d{1,3}", word, re.ASCII) and int(word) < 256 else None


def _exception(_text: str, word: str) -> Value:
    return word if re.fullmatch(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*", word) else None


def _bytes(_text: str, word: str) -> Value:
    match = _SIZE.fullmatch(word)
    return int(match[1]) * _UNITS[match[2] or "B"] if match else None


def _count(_text: str, word: str) -> Value:
    return int(word) if re.fullmatch(r"\d{1,6}", word, re.ASCII) else None


def _length(text: str, word: str) -> Value:
    match = _DURATION.fullmatch(word)
    return _seconds(text, match) if match else None


_VALUES = {
    "STATUS": _status, "EXCEPTION": _exception, "SIZE": _bytes, "COUNT": _count,
    "DURATION": _length,
}  # fmt: skip
_WANTED = {
    "STATUS": "a whole number from 0 to 255",
    "EXCEPTION": "an exception such as ValueError or package.module.Error",
    "SIZE": "bytes, such as 4096, 64KiB, 16MiB, 1GiB",
    "COUNT": "a whole number",
    "DURATION": "such as 0.5s or 20ms",
}


def _seconds(text: str, match: re.Match[str]) -> float:
    seconds = float(Decimal(match[1]) / (1000 if match[2] == "ms" else 1))
    if seconds > _LONGEST_S:
        raise _refuse(text, match[0], "a day at most")
    return seconds


def _duration(seconds: float) -> str:
    """Write a time so that reading it gives the same float: digits, and never an exponent."""
    return format(Decimal(repr(float(seconds))), "f").removesuffix(".0") + "s"


def _size(count: int) -> str:
    for unit in ("GiB", "MiB", "KiB"):
        if count and count % _UNITS[unit] == 0:
            return f"{count // _UNITS[unit]}{unit}"
    return str(count)


def _refuse(text: str, seen: str, wanted: str) -> UsageError:
    return UsageError(f"fault {text!r}: {seen}", wanted=wanted, next_step="lab faults")
