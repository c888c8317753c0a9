"""An event loop that waits for a threaded lock.

A coroutine that waits for a ``threading.Lock`` stops the whole loop, since the loop runs in the
thread that waits. The lock's holder is another thread, which has asked the loop for something and
keeps the lock until it has the answer.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

from lab import Cause, Kit, LockLike, OutcomeKind, Scenario, Truth, Wait, Workers


async def answer() -> int:
    """Answer at once, if only the loop would turn."""
    return 42


def ask(lock: LockLike, loop: asyncio.AbstractEventLoop, asked: threading.Event) -> None:
    """Ask the loop from another thread, with the lock in hand."""
    with lock:  # lab: holds
        reply = asyncio.run_coroutine_threadsafe(answer(), loop)
        asked.set()
        reply.result()  # lab: asks


def update(lock: LockLike) -> None:
    """Change what the lock guards."""
    with lock:  # lab: wants
        pass


async def update_in_the_loop(lock: LockLike) -> None:
    """Wait for the lock in the loop's own thread."""
    update(lock)


async def update_in_a_thread(lock: LockLike) -> None:
    """Wait for it in another thread, while the loop turns."""
    await asyncio.to_thread(update, lock)


def faulty(kit: Kit) -> None:
    """Update in the loop."""
    asyncio.run(serve(kit, update_in_the_loop))


def corrected(kit: Kit) -> None:
    """Update beside the loop."""
    asyncio.run(serve(kit, update_in_a_thread))


async def serve(kit: Kit, way: Callable[[LockLike], Awaitable[None]]) -> None:
    """Start the thread that asks, and update once it has the lock."""
    lock, asked = kit.lock(), threading.Event()
    asker = kit.worker(ask, lock, asyncio.get_running_loop(), asked, name="asker")
    asker.start()
    asked.wait()
    await way(lock)


def truth() -> Truth:
    """The loop waits for the lock, and its holder for the loop."""
    return Truth(
        outcome=OutcomeKind.DEADLOCKED,
        cause=Cause.WAIT_CYCLE,
        apparent=Cause.UNSATISFIED_WAIT,
        waits=(
            Wait(waiter="main", at="wants", holder="asker", held_at="holds"),
            Wait(
                waiter="asker",
                at="asks",
                holder="main",
                hidden="a future does not say which loop is to complete it",
            ),
        ),
    )


SCENARIO = Scenario(
    name="blocked-loop",
    title="An event loop that waits for a threaded lock",
    plants="The loop's thread waits for a lock whose holder waits for an answer from the loop.",
    why=(
        "A coroutine gives way at an await and nowhere else. A lock of threading knows nothing of "
        "that: it stops the thread, and with it every coroutine, also the one that would help. "
        "Processes share no loop and no threaded lock, so that they cannot close this circle."
    ),
    cure="Wait for threaded locks outside the loop: await asyncio.to_thread(...).",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    variants=(Workers.THREADS,),
    tags=("deadlock", "lock", "asyncio"),
    claims=("T7", "T8"),
)
