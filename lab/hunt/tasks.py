"""The threads under control: what the scheduler knows of each, and the pool of real threads below.

A :class:`Task` lives for one execution. The operating-system thread that carries it is a
:class:`Worker` of the pool: making a thread costs several times as much as a whole execution of a
small test, so workers are kept and only what a new thread would start without (thread-local data,
a context) is taken away between two tasks.
"""

from __future__ import annotations

import contextvars
import ctypes
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from lab.hunt import _real

if TYPE_CHECKING:
    from lab.hunt.sites import Site

INFINITY: Final = float("inf")


class Unwind(BaseException):
    """Raised inside a controlled thread that has to leave, because its execution is over."""


class Task:
    """One thread of one execution.

    ``index`` is its rank in order of creation (the test body is 0). ``waiting`` is what it is
    blocked on, ``deadline`` when that wait ends by itself (virtual seconds). ``steps`` counts the
    switch points passed before it was last switched in, at the engine's step ``since``.
    """

    __slots__ = (
        "aborts", "daemon", "deadline", "done", "entry", "held", "ident", "index", "lost", "name",
        "parent", "peers", "priority", "since", "site", "started", "steps", "thread", "timed_out",
        "waiting", "wanted", "worker",
    )  # fmt: skip

    def __init__(
        self, index: int, name: str, worker: Worker, entry: Callable[[], None] | None
    ) -> None:
        self.index = index
        self.name = name
        self.worker = worker
        self.entry = entry
        self.ident = worker.ident
        self.thread: Any = None
        self.parent = -1
        self.peers: list[Task] = []  # all threads of the execution, itself included
        self.daemon = False
        self.waiting: Any = None
        self.deadline = INFINITY
        self.timed_out = False
        self.done = False
        self.started = False
        self.lost = False
        self.steps = 0
        self.since = 0
        self.priority = 0.0
        self.site: Site | None = None
        self.aborts = 0
        # Kept while the execution is observed: the locks it has, and the one it is about to take.
        self.held: set[Any] = set()
        self.wanted: Any = None

    def __repr__(self) -> str:
        return f"<Task {self.index} {self.name}>"


class Worker:
    """A real thread that waits for its turn, carries a task, and waits again.

    ``go`` is held except at the moment it is this thread's turn. ``local`` is the interpreter's own
    dictionary of this thread's ``threading.local`` data.
    """

    __slots__ = ("go", "ident", "local", "native", "run", "task")

    def __init__(self, run: Callable[[Task], None] | None) -> None:
        self.go = _real.allocate_lock()
        self.go.acquire()
        self.run = run
        self.task: Task | None = None
        self.local: dict[Any, Any] | None = None
        self.native: int | None = None
        if run is None:
            self.ident, self.native = _real.get_ident(), _real.get_native_id()
        else:
            self.ident = _real.start_new_thread(self._loop, ())

    def _loop(self) -> None:
        run = self.run
        assert run is not None
        self.local = thread_dictionary()
        self.native = _real.get_native_id()
        while True:
            self.go.acquire()
            task = self.task
            if task is None:
                return
            run(task)
            del task

    def forget(self) -> None:
        """Drop what the last task left in thread-local storage, as the end of a thread would."""
        if self.local:
            self.local.clear()

    def retire(self) -> None:
        """End the real thread; only for a worker that waits for a task."""
        self.task = None
        self.go.release()


class Pool:
    """Workers without a task; grows to the largest number of threads any execution had at once."""

    def __init__(self, run: Callable[[Task], None]) -> None:
        self._run = run
        self.free: list[Worker] = []

    def take(self) -> Worker:
        """Return a waiting worker, a new one if none is left."""
        return self.free.pop() if self.free else Worker(self._run)

    def close(self) -> None:
        """End every waiting worker."""
        while self.free:
            self.free.pop().retire()


def fresh_context(entry: Callable[[], None]) -> Callable[[], None]:
    """Wrap ``entry`` so that it runs in an empty context, as in a thread just made."""
    run = contextvars.Context().run
    return lambda: run(entry)


_get_dict = ctypes.PYFUNCTYPE(ctypes.c_void_p)(("PyThreadState_GetDict", ctypes.pythonapi))


def thread_dictionary() -> dict[Any, Any] | None:
    """Return the calling thread's storage behind ``threading.local`` (``PyThreadState_GetDict``).

    Clearing it is the only way to make a reused thread forget; there is no Python name for it.
    """
    address = _get_dict()
    if not address:
        return None
    found: dict[Any, Any] = ctypes.cast(address, ctypes.py_object).value
    return found
