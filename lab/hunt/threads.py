"""``threading.Thread`` under control: start, join and is_alive; the rest is the library's own."""

from __future__ import annotations

import _thread
import threading
from collections.abc import Callable
from itertools import repeat
from types import FunctionType, SimpleNamespace
from typing import Any

from lab.hunt import _real
from lab.hunt.engine import Engine
from lab.hunt.locks import Bench, pass_point
from lab.hunt.numbering import numbered
from lab.hunt.tasks import INFINITY, Task, Unwind
from lab.hunt.turns import SPAWN

_active: dict[int, threading.Thread] = threading._active  # type: ignore[attr-defined]


def start(self: Any) -> None:
    """Stand in for ``Thread.start``."""
    engine = Bench.engine
    me = engine.by_ident.get(_real.get_ident())
    if me is None:
        _real.thread_start(self)
        return
    if not self._initialized:
        raise RuntimeError("thread.__init__() not called")
    if self._ident is not None:
        raise RuntimeError("threads can only be started once")
    self._started._flag = True
    self._lab_task = task = engine.spawn(me, self._name, _run, self, self._daemonic)
    self._ident = task.ident
    if engine.gil:
        pass_point(engine, SPAWN)
        return
    engine.step = step = engine.step + 1
    if step >= engine.stop_at:
        engine.consult(SPAWN)


def join(self: Any, timeout: float | None = None) -> None:
    """Stand in for ``Thread.join``; the time-out is virtual."""
    try:
        task: Task = self._lab_task
    except AttributeError:  # it was not started under control
        _real.thread_join(self, timeout)
        return
    engine = Bench.engine
    me = engine.by_ident.get(_real.get_ident())
    if me is task:
        raise RuntimeError("cannot join current thread")
    if me is None or task.done:
        return
    deadline = INFINITY if timeout is None else engine.now + max(timeout, 0)
    task.awaited = True
    while not task.done and engine.block(me, task, deadline):
        pass


def is_alive(self: Any) -> bool:
    """Stand in for ``Thread.is_alive``."""
    task: Task | None = getattr(self, "_lab_task", None)
    if task is None:
        return bool(_real.thread_is_alive(self))
    engine = Bench.engine
    if engine.by_ident.get(_real.get_ident()) is not None:
        pass_point(engine, SPAWN)
    return not task.done


def _run(thread: Any) -> None:
    """Run a thread's ``run`` where the library's bootstrap would, with its excepthook."""
    ident = thread._ident
    thread._native_id = thread._lab_task.worker.native
    _active[ident] = thread
    usual = threading.excepthook
    try:
        thread.run()
    except (Unwind, SystemExit):
        raise
    except BaseException as error:
        if Bench.engine.aborting or not _handled(error, thread, usual):
            raise
    finally:
        _active.pop(ident, None)
        # Leave it as a thread that ended, for whoever looks at it after the hunt.
        setattr(thread, _MARK, _ENDED)


class _Started:
    """What a thread object needs of the event that tells its start, without a lock.

    ``wait`` is for a thread that was made under control and is started outside it.
    """

    __slots__ = ("_flag",)

    def __init__(self) -> None:
        self._flag = False

    def is_set(self) -> bool:
        return self._flag

    def set(self) -> None:
        self._flag = True

    def wait(self) -> bool:
        while not self._flag:
            _real.sleep(0.001)
        return True

    def _at_fork_reinit(self) -> None:
        pass


def counter(engine: Engine) -> Callable[[], int]:
    """Return what numbers threads without a name, from one in every execution."""

    def number() -> int:
        engine.named += 1
        return engine.named

    return number


def initialiser(usual: Any, engine: Engine) -> Callable[..., None]:
    """Return ``Thread.__init__`` for a hunt: without what only an uncontrolled start needs.

    It is the library's own code, whatever its version, that is given cheaper parts: half of what a
    short execution costs would be thread objects otherwise. One that was replaced is left as it is.
    """
    if getattr(usual, "__globals__", None) is not vars(threading):
        return numbered(usual)
    made = FunctionType(usual.__code__, vars(threading) | _parts(engine), usual.__name__)
    made.__defaults__, made.__kwdefaults__ = usual.__defaults__, usual.__kwdefaults__
    return made


def _parts(engine: Engine) -> dict[str, Any]:
    """Return what ``Thread.__init__`` calls, by name; plain functions, which are called fastest."""
    controlled, ident = engine.by_ident, _real.get_ident
    hook = threading._make_invoke_excepthook()  # type: ignore[attr-defined]

    def maker() -> Any:  # is asked whether it is a daemon
        return controlled.get(ident()) or threading.current_thread()

    def name(template: str) -> str:
        engine.named = number = engine.named + 1
        return template % number

    def note(thread: Any) -> None:
        if controlled.get(ident()) is not None:
            thread._lab_number = engine.made = engine.made + 1
        else:
            threading._dangling.add(thread)  # type: ignore[attr-defined]

    return {
        "Event": _Started,
        "current_thread": maker,
        "_newname": name,
        "_dangling": SimpleNamespace(add=note),
        "_make_invoke_excepthook": repeat(hook).__next__,
    }


class Hooks:
    """The excepthook in force when the hunt began: one set later is the test's own doing."""

    before: Callable[..., object] = threading.excepthook


def _handled(error: BaseException, thread: Any, hook: Callable[..., object]) -> bool:
    if hook is Hooks.before:
        return False
    arguments = (type(error), error, error.__traceback__, thread)
    hook(threading.ExceptHookArgs(arguments))
    return True


def _ended() -> tuple[str, Any]:
    """Return the attribute by which a thread object shows that it ended, and its value then."""
    thread = threading.Thread(target=int)
    _real.thread_start(thread)
    _real.thread_join(thread)
    kind = getattr(_thread, "_ThreadHandle", None)  # since 3.13
    return next(
        ((name, value) for name, value in vars(thread).items() if type(value) is kind),
        ("_is_stopped", True),
    )


_MARK, _ENDED = _ended()


def never_ran(thread: Any) -> None:
    """Leave a thread that was started, but never came to run, as one that ended."""
    if thread is not None:
        setattr(thread, _MARK, _ENDED)


def start_new_thread(
    function: Callable[..., object],
    args: tuple[Any, ...],
    kwargs: dict[str, Any] | None = None,
    /,
) -> int:
    """Stand in for ``_thread.start_new_thread``."""
    engine = Bench.engine
    me = engine.by_ident.get(_real.get_ident())
    if me is None:
        return _real.start_new_thread(function, args, kwargs or {})
    task = engine.spawn(
        me, getattr(function, "__name__", "thread"),
        lambda _: _call(function, args, kwargs or {}), None, True,
    )  # fmt: skip
    pass_point(engine, SPAWN)
    return task.ident


def _call(function: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    function(*args, **kwargs)
