"""A worker that joins its parent, while that joins the worker.

No worker can join itself, the standard library refuses that at once: "cannot join current thread",
"can only join a child process". The same circle with one more in it is not refused.
"""

from __future__ import annotations

import multiprocessing
import threading

from lab import Cause, Kit, OutcomeKind, Scenario, Truth, Wait


def clean_up_after_the_parent(processes: bool) -> None:
    """Wait until the parent has ended, to tidy up behind it."""
    parent = multiprocessing.parent_process() if processes else threading.main_thread()
    assert parent is not None
    parent.join()  # lab: joins-parent


def clean_up_now(processes: bool) -> None:
    """Tidy up and end."""
    del processes


def faulty(kit: Kit) -> None:
    """Wait for a worker that waits for us."""
    worker = kit.worker(
        clean_up_after_the_parent, kit.variant.start_method is not None, name="worker"
    )
    worker.start()
    worker.join()  # lab: joins-worker


def corrected(kit: Kit) -> None:
    """Wait for a worker that does its work and ends."""
    worker = kit.worker(clean_up_now, kit.variant.start_method is not None, name="worker")
    worker.start()
    worker.join()


def truth() -> Truth:
    """The two wait for each other's end."""
    return Truth(
        outcome=OutcomeKind.DEADLOCKED,
        cause=Cause.WAIT_CYCLE,
        waits=(
            Wait(waiter="main", at="joins-worker", holder="worker"),
            Wait(waiter="worker", at="joins-parent", holder="main"),
        ),
    )


SCENARIO = Scenario(
    name="joins-parent",
    title="A worker that joins its parent",
    plants="The parent waits for the worker's end, and the worker for the parent's.",
    why=(
        "join() says nothing about who may wait for whom, and only the shortest circle, a worker "
        "that joins itself, is refused. Also a daemon closes it: what matters is that each of the "
        "two waits, not who started whom."
    ),
    cure="Let waiting follow the order of starting: parents join their workers, never the reverse.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    tags=("deadlock", "join"),
    claims=("T7", "T8", "P6"),
)
