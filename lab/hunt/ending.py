"""The end of an execution: the threads that the test left behind run out, or have to leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.hunt import deadlock, strangers
from lab.hunt.schedule import ENDED

if TYPE_CHECKING:
    from lab.hunt.engine import Engine
    from lab.hunt.tasks import Task


def settle(engine: Engine, main: Task) -> None:
    """After the body: let the threads it left behind go on until none can."""
    engine.finishing = True
    if main in engine.runnable:
        engine.runnable.remove(main)
    target = engine.next_task()
    if target is not main:
        engine.switch(main, target, ENDED, None)
    left = [task for task in engine.tasks[1:] if not task.done and not task.daemon]
    left = [task for task in left if not deadlock.waits_for_work(task)]
    if left and not engine.aborting:
        deadlocked(engine, left, after_body=True)


def expel(engine: Engine, main: Task, patience: float = -1) -> None:
    """Make every thread that is left leave, one at a time.

    With ``patience`` it is not thread 0 that calls, and a thread that takes longer is given up.
    """
    if not engine.expelling.acquire(timeout=patience):
        return
    try:
        for task in engine.tasks[1:]:
            if not (task.done or task.lost):
                _expel(engine, task, main, patience)
        engine.current = main
    finally:
        engine.expelling.release()


def _expel(engine: Engine, task: Task, main: Task, patience: float) -> None:
    from lab.hunt.threads import never_ran

    if not task.started:
        never_ran(task.thread)
        task.done = True
        engine.release(task)
        return
    engine.current = task
    task.go.release()
    if patience < 0:
        engine.park_main(main)
    elif not main.go.acquire(timeout=patience):
        task.lost = task.done = True


def deadlocked(engine: Engine, left: list[Task], *, after_body: bool) -> None:
    """Threads ``left`` cannot go on: a failure, unless something outside may yet help them."""
    doubt = engine.channels.doubt() if engine.channels is not None else None
    doubt = doubt or strangers.doubt(engine)
    if doubt is not None:
        engine.stuck = doubt
    else:
        engine.failure = deadlock.describe(left, after_body=after_body)
