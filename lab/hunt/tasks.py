"""The threads under control: what the scheduler knows of each, and the pool of real threads below.

A :class:`Task` lives for one execution. The operating-system thread that carries it is a
:class:`Worker` of the pool: making a thread costs several times as much as a whole execution of a
small test, so workers are kept and only what a new thread would start without (thread-local data,
a context) is taken away between two tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import Context
from typing import TYPE_CHECKING, Any, Final

import msgspec

from lab.hunt import _real
from lab.hunt.storage import CLEARABLE, LocalData, thread_dictionary

if TYPE_CHECKING:
    from lab.hunt.sites import Site

INFINITY: Final = float("inf")
Entry = Callable[[Any], None]


class Unwind(BaseException):
    """Raised inside a controlled thread that has to leave, because its execution is over."""


def nothing(_thread: Any) -> None:
    """Be what a thread runs that has nothing of its own to run."""


class Task(msgspec.Struct, eq=False):
    """One thread of one execution.

    ``index`` is its rank in order of creation (the test body is 0), ``ident`` and ``go`` are its
    worker's. ``peers`` are all threads of the execution, itself included. ``waiting`` is what it is
    blocked on, ``deadline`` when that wait ends by itself (virtual seconds), ``timed_out`` whether
    it just did. ``steps`` counts the switch points passed before it was last switched in,
    ``awaited`` says that some thread has joined it. While the execution is observed ``held`` are
    the locks it has and ``wanted`` is the one it is about to take.

    What changes once for every task is on the worker: the interpreter writes there ten times as
    fast.
    """

    index: int
    name: str
    worker: Worker
    go: Any
    ident: int
    entry: Entry
    peers: Sequence[Task]
    parent: int = -1
    daemon: bool = False
    waiting: Any = None
    deadline: float = INFINITY
    timed_out: bool = False
    awaited: bool = False
    done: bool = False
    lost: bool = False
    aborts: int = 0
    steps: int = 0
    priority: float = 0.0
    site: Site | None = None
    held: frozenset[Any] = frozenset()
    wanted: Any = None

    @property
    def thread(self) -> Any:
        """The ``threading.Thread`` that it carries out; None if there is none, or it is done."""
        return None if self.done else self.worker.thread

    @property
    def started(self) -> bool:
        """Whether it has had a turn."""
        return self.worker.task is not self

    def __repr__(self) -> str:
        return f"<Task {self.index} {self.name}>"


class Worker:
    """A real thread that waits for its turn, carries a task, and waits again.

    ``go`` is held except at the moment it is this thread's turn; ``task`` is what it then begins
    with, on behalf of ``thread``. ``local`` is the interpreter's own dictionary of this thread's
    ``threading.local`` data, ``context`` what its tasks run in: an empty one, as in a thread just
    made.
    """

    __slots__ = ("_handle", "context", "go", "ident", "local", "native", "run", "task", "thread")

    def __init__(self, run: Callable[[Task], None] | None) -> None:
        self.go = _real.allocate_lock()
        self.go.acquire()
        self.run = run
        self.context = Context()
        self.task: Task | None = None
        self.thread: Any = None
        self.local: dict[Any, Any] | None = None
        self.native: int | None = None
        self._handle: Any = None
        if run is None:
            self.ident, self.native = _real.get_ident(), _real.get_native_id()
        elif CLEARABLE:
            self.ident = _real.start_new_thread(self._loop, ())
        else:
            self._handle = _real.start_joinable_thread(self._loop, daemon=True)
            self.ident = self._handle.ident

    def _loop(self) -> None:
        run = self.run
        assert run is not None
        self.local = thread_dictionary()
        self.native = _real.get_native_id()
        wait = self.go.acquire
        while True:
            wait()
            task = self.task
            if task is None:
                return
            self.task = None
            run(task)
            if task.lost:  # given up while it was blocked: nobody waits for this thread any more
                return
            del task

    def forget(self) -> None:
        """Become as a thread just made."""
        if self.local:
            self.local.clear()
        self.context = Context()

    def retire(self) -> None:
        """End the real thread; only for a worker that waits for a task."""
        self.task = None
        self.go.release()

    def wait(self) -> None:
        """Wait until the real thread is gone, with its thread-local data."""
        if self._handle is not None:
            self._handle.join()


class Pool:
    """Workers without a task; grows to the largest number of threads any execution had at once.

    ``free`` have not been used in the current execution, ``resting`` have.
    """

    def __init__(self, run: Callable[[Task], None]) -> None:
        self._run = run
        self.free: list[Worker] = []
        self.resting: list[Worker] = []
        self.local_data = LocalData()
        self._caller: Worker | None = None

    def take(self) -> Worker:
        """Return a waiting worker that remembers nothing, a new one if there is none."""
        if self.free:
            return self.free.pop()
        if self.resting and not self.local_data.changed():
            return self.resting.pop()
        return Worker(self._run)

    def caller(self) -> Worker:
        """Return the calling thread as a worker, whose turn it is not."""
        worker = self._caller
        if worker is None or worker.ident != _real.get_ident():
            worker = self._caller = Worker(None)
        if not worker.go.locked():
            worker.go.acquire()
        return worker

    def settle(self) -> None:
        """At the end of an execution: keep the workers that remember nothing, end the others."""
        if not self.resting:
            return
        resting, self.resting = self.resting, []
        local = self.local_data
        if local.kept and local.changed():
            _end(resting)
            local.settle()
        else:
            self.free += resting

    def close(self) -> None:
        """End every waiting worker, and wait for the end."""
        _end(self.free + self.resting)
        self.free, self.resting = [], []


def _end(workers: list[Worker]) -> None:
    for worker in workers:
        worker.retire()
    for worker in workers:
        worker.wait()
