"""Threads that were started before the hunt: not under control, but they may answer.

A fixture's service, say, takes a job from a queue and sets an event. Threads under control that
wait for such an event are no deadlock: the hunt cannot say.
"""

from __future__ import annotations

import concurrent.futures.thread
import sys
import threading
import traceback
from concurrent.futures import Future
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, Final

from lab.hunt.locks import Bench

if TYPE_CHECKING:
    from lab.hunt.engine import Engine

_module: Any = concurrent.futures.thread
_WORKER: Final[CodeType] = _module._worker.__code__
_RESULT: Final = Future.result.__code__.co_filename


def doubt(engine: Engine) -> str | None:
    """Name a thread outside the hunt that may end the wait of those in it; None without one.

    It runs the test's code, or it is the worker of a pool, and somebody waits for a future.
    """
    frames = sys._current_frames()
    known = {task.ident for task in engine.tasks} | {threading.main_thread().ident}
    waited = any(_waits_for_a_future(frames.get(task.ident)) for task in engine.tasks)
    for ident, frame in frames.items():
        thread = threading._active.get(ident)  # type: ignore[attr-defined]
        if ident in known or thread is None:
            continue
        for each, line in traceback.walk_stack(frame):
            code = each.f_code
            if Bench.covers(code) or (waited and code is _WORKER):
                where = f"{code.co_filename}:{line}"
                return f"{thread.name}, started before the hunt, may end the wait from {where}"
    return None


def _waits_for_a_future(frame: FrameType | None) -> bool:
    return any(each.f_code.co_filename == _RESULT for each, _ in traceback.walk_stack(frame))
