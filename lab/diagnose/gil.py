"""Threads that wait for the GIL, which one thread does not let go of: C code that never yields it.

Waiting for the GIL is nothing by itself: it changes hands every few milliseconds where several
threads compute. It is told only when it did not change hands while the tree was looked at.
"""

from __future__ import annotations

from lab.diagnose.blocked import Blocked
from lab.diagnose.holders import Holder
from lab.diagnose.places import short
from lab.diagnose.scene import Scene, Thread
from lab.model import Evidence

_ASKED_EVERY_S = 0.005
"""``sys.getswitchinterval()``, unless the program has changed it."""
_LONG = 6


def gil_wait(thread: Thread) -> Blocked | None:
    """Return the wait of a thread for a GIL that another has held all the time."""
    gil = thread.process.gil
    if gil is None or gil.kept_s < _LONG * _ASKED_EVERY_S:
        return None
    if thread.stack.tid not in gil.waiters or gil.holder_ident == thread.stack.ident:
        return None
    return Blocked(thread, "gil", thread.users, address=gil.start)


def gil_holder(scene: Scene, wait: Blocked) -> Holder:
    """Return the thread that holds the GIL, with the line that called the C code."""
    gil = wait.thread.process.gil
    for thread in scene.threads:
        same = thread.process is wait.thread.process
        if gil and same and thread.stack.ident == gil.holder_ident:
            doing = "asleep in C code" if thread.wait and thread.wait.state == "S" else "in C code"
            at = scene.line(thread, thread.users) if thread.frames else None
            where = f" called at {short(at)}" if at else ""
            kept = f"{thread.label} kept it all the {gil.kept_s * 1000:.0f} ms of this look"
            inside = f" ({' < '.join(thread.stack.native)})" if thread.stack.native else ""
            because = f"{kept}, {doing}{where}{inside}"
            return Holder(Evidence.CONFIRMED, because, thread, at)
    return Holder(Evidence.UNKNOWN, "the thread that holds it was not seen")
