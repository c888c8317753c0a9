"""Planted faults inside the target: who passes which point, and what is then done to it.

It is armed in every process of the target: in the main one by the bootstrap, in those that are
forked by the fork itself, and in spawned ones and those of a fork server when they import the main
module again. What has to be agreed upon between processes is agreed upon by files in a directory
that the lab has made, and every step of that survives SIGKILL:

- ``fired-<number>``: made by whoever fires the fault, exclusively, before it is done;
- ``due-<number>``: made by the lab: the time of a fault that only the process itself can do;
- ``worker-<pid>-<tid>``: a worker's passes of each fault's trigger, and its name. It is mapped, so
  that a pass costs no system call and no descriptor.

Without faults nothing of this is loaded. Standard library only.
"""

from __future__ import annotations

import builtins
import difflib
import importlib
import itertools
import json
import mmap
import multiprocessing
import os
import signal
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import CodeType
from typing import Any

from lab import harm, kit
from lab.errors import UsageError, suggest
from lab.faults import MAIN, START, After, Call, Fault, FaultKind, Point, parse

ENVIRONMENT = "LAB_FAULTS"
"""The environment variable that arms a process: the plan as JSON."""
NOTICE = signal.SIGWINCH
"""Tells a process that a fault is due which it must do itself.

It is ignored by default, so that it ends no process that is not armed yet, or at its end. A program
under test has no terminal that would send it.
"""
COUNTER = struct.Struct("<Q")
_PREFERRED_TOOLS = (4, 3, 5, 2, 1, 0)


class FaultPlanError(UsageError):
    """A planted fault names something that is not there."""


class Passes:
    """One worker's passes of every fault's trigger, in a file that the lab reads."""

    def __init__(self, directory: str, name: str, count: int) -> None:
        path = os.path.join(directory, f"worker-{os.getpid()}-{threading.get_native_id()}")  # noqa: PTH118
        text = bytes(count * COUNTER.size) + name.encode()
        try:
            self._map = _mapped(path, text)
        except OSError:  # a planted limit, or a full disk: that is the program's to meet, not ours
            self._map = mmap.mmap(-1, len(text))
        self._counts = [itertools.count(1) for _ in range(count)]

    def one_more(self, number: int) -> int:
        """Count a pass of fault ``number`` and return how many there were."""
        seen = next(self._counts[number])  # one step, also among the threads of a process
        COUNTER.pack_into(self._map, number * COUNTER.size, seen)
        return seen


def _mapped(path: str, text: bytes) -> mmap.mmap:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.write(fd, text)
        return mmap.mmap(fd, len(text))
    finally:
        os.close(fd)


class Armed:
    """The faults of this process and of those that it forks."""

    def __init__(self, plan: Mapping[str, Any]) -> None:
        self.directory = str(plan["directory"])
        self.faults = tuple(parse(text) for text in plan["faults"])
        self._spare = os.path.dirname(self.directory) + os.sep  # noqa: PTH120
        self._main_pid = int(plan["main_pid"])
        self._named = {fault.worker for fault in self.faults}
        self._threads = bool(plan["threads"])
        self._passes: dict[tuple[int, str], Passes] = {}
        self._by_point: dict[str, list[int]] = {START: []}
        self._by_code: dict[CodeType, list[int]] = {}

    def arm(self) -> None:
        """Watch every point and function that a fault names.

        Raises :class:`FaultPlanError` when there is no such function or exception.
        """
        for number, fault in enumerate(self.faults):
            check(fault)
            if isinstance(fault.trigger, Point):
                self._by_point.setdefault(fault.trigger.name, []).append(number)
            elif isinstance(fault.trigger, Call):
                self._by_code.setdefault(code_of(fault.trigger.function), []).append(number)
            elif fault.kind in harm.INSIDE:
                signal.signal(NOTICE, self._noticed)
        kit.on_point = self.passed
        self._monitor()

    def _monitor(self) -> None:
        """Be told when a function begins; see PEP 669. Other functions cost nothing."""
        monitoring = sys.monitoring
        tool = next(tool for tool in _PREFERRED_TOOLS if monitoring.get_tool(tool) is None)
        monitoring.use_tool_id(tool, "lab-faults")
        monitoring.register_callback(tool, monitoring.events.PY_START, self._began)
        starts = (multiprocessing.Process.run.__code__, threading.Thread.run.__code__)
        for code in (*starts, *self._by_code):
            monitoring.set_local_events(tool, code, monitoring.events.PY_START)
        self._starts = frozenset(starts)

    # -- where a worker comes past --------------------------------------------------------------

    def passed(self, name: str) -> None:
        """Count the pass of a named point, and do what is planted there."""
        numbers = self._by_point.get(name)
        if numbers:
            self._pass(numbers)

    def _began(self, code: CodeType, _offset: int) -> None:
        if code in self._starts:
            self._register(self.worker())
            self.passed(START)
        numbers = self._by_code.get(code)
        if numbers:
            self._pass(numbers)

    def _pass(self, numbers: list[int]) -> None:
        worker = self.worker()
        for number in numbers:
            fault = self.faults[number]
            assert not isinstance(fault.trigger, After)
            passes = self._register(worker).one_more(number)
            if fault.hits(worker) and passes == fault.trigger.nth and self._claim(number, worker):
                harm.at_the_point(fault, exception_of, self._spare)

    def worker(self) -> str:
        """Return the name of whoever asks: of a process, or of a thread among thread workers.

        Elsewhere a thread goes by its own name only if a fault is meant for just that.
        """
        thread = threading.current_thread()
        own = thread is not threading.main_thread()
        if own and thread.name in self._named:
            return thread.name
        if os.getpid() != self._main_pid:
            name = multiprocessing.current_process().name
            return f"process {os.getpid()}" if name == "MainProcess" else name
        return thread.name if own and self._threads else MAIN

    def _register(self, worker: str) -> Passes:
        """Return the counters of this worker; the first time, the lab learns of it by that."""
        key = (os.getpid(), worker)
        found = self._passes.get(key)
        if found is None:
            made = Passes(self.directory, worker, len(self.faults))
            found = self._passes.setdefault(key, made)
        return found

    def _claim(self, number: int, worker: str) -> bool:
        """Say whether this fault is ours to do, and write down that it is done."""
        path = os.path.join(self.directory, f"fired-{number}")  # noqa: PTH118
        note = {"worker": worker, "pid": os.getpid(), "at": time.monotonic()}
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        except OSError:
            return False
        try:
            os.write(fd, json.dumps(note).encode())
        finally:
            os.close(fd)
        return True

    # -- at a time ------------------------------------------------------------------------------

    def _noticed(self, _number: int, _frame: object) -> None:
        """Do what is due in this process. Python runs this in the main thread."""
        for number, fault in enumerate(self.faults):
            due = Path(self.directory, f"due-{number}")
            if isinstance(fault.trigger, After) and due.exists():
                for worker, ident in self._workers_here():
                    if fault.hits(worker) and self._claim(number, worker):
                        harm.when_due(fault, ident, exception_of, self._spare)

    def _workers_here(self) -> Iterator[tuple[str, int]]:
        """Yield name and thread ident of the workers of this process."""
        main = threading.main_thread()
        for thread in threading.enumerate():
            if thread is not main and (self._threads or thread.name in self._named):
                yield thread.name, thread.ident or 0
        yield self.worker(), main.ident or 0


def arm(plan: Mapping[str, Any]) -> Callable[[str], None]:
    """Arm this process, and by the environment those that it spawns; return what passes a point.

    ``plan`` has ``directory``, ``faults`` (texts), ``main_pid`` and ``threads``: whether the
    workers are threads. Raises :class:`FaultPlanError`.
    """
    armed = Armed(plan)
    armed.arm()
    os.environ[ENVIRONMENT] = json.dumps(dict(plan))
    return armed.passed


def arm_again() -> None:
    """Arm a process that was spawned, unless it has inherited that already."""
    if ENVIRONMENT in os.environ and kit.on_point is None:
        arm(json.loads(os.environ[ENVIRONMENT]))


def check(fault: Fault) -> None:
    """Raise :class:`FaultPlanError` when ``fault`` names a function or exception that is not."""
    if fault.kind is FaultKind.RAISE:
        exception_of(str(fault.value))
    if isinstance(fault.trigger, Call):
        code_of(fault.trigger.function)


def code_of(function: str) -> CodeType:
    """Return the code of ``module.qualified.name``. Raises :class:`FaultPlanError`."""
    found = lookup(function)
    found = getattr(found, "__func__", found)
    code = getattr(getattr(found, "__wrapped__", found), "__code__", None)
    if not isinstance(code, CodeType):
        raise FaultPlanError(
            f"{function} is a {type(found).__name__}", wanted="a function written in Python"
        )
    return code


def exception_of(name: str) -> type[BaseException]:
    """Return a built-in exception, or ``module.Error``. Raises :class:`FaultPlanError`."""
    if "." not in name and not hasattr(builtins, name):
        raise FaultPlanError(
            f"there is no built-in exception {name!r}", wanted=suggest(name, _exceptions())
        )
    found = lookup(name if "." in name else f"builtins.{name}")
    if not (isinstance(found, type) and issubclass(found, BaseException)):
        raise FaultPlanError(f"{name} is no exception", wanted=suggest(name, _exceptions()))
    return found


def lookup(dotted: str) -> Any:
    """Return what a dotted name means: the longest importable module, then its attributes."""
    parts = dotted.split(".")
    for length in range(len(parts) - 1, 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:length]))
        except ImportError:
            continue
        for part in parts[length:]:
            if not hasattr(found, part):
                where = getattr(found, "__name__", ".".join(parts[:length]))
                near = difflib.get_close_matches(part, dir(found), n=3)
                wanted = suggest(part, near) if near else f"a name that is in {where}"
                raise FaultPlanError(f"there is no {part!r} in {where}", wanted=wanted)
            found = getattr(found, part)
        return found
    raise FaultPlanError(f"there is no module {parts[0]!r}", wanted="package.module.name")


def _exceptions() -> list[str]:
    kinds = vars(builtins).items()
    return [name for name, one in kinds if isinstance(one, type) and issubclass(one, Exception)]
