"""``threading.Thread`` under control: start, join and is_alive; the rest is the library's own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from lab.hunt import _real
from lab.hunt.engine import Engine
from lab.hunt.locks import Bench, pass_point
from lab.hunt.tasks import INFINITY, Task, Unwind
from lab.hunt.turns import SPAWN

_TASK = "_lab_task"
_active: dict[int, threading.Thread] = threading._active  # type: ignore[attr-defined]


def start(self: Any) -> None:
    """Stand in for ``Thread.start``."""
    engine = Bench.engine
    if engine.by_ident.get(_real.get_ident()) is None:
        _real.thread_start(self)
        return
    if not self._initialized:
        raise RuntimeError("thread.__init__() not called")
    if self._started._flag:
        raise RuntimeError("threads can only be started once")
    self._started._flag = True
    task = engine.spawn(self._name, lambda: _run(engine, self), daemon=self.daemon, thread=self)
    self._ident = self._native_id = task.ident
    self.__dict__[_TASK] = task
    pass_point(engine, SPAWN)


def join(self: Any, timeout: float | None = None) -> None:
    """Stand in for ``Thread.join``; the time-out is virtual."""
    task: Task | None = self.__dict__.get(_TASK)
    if task is None:
        _real.thread_join(self, timeout)
        return
    engine = Bench.engine
    me = engine.by_ident.get(_real.get_ident())
    if me is task:
        raise RuntimeError("cannot join current thread")
    if me is None or task.done:
        return
    deadline = INFINITY if timeout is None else engine.now + max(timeout, 0)
    engine.join(me, task, deadline)


def is_alive(self: Any) -> bool:
    """Stand in for ``Thread.is_alive``."""
    task: Task | None = self.__dict__.get(_TASK)
    if task is None:
        return bool(_real.thread_is_alive(self))
    engine = Bench.engine
    if engine.by_ident.get(_real.get_ident()) is not None:
        pass_point(engine, SPAWN)
    return not task.done


def _run(engine: Engine, thread: Any) -> None:
    """Run a thread's ``run`` where the library's bootstrap would, with its excepthook."""
    ident = _real.get_ident()
    _active[ident] = thread
    usual = threading.excepthook
    try:
        thread.run()
    except (Unwind, SystemExit):
        raise
    except BaseException as error:
        if engine.aborting or not _handled(error, thread, usual):
            raise
    finally:
        _active.pop(ident, None)
        _mark_stopped(thread)


class Hooks:
    """The excepthook in force when the hunt began: one set later is the test's own doing."""

    before: Callable[..., object] = threading.excepthook


def _handled(error: BaseException, thread: Any, hook: Callable[..., object]) -> bool:
    if hook is Hooks.before:
        return False
    arguments = (type(error), error, error.__traceback__, thread)
    hook(threading.ExceptHookArgs(arguments))
    return True


def _ended_handle() -> Any:
    """Return the interpreter's handle of a real thread that has ended (3.13 and later)."""
    ended = threading.Thread(target=int)
    _real.thread_start(ended)
    _real.thread_join(ended)
    return getattr(ended, "_handle", None)


_ENDED: Any = _ended_handle()


def _mark_stopped(thread: Any) -> None:
    """Leave the object as a thread that ended, for whoever looks at it after the hunt."""
    if _ENDED is not None:
        thread._handle = _ENDED
    else:
        thread._is_stopped = True


def start_new_thread(
    function: Callable[..., object],
    args: tuple[Any, ...],
    kwargs: dict[str, Any] | None = None,
    /,
) -> int:
    """Stand in for ``_thread.start_new_thread``."""
    engine = Bench.engine
    if engine.by_ident.get(_real.get_ident()) is None:
        return _real.start_new_thread(function, args, kwargs or {})
    task = engine.spawn(
        getattr(function, "__name__", "thread"), lambda: _call(function, args, kwargs or {}),
        daemon=True,
    )  # fmt: skip
    pass_point(engine, SPAWN)
    return task.ident


def _call(function: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    function(*args, **kwargs)
