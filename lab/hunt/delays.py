"""Real, free-running threads, held up for a moment where a schedule hands over. No control.

A thread that comes to the beginning of one of its stretches sleeps until the stretch before it is
over: its thread has come to its own next one, has ended, or is asleep in the kernel; or until a
short limit has passed. All that a delay does is what a busy machine does to a thread: nobody is
woken, no primitive is replaced, and nothing keeps threads from running in another order.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType
from typing import Any, Final

from lab import procfs
from lab.hunt import _real
from lab.hunt.passages import Passages
from lab.hunt.pins import Pin

LIMIT_S: Final = 0.25
_LOOK_S: Final = 0.001
# Longer than the interpreter's switch interval: a thread that only waits for the GIL wakes up
# that often, which its counters show.
_ASLEEP_S: Final = 0.012

type _Place = tuple[str, str, int]
type _Visit = tuple[int, _Place, int, int]


class _Watched:
    """What is known of one real thread: its kernel id, and whether it has ended or is held up."""

    def __init__(self) -> None:
        self.native = _real.get_native_id()
        self.ended = False
        self.held_up = False
        self._counter: object = None
        self._since = 0.0

    def asleep(self, pid: int) -> bool:
        """Whether it has been asleep for a while, as far as was looked."""
        now, counter = _real.monotonic(), procfs.schedstat(pid, self.native)
        if self.held_up or counter != self._counter:
            self._counter, self._since = counter, now
            return False
        return now - self._since > _ASLEEP_S


class Delays:
    """Follows pins by delays alone; one :meth:`trial` at a time."""

    def __init__(self, pins: tuple[Pin, ...], pid: int) -> None:
        self._pins = pins
        self._pid = pid
        self._at = {_visit(pin): index for index, pin in enumerate(pins) if pin.holds}
        self._offsets: dict[_Place, set[int]] = defaultdict(set)
        for pin in pins:
            self._offsets[pin.file, pin.name, pin.first].add(pin.offset)
        self._later = [_next_of(pins, index) for index in range(len(pins))]
        self._forget()

    def _forget(self) -> None:
        self._numbers: dict[int, int] = {_real.get_ident(): 0}
        self._threads: dict[int, _Watched] = {0: _Watched()}
        self._started = 0
        self._visits: dict[tuple[int, _Place, int], int] = defaultdict(int)
        self._arrived = [False] * len(self._pins)

    @contextmanager
    def trial(self) -> Iterator[None]:
        """Return a context in which threads are held up, for one run of the test."""
        self._forget()
        start, bootstrap = threading.Thread.start, _class().__dict__["_bootstrap_inner"]
        delays = self

        def numbered(thread: Any) -> None:
            delays._started += 1
            delays._wrap(thread, delays._started)
            # What starting a thread does by itself is no part of the test.
            mine = delays._numbers.pop(_real.get_ident(), None)
            try:
                start(thread)
            finally:
                if mine is not None:
                    delays._numbers[_real.get_ident()] = mine

        def noted(thread: Any) -> None:
            try:
                bootstrap(thread)
            finally:
                delays._note_end(thread)

        _class().start, _class()._bootstrap_inner = numbered, noted
        try:
            with Passages(self._wanted, self._passed):
                yield
        finally:
            _class().start, _class()._bootstrap_inner = start, bootstrap

    def _wrap(self, thread: Any, number: int) -> None:
        """Have ``thread`` known by its number while it runs what the test gave it to run."""
        run = thread.run

        def known() -> None:
            self._threads[number] = _Watched()
            self._numbers[_real.get_ident()] = number
            try:
                run()
            finally:
                self._numbers.pop(_real.get_ident(), None)

        thread._lab_number, thread.run = number, known

    def _note_end(self, thread: Any) -> None:
        watched = self._threads.get(getattr(thread, "_lab_number", -1))
        if watched is not None:
            watched.ended = True

    def _wanted(self, code: CodeType) -> set[int] | None:
        return self._offsets.get(_place(code))

    def _passed(self, code: CodeType, offset: int) -> None:
        number = self._numbers.get(_real.get_ident())
        if number is None:
            return
        key = number, _place(code), offset
        self._visits[key] += 1
        index = self._at.get((*key, self._visits[key]))
        if index is not None:
            self._arrived[index] = True
            self._hold_up(self._threads[number], index - 1)

    def _hold_up(self, me: _Watched, before: int) -> None:
        until = _real.monotonic() + LIMIT_S
        me.held_up = True
        try:
            while not self._is_over(before) and _real.monotonic() < until:
                _real.sleep(_LOOK_S)
        finally:
            me.held_up = False

    def _is_over(self, index: int) -> bool:
        """Whether the stretch number ``index`` is over, as far as can be seen."""
        later = self._later[index]
        if later is not None and self._arrived[later]:
            return True
        thread = self._threads.get(self._pins[index].thread)
        if thread is None or not self._has_begun(index):
            return False
        return thread.ended or thread.asleep(self._pid)

    def _has_begun(self, index: int) -> bool:
        """Whether it has: where a thread cannot be seen to go on, when the one before is over."""
        pin = self._pins[index]
        return index == 0 or (self._arrived[index] if pin.holds else self._is_over(index - 1))


def _class() -> Any:
    return threading.Thread


def _place(code: CodeType) -> _Place:
    return code.co_filename, code.co_qualname, code.co_firstlineno


def _visit(pin: Pin) -> _Visit:
    return pin.thread, (pin.file, pin.name, pin.first), pin.offset, pin.times


def _next_of(pins: tuple[Pin, ...], index: int) -> int | None:
    """Return the thread's own next stretch, if it can be seen to come there."""
    for later in range(index + 1, len(pins)):
        if pins[later].thread == pins[index].thread:
            return later if pins[later].holds else None
    return None
