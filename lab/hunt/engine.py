"""The scheduler: real threads, exactly one running, and a strategy asked who goes on.

One execution (:meth:`Engine.execute`) runs the test body as thread 0 in the caller's own thread;
every thread that it starts becomes a :class:`~lab.hunt.tasks.Task` on a worker of the pool. Control
is a lock for each worker: to switch is to release the other's and wait on one's own. Nothing here
knows how code is watched or which primitives exist; they call :meth:`Engine.point`,
:meth:`Engine.block`, :meth:`Engine.ready` and :meth:`Engine.spawn`.

Invariants: while an execution runs, only the thread of ``current`` executes controlled code;
``runnable`` holds exactly the threads that could make a step now (a waiter for a taken lock is not
among them); an empty ``runnable`` without a pending time-out is a deadlock, by definition.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from lab.hunt import _real, ending
from lab.hunt.outcome import Failure, Outcome
from lab.hunt.schedule import BLOCKED, ENDED, PREEMPTED, SPUN, YIELDED
from lab.hunt.sites import Site
from lab.hunt.strategies.base import NEVER, Strategy
from lab.hunt.tasks import INFINITY, Entry, Pool, Task, Unwind, nothing
from lab.hunt.turns import YIELD, Timers, Turn

if TYPE_CHECKING:
    from lab.hunt.channels import Channels

# A thread that passes this many switch points in a row while others could run is taken to spin:
# it has to give way, or a correct busy-wait would never end.
QUANTUM: Final = 500
# Raised again at every switch point after this many in a thread that swallows :class:`Unwind`.
PATIENCE: Final = 2_000
EPOCH: Final = 1_000.0  # the virtual monotonic clock's first reading, in seconds

Observer = Callable[[Task, Site], None]


class Engine:
    """Runs one execution after the other under a strategy; see the module for the invariants."""

    __slots__ = (
        "aborting", "alive", "ask_at", "batch", "by_ident", "channels", "current", "cut_off",
        "epoch", "expelling", "failure", "finishing", "gil", "interrupt", "looks", "made",
        "max_steps", "named", "now", "observer", "pool", "quantum", "runnable", "since",
        "slice_end", "step", "stop_at", "strategy", "stuck", "stuck_stack", "tasks", "timers",
        "turns",
    )  # fmt: skip

    def __init__(self, *, gil: bool = False, max_steps: int = 100_000) -> None:
        self.gil = gil
        self.max_steps = max_steps
        self.quantum = QUANTUM
        self.pool = Pool(self._carry)
        self.by_ident: dict[int, Task] = {}
        self.epoch = 0
        self.batch = 0  # the number of the execution with which the current batch began
        self.current: Task | None = None
        self.step = 0
        self.since = 0  # the step at which the current thread was switched in
        self.stop_at = NEVER
        self.ask_at = NEVER
        self.slice_end = NEVER
        self.runnable: list[Task] = []
        self.tasks: list[Task] = []
        self.alive = 0  # of them, those that are not done, the test body's apart
        self.turns: list[Turn] = []
        self.aborting = False
        self.finishing = False
        self.cut_off = False
        self.stuck: str | None = None
        self.stuck_stack: tuple[str, ...] = ()
        self.expelling = _real.allocate_lock()
        self.interrupt: BaseException | None = None
        self.failure: Failure | None = None
        self.strategy: Strategy = Strategy()
        self.observer: Observer | None = None
        self.now = EPOCH
        self.made = 0  # threads and futures, which are hashed by number
        self.named = 0  # threads without a name, numbered from one in every execution
        self.looks = 0  # at the clock, since time last passed by itself
        self.timers = Timers()
        self.channels: Channels | None = None  # sockets and pipes, if they are under control

    # -- one execution

    def execute(
        self, body: Callable[[], object], strategy: Strategy, observer: Observer | None = None
    ) -> Outcome:
        """Run ``body`` once under ``strategy`` and say how it ended.

        ``observer`` is called before every visible step, with the thread and the place. The
        threads of the body are gone when this returns. An interruption (Ctrl-C) is raised again.
        """
        main = self._reset(strategy, observer)
        try:
            self.by_ident[main.ident] = main
            self._run_body(main, body)
            if self.alive and not self.aborting:
                ending.settle(self, main)
        finally:
            self._unwind(main)
        if self.interrupt is not None:
            raise self.interrupt
        return Outcome(self.failure, self.cut_off, self.stuck, self.step, len(self.tasks))

    def _reset(self, strategy: Strategy, observer: Observer | None) -> Task:
        self.epoch += 1
        # Cut, so that the last execution's objects need no garbage collector.
        self.tasks.clear()
        worker = self.pool.caller()
        tasks: list[Task] = []
        main = Task(0, "main", worker, worker.go, worker.ident, nothing, tasks)
        tasks.append(main)
        self.tasks, self.runnable, self.turns, self.alive = tasks, [main], [], 0
        self.aborting = self.finishing = self.cut_off = False
        self.stuck = self.interrupt = self.failure = None
        if self.timers.pending:
            self.timers.clear()
        self.now = EPOCH
        self.looks = self.made = self.named = self.step = self.since = 0
        self.strategy, self.observer = strategy, observer
        self.ask_at = NEVER
        strategy.begin(self)
        self.slice_end = end = self.quantum
        self.current = main
        ask = self.ask_at if observer is None else 0
        self.stop_at = ask if ask < end else end  # noqa: FURB136 - a call would show
        return main

    def _run_body(self, main: Task, body: Callable[[], object]) -> None:
        try:
            body()
        except Unwind:
            pass
        except Exception as error:  # noqa: BLE001 - whatever the test raises is the finding
            self._fail(main, error)
        except BaseException as error:  # noqa: BLE001 - Ctrl-C: raised again when all have left
            self.interrupt = self.interrupt or error
            self.aborting = True

    def _unwind(self, main: Task) -> None:
        """Make every thread that is left leave, one at a time, then forget the execution."""
        self.aborting = main.done = True
        if self.alive:
            ending.expel(self, main)
        self.current = None
        self.stop_at = NEVER
        self.observer = None
        self.strategy.end(self, failed=self.failure is not None)
        self.by_ident.pop(main.ident, None)
        self.pool.settle()

    # -- what instrumentation and primitives call

    def point(self, site: Site) -> None:
        """Pass a switch point: the strategy may let another thread run first."""
        self.step += 1
        if self.step >= self.stop_at or site.hot:
            self.consult(site)

    def observe(self, site: Site) -> None:
        """Show the observer an access at which no switch is possible."""
        me = self.current
        if me is not None and self.observer is not None and me.ident == _real.get_ident():
            self.observer(me, site)

    def consult(self, site: Site) -> None:
        """Ask the strategy who goes on at ``site``, before it is executed."""
        me = self.current
        if me is None or me.ident != _real.get_ident():
            return
        if self.aborting or self.interrupt is not None:
            self._hold_out(me)
            return
        if self.step >= self.slice_end:
            self._check_limit()
            self.slice_end = self.step + self.quantum
            self._pass_over(me, site, SPUN)
            self._aim()
        else:
            target = self.strategy.choose(self, me, site)
            if target is not me:
                self.switch(me, target, PREEMPTED, site)
            else:
                ask, end = self.ask_at, self.slice_end
                self.stop_at = ask if ask < end else end  # noqa: FURB136 - a call would show
        if self.observer is not None:
            self.stop_at = 0
            self.observer(me, site)

    def give_way(self, me: Task) -> None:
        """Let some other thread run, if one can (``time.sleep(0)``)."""
        if self.aborting:
            self._hold_out(me)
            return
        self.step += 1
        self._check_limit()
        self._pass_over(me, YIELD, YIELDED)
        if self.observer is not None:
            self.observer(me, YIELD)

    def _pass_over(self, me: Task, site: Site, why: str) -> None:
        if len(self.runnable) > 1:
            target = self.strategy.give_way(self, me, site)
            if target is not me:
                self.switch(me, target, why, site)

    def block(self, me: Task, on: Any, deadline: float = INFINITY) -> bool:
        """Take ``me`` out of the runnable set until something wakes it; False on a time-out.

        ``deadline`` is in virtual seconds.
        """
        if self.aborting or me.lost:
            raise Unwind
        runnable = self.runnable
        runnable.remove(me)
        me.waiting = on
        if deadline < INFINITY:
            me.deadline = deadline
            self.timers.add(deadline, me)
        target = runnable[0] if len(runnable) == 1 else self.next_task()
        if target is not me:
            self.switch(me, target, BLOCKED, None)
        elif self.aborting:
            raise Unwind
        me.waiting = None
        if deadline == INFINITY:
            return True
        me.deadline = INFINITY
        in_time, me.timed_out = not me.timed_out, False
        return in_time

    def ready(self, task: Task) -> None:
        """Put a blocked ``task`` back among those that could make a step."""
        self.runnable.append(task)
        if self.strategy.reactive:
            self.ask_at = self.stop_at = 0

    def spawn(self, me: Task, name: str, entry: Entry, thread: Any, daemon: bool) -> Task:
        """Make a thread that will call ``entry`` with ``thread`` when the strategy picks it."""
        if self.aborting:
            raise Unwind
        pool = self.pool
        worker = pool.free.pop() if pool.free else pool.take()
        tasks = self.tasks
        ident, worker.thread = worker.ident, thread
        task = worker.task = self.by_ident[ident] = Task(
            len(tasks), name, worker, worker.go, ident, entry, tasks, me.index, daemon
        )
        tasks.append(task)
        self.alive += 1
        strategy = self.strategy
        strategy.spawned(self, me, task)
        self.runnable.append(task)
        if strategy.reactive:
            self.ask_at = self.stop_at = 0
        return task

    def abort(self) -> None:
        """End the execution: every thread leaves at its next step."""
        self.aborting = True
        self.stop_at = 0

    # -- inside

    def _aim(self) -> None:
        self.stop_at = 0 if self.observer else min(self.ask_at, self.slice_end)

    def _check_limit(self) -> None:
        if self.step >= self.max_steps:
            self.cut_off = True
            self.abort()
            raise Unwind

    def switch(self, me: Task, target: Task, why: str, site: Site | None) -> None:
        """Let ``target`` run and wait for the turn of ``me``; leave if the execution ended."""
        self._turn(me, target, why, site)
        target.go.release()
        if me.index:
            me.go.acquire()
            if self.aborting:
                raise Unwind
        else:
            self.park_main(me)
            if self.aborting and not self.finishing:
                raise Unwind

    def _turn(self, me: Task, target: Task, why: str, site: Site | None) -> None:
        step = self.step
        steps = me.steps = me.steps + step - self.since
        # A hand-over that nobody chose follows from the rest and is not part of the schedule.
        if site is not None or len(self.runnable) > 1:
            self.turns.append(Turn(me.index, steps, target.index, why, site))
        self.since = step
        self.slice_end = end = step + self.quantum
        self.current = target
        if not self.aborting:
            ask = self.ask_at if self.observer is None else 0
            self.stop_at = ask if ask < end else end  # noqa: FURB136 - a call would show

    def park_main(self, main: Task) -> None:
        """Wait for the turn of thread 0, whatever happens."""
        # Signals are delivered to this thread: the turn is still another's when one arrives here.
        while True:
            try:
                main.go.acquire()
            except BaseException as error:  # noqa: BLE001 - kept, and raised when all have left
                self.interrupt = self.interrupt or error
                self.stop_at = 0
            else:
                return

    def _hold_out(self, me: Task) -> None:
        if self.interrupt is not None and not self.aborting:
            self.abort()
            raise Unwind
        me.aborts += 1
        self.stop_at = 0
        if me.aborts > PATIENCE:
            raise Unwind

    def next_task(self) -> Task:
        """Return who runs when the current thread cannot; thread 0, to end it, on a deadlock."""
        while True:
            runnable = self.runnable
            if runnable:
                return runnable[0] if len(runnable) == 1 else self.strategy.choose(self, None, None)
            if self.finishing and all(t.done or t.daemon for t in self.tasks[1:]):
                return self.tasks[0]
            if self.channels is not None and self.channels.wake():
                continue
            if self.next_time_out():
                continue
            if self.finishing:
                return self.tasks[0]
            left = [task for task in self.tasks if not task.done]
            ending.deadlocked(self, left, after_body=False)
            self.abort()
            return self.tasks[0]

    def next_time_out(self) -> bool:
        """Let time pass until the first pending time-out, and fire it; False if there is none."""
        task = self.timers.pop()
        if task is None:
            return False
        self.now = max(self.now, task.deadline)
        self.looks = 0
        task.timed_out = True
        if task not in self.runnable:  # else what it waited for came at the same moment
            self.ready(task)
        return True

    def _fail(self, task: Task, error: BaseException) -> None:
        if self.failure is None and not self.aborting:
            self.failure = Failure.of(error, task.name, task.index)
        self.abort()

    def _carry(self, task: Task) -> None:
        """Run ``task`` in its worker's thread, then hand over: the last act of a thread."""
        worker = task.worker
        try:
            if not self.aborting:
                worker.context.run(task.entry, worker.thread)
        except (Unwind, SystemExit):
            pass
        except BaseException as error:  # noqa: BLE001 - whatever escapes a thread is the finding
            self._fail(task, error)
        if task.lost:
            return
        target = self._leave(task)
        self.release(task)
        target.go.release()

    def _leave(self, task: Task) -> Task:
        """Take a thread that came to its end out of the schedule; return who goes on."""
        task.done = True
        if self.aborting:
            target = self.current = self.tasks[0]
            return target
        runnable = self.runnable
        runnable.remove(task)
        if task.awaited:
            for other in self.tasks:
                if other.waiting is task and other not in runnable:
                    self.ready(other)
        target = runnable[0] if len(runnable) == 1 else self.next_task()
        self._turn(task, target, ENDED, None)
        return target

    def release(self, task: Task) -> None:
        """Give the worker of a task that is done back to the pool."""
        self.alive -= 1
        del self.by_ident[task.ident]
        worker = task.worker
        worker.task = worker.thread = None  # which knows the task: a cycle, but for this
        if worker.local or worker.context:
            worker.forget()
        self.pool.resting.append(worker)
