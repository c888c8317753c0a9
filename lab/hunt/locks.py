"""Lock and RLock under control; the rest of ``threading`` is the standard library's own, on top.

``Condition``, ``Semaphore``, ``Event``, ``Barrier`` and ``queue.Queue`` are Python code over these
two, so they behave as this interpreter's version of them does, and a thread that waits in one of
them is blocked on a lock, not spinning. Outside an execution (another thread, a fixture, after the
hunt) each acts as the real primitive that it wraps.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import CodeType, FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from lab.hunt import _real
from lab.hunt.sites import LOCK, Site, address
from lab.hunt.tasks import INFINITY, Task, Unwind

if TYPE_CHECKING:
    from lab.hunt.engine import Engine

_LIBRARY_CALLERS = {
    module.__file__ for name in ("threading", "queue") if (module := sys.modules.get(name))
}

_OURS = {__file__}
_PACKAGE = __file__.rpartition("/")[0]


class _Bench:
    """What every primitive needs to know of the hunt in progress; one for the process.

    An instance, for to change a class makes the interpreter forget what it knows of all its users.
    """

    __slots__ = ("covers", "engine", "inner", "kept", "sites", "traced")

    def __init__(self) -> None:
        self.engine: Engine
        # Whether code is switched in; in the ``gil`` model those have their own points.
        self.traced: Callable[[CodeType], bool] = lambda _code: False
        self.covers: Callable[[CodeType], bool] = lambda _code: False
        self.sites: dict[tuple[Any, ...], Site] = {}
        self.inner: Site | None = None  # for locks that a future makes for itself
        self.kept: list[object] = []  # the code whose address is part of a key must live on

    def site(self, kind: str, frame: FrameType) -> Site:
        """Return the place that stands for all primitives made by the same user's line."""
        code, line = frame.f_code, frame.f_lineno
        outer: FrameType | None = frame
        while outer is not None:
            made, at = outer.f_code, outer.f_lineno
            if made.co_filename not in _LIBRARY_CALLERS:
                break  # not the library's own: it is on behalf of this one
            outer = outer.f_back
        if made.co_filename.startswith(_PACKAGE):
            made, at = code, line
        key = (kind, address(code), line, address(made), at)
        found = self.sites.get(key)
        if found is None:
            where = f"{made.co_qualname}:{at}" if outer is not None else "?"
            found = self.sites[key] = Site(LOCK, "acquire", f"{kind} made in {where}")
            found.signal = code.co_qualname == "Condition.wait"
            self.kept.append((code, made))
        return found


Bench: Final = _Bench()


class Lock:
    """A controlled ``threading.Lock``.

    ``owner`` is the task that took it, ``True`` when it was taken outside the execution, None when
    free. ``waiters`` holds the blocked tasks; all of them become runnable when it is released and
    stop being so when one of them takes it.
    """

    __slots__ = ("__weakref__", "_real", "epoch", "owner", "polled", "site", "waiters")
    kind = "Lock"

    def __init__(self) -> None:
        engine = Bench.engine
        self.owner: Any = None
        self.waiters: list[Task] = []
        self.polled = False
        self._real: Any = None
        self.epoch = 0
        self.site = Bench.inner or Bench.site(self.kind, sys._getframe(1))
        if engine.by_ident.get(_real.get_ident()) is not None:
            self.epoch = engine.epoch

    @classmethod
    def adopt(cls, real: Any, variable: str) -> Self:
        """Wrap a lock that existed before the hunt, made or held by ``variable``."""
        lock = cls.__new__(cls)
        lock.owner, lock.waiters, lock.polled = None, [], False
        lock._real, lock.epoch = real, 0
        lock.site = Site(LOCK, "acquire", variable)
        return lock

    def describe(self) -> str:
        """Name the lock for people: its kind and where it was made."""
        return "a notification" if self.site.signal else self.site.variable

    # -- the public interface

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock, as ``threading.Lock.acquire``; time-outs are in virtual time."""
        engine = Bench.engine
        me = engine.by_ident.get(_real.get_ident())
        if me is None:
            return bool(self.outside().acquire(blocking, timeout))
        check_timeout(blocking, timeout)
        if self.epoch != engine.epoch:
            self._renew(engine)
        if not blocking or timeout >= 0:
            self.polled = True
        if engine.observer is not None:
            me.wanted = self if blocking and timeout < 0 else None
        pass_point(engine, self.site)
        if self.owner is None:
            self._take(engine, me)
            return True
        if not self._wait(engine, me, blocking, timeout):
            return False
        self._take(engine, me)
        if engine.gil:
            # A thread woken by a release owns the lock before it owns the interpreter again.
            engine.point(self.site)
        return True

    def release(self) -> None:
        """Give the lock back; any thread may, as with ``threading.Lock``."""
        engine = Bench.engine
        me = engine.by_ident.get(_real.get_ident())
        if me is None:
            self.outside().release()
            return
        if self.epoch != engine.epoch:
            self._renew(engine)
        if self.owner is None:
            if engine.aborting:
                return
            raise RuntimeError("release unlocked lock")
        if self.owner is not me:
            self.site.signal = True
        if self.owner is True:  # a thread outside holds it, and waits for this on the real one
            self._real.release()
        if self.polled:
            pass_point(engine, self.site)
        self._give_back(engine)

    def locked(self) -> bool:
        """Whether somebody has the lock."""
        engine = Bench.engine
        if engine.by_ident.get(_real.get_ident()) is None:
            return bool(self.outside().locked())
        if self.epoch != engine.epoch:
            self._renew(engine)
        self.polled = True
        pass_point(engine, self.site)
        return self.owner is not None

    __enter__ = acquire

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def _at_fork_reinit(self) -> None:
        self.owner = None
        self.waiters.clear()
        self._real = None

    def __repr__(self) -> str:
        state = "locked" if self.owner is not None else "unlocked"
        return f"<{state} {self.kind} {self.site.variable}>"

    # -- inside

    def outside(self) -> Any:
        """Return the real lock for threads that are not under control, made when first needed."""
        if self._real is None:
            self._real = self._make_real()
        return self._real

    @staticmethod
    def _make_real() -> Any:
        return _real.allocate_lock()

    def _renew(self, engine: Engine) -> None:
        """Forget what an earlier execution left: each starts from the state outside."""
        self.epoch = engine.epoch
        self.polled = False
        self.waiters.clear()
        self.owner = True if self._held_outside() else None

    def _held_outside(self) -> bool:
        return self._real is not None and self._real.locked()

    def _wait(self, engine: Engine, me: Task, blocking: bool, timeout: float) -> bool:
        if not blocking:
            return False
        deadline = engine.now + timeout if timeout >= 0 else INFINITY
        self.waiters.append(me)
        try:
            while self.owner is not None:
                if not engine.block(me, self, deadline) and self.owner is not None:
                    return False
        finally:
            self.waiters.remove(me)
        return True

    def _take(self, engine: Engine, me: Task) -> None:
        if self.owner is not None:
            raise Unwind
        self.owner = me
        if engine.observer is not None:
            me.held |= {self}
        for task in self.waiters:
            if not task.timed_out:  # else it goes on without the lock
                engine.runnable.remove(task)

    def _give_back(self, engine: Engine) -> None:
        if engine.observer is not None and isinstance(self.owner, Task):
            self.owner.held -= {self}
        self.owner = None
        for task in self.waiters:
            if not task.timed_out:
                engine.ready(task)


class RLock(Lock):
    """A controlled ``threading.RLock``: its owner may take it again."""

    __slots__ = ("_count",)
    kind = "RLock"

    def __init__(self) -> None:
        super().__init__()
        self.site = Bench.inner or Bench.site(self.kind, sys._getframe(1))
        self._count = 0

    @classmethod
    def adopt(cls, real: Any, variable: str) -> Self:
        """Wrap a re-entrant lock that existed before the hunt."""
        lock = super().adopt(real, variable)
        lock._count = 0
        return lock

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock, or one level more of it."""
        engine = Bench.engine
        me = engine.by_ident.get(_real.get_ident())
        if me is not None and self.owner is me and self.epoch == engine.epoch:
            self._count += 1
            return True
        taken = super().acquire(blocking, timeout)
        if taken and me is not None:
            self._count = 1
        return taken

    __enter__ = acquire

    def release(self) -> None:
        """Give back one level; the lock is free when all are."""
        engine = Bench.engine
        me = engine.by_ident.get(_real.get_ident())
        if me is None:
            self.outside().release()
            return
        if self.owner is not me or self.epoch != engine.epoch:
            if engine.aborting:
                return
            raise RuntimeError("cannot release un-acquired lock")
        self._count -= 1
        if not self._count:
            super().release()

    @staticmethod
    def _make_real() -> Any:
        return _real.RLockType()  # the function threading.RLock would look up the stand-in

    def _held_outside(self) -> bool:
        # Taken by this very thread before the execution (a fixture's ``with``) it stays open to it.
        if self._real is None or self._real._is_owned():
            return False
        free = self._real.acquire(blocking=False)
        if free:
            self._real.release()
        return not free

    # What threading.Condition asks of a re-entrant lock.

    def _is_owned(self) -> bool:
        me = Bench.engine.by_ident.get(_real.get_ident())
        if me is None:
            return bool(self.outside()._is_owned())
        return self.owner is me and self.epoch == Bench.engine.epoch

    def _release_save(self) -> Any:
        engine = Bench.engine
        me = engine.by_ident.get(_real.get_ident())
        if me is None:
            return self.outside()._release_save()
        if self.owner is not me and not engine.aborting:
            raise RuntimeError("cannot release un-acquired lock")
        count, self._count = self._count, 0
        super().release()
        return count

    def _acquire_restore(self, state: Any) -> None:
        if Bench.engine.by_ident.get(_real.get_ident()) is None:
            self.outside()._acquire_restore(state)
            return
        super().acquire()
        self._count = state

    def _recursion_count(self) -> int:
        return self._count if self._is_owned() else 0


def pass_point(engine: Engine, site: Site) -> None:
    """Pass the switch point of a primitive.

    Under ``gil`` a C primitive is no switch point by itself: a traced caller passes its own at the
    call, and Python code of the standard library passed one when it was entered.
    """
    if engine.gil and _called_from_traced_code():
        engine.observe(site)
        return
    engine.step += 1
    if engine.step >= engine.stop_at or site.hot:
        engine.consult(site)


def _called_from_traced_code() -> bool:
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        code = frame.f_code
        if code.co_filename not in _OURS:
            return Bench.traced(code)
        frame = frame.f_back
    return False


def check_timeout(blocking: bool, timeout: float) -> None:
    """Raise what the real ``acquire`` raises for arguments that make no sense."""
    if not blocking and timeout != -1:
        raise ValueError("can't specify a timeout for a non-blocking call")
    if timeout < 0 and timeout != -1:
        raise ValueError("timeout value must be a non-negative number")
