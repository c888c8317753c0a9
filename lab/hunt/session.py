"""Controlled executions under one model: everything in place on entry, nothing left on exit."""

from __future__ import annotations

import contextlib
import gc
import os
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import ClassVar, Final, Self

from lab import procfs
from lab.errors import UsageError
from lab.hunt import _real
from lab.hunt.census import Census
from lab.hunt.channels import Channels
from lab.hunt.checkpoint import Checkpoint
from lab.hunt.engine import Engine, Observer
from lab.hunt.events import Event, EventfulEngine
from lab.hunt.monitor import Monitor
from lab.hunt.outcome import Outcome
from lab.hunt.patch import Patches
from lab.hunt.project import file_of
from lab.hunt.sites import GIL, Scope
from lab.hunt.strategies.base import Strategy
from lab.hunt.watchdog import Watchdog

_SWEEP_EVERY: Final = 256  # executions between two garbage collections


class Session:
    """A context in which :meth:`execute` may be called; nothing is left in place after it.

    The collector is off in executions, so that it cannot strike at moments that depend on what ran
    before, and runs between them. All threads are held on one processor: only one runs at a time,
    and handing over within a processor costs a tenth of waking another one.
    """

    _open: ClassVar[Session | None] = None

    def __init__(
        self,
        body: Callable[[], object],
        scope: Scope,
        model: str,
        *,
        max_steps: int,
        stall: float,
        pin: bool,
        events: tuple[Event, ...] = (),
    ) -> None:
        self.body = body
        self.model = model
        kind = EventfulEngine if events else Engine
        self.engine = kind(gil=model == GIL, max_steps=max_steps)
        if isinstance(self.engine, EventfulEngine):
            self.engine.events = events
        self.monitor = Monitor(self.engine, scope, model)
        self._patches = Patches(self.engine, self.monitor.traces, scope.covers)
        self._channels = self.engine.channels = Channels(self.engine, stall)
        self._watchdog = Watchdog(self.engine, stall)
        self.checkpoint = Checkpoint(scope, file_of(body))
        self._begun = False
        self._pin = pin
        self._cpus: set[int] = set()
        self._policy: int | None = None
        self._collecting = False
        self._since_sweep = 0
        self._outer: Session | None = None

    def __enter__(self) -> Self:
        self._outer = Session._open
        if self._outer is not None and not self._outer.alone():
            raise UsageError(
                "a hunt is going on in this process already",
                wanted="one at a time: while one runs, every lock and clock of the process is its",
                next_step="hunt from the main thread of a test that starts no other before, or "
                "in a process of its own (lab hunt)",
            )
        Session._open = self
        self._collecting = gc.isenabled()
        self._watchdog.start()
        try:
            gc.disable()
            census = Census()
            self._patches.apply(census)
            self.checkpoint.take(census.pools)
            self.engine.pool.local_data.watch(census.local)
            census.forget()
            self.monitor.start()
            gc.freeze()  # garbage too: its end must not fall into an execution
            self._pin_down()
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave()

    def begin_batch(self, first: int, seed: int) -> None:
        """Forget what executions showed of the places; ``first`` is the next one's number."""
        self.engine.batch = first
        if isinstance(self.engine, EventfulEngine):
            self.engine.seed(seed)
        self.monitor.forget()

    def execute(
        self,
        strategy: Strategy,
        observer: Observer | None = None,
        body: Callable[[], object] | None = None,
    ) -> Outcome:
        """Run the body, or another one, once under ``strategy``."""
        self._since_sweep += 1 + self._channels.take_opened()
        if self._since_sweep >= _SWEEP_EVERY:
            self._since_sweep = 0
            gc.collect()
        if self._begun and self.checkpoint.restore():
            self._begin_again(body or self.body)
        self._begun = True
        outcome = self.engine.execute(body or self.body, strategy, observer)
        if outcome.failure is not None or outcome.cut_off or outcome.stuck is not None:
            self._channels.close_left()
        return outcome

    def _begin_again(self, body: Callable[[], object]) -> None:
        """More state was put back than ever before: leave it alone if the test cannot live so.

        Half a state may be worse than none: a module that believes it has not yet registered
        something elsewhere does so again. Such a test fails now without any switch.
        """
        if self.engine.execute(body, Strategy()).failure is None:
            self.checkpoint.restore()
        else:
            self.checkpoint.give_up()

    def alone(self) -> bool:
        """Whether nothing but the calling thread runs here: a hunt inside can take over."""
        engine = self.engine
        return len(engine.tasks) == 1 and engine.tasks[0].ident == _real.get_ident()

    def _leave(self) -> None:
        Session._open = self._outer
        self.monitor.stop()
        self.checkpoint.restore_all()
        self._patches.undo()
        self._watchdog.stop()
        self.engine.pool.close()
        gc.collect()  # quick while all that was there before is frozen: only what the hunt left
        gc.unfreeze()
        if self._collecting:
            gc.enable()
        if self._cpus:
            os.sched_setaffinity(0, self._cpus)
        if self._policy is not None:
            os.sched_setscheduler(0, self._policy, os.sched_param(0))

    def _pin_down(self) -> None:
        """Hold this thread, and those that it will make, on one processor, without preemption.

        Under ``SCHED_BATCH`` (sched(7)) a thread that is woken waits until the waker sleeps; else
        it would run at once, find the GIL taken, and be switched out again.
        """
        if not self._pin or not hasattr(os, "sched_setaffinity"):
            return
        if os.sched_getscheduler(0) == os.SCHED_OTHER:
            self._policy = os.SCHED_OTHER
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        self._cpus = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {_least_taken(self._cpus)})


def _least_taken(cpus: set[int]) -> int:
    """Return the one of ``cpus`` on which the fewest processes are held, such as other hunts."""
    taken: Counter[int] = Counter()
    for pid in procfs.all_pids():
        with contextlib.suppress(OSError):
            held = os.sched_getaffinity(pid)
            taken.update(held if len(held) == 1 else ())
    ranked = sorted(cpus)
    first = os.getpid() % len(ranked)
    return min(ranked[first:] + ranked[:first], key=lambda cpu: taken[cpu])
