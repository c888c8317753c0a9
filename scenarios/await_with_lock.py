"""A coroutine that awaits with a threaded lock in its hand.

At the await the loop turns to the next coroutine, which wants the same lock and stops the thread
to wait for it. The first one would go on, and let go, if the loop came back to it.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager

from lab import Cause, Kit, LockLike, OutcomeKind, Scenario, Truth, Wait, Workers


async def update(lock: LockLike) -> None:
    """Do something in two steps, with the lock held over both."""
    with lock:  # lab: wants
        await asyncio.sleep(0)


async def update_with(lock: AbstractAsyncContextManager[None]) -> None:
    """Do the same with a lock that coroutines wait for without stopping the thread."""
    async with lock:
        await asyncio.sleep(0)


def faulty(kit: Kit) -> None:
    """Let two coroutines share a threaded lock."""

    async def both() -> None:
        lock = kit.lock()
        await asyncio.gather(update(lock), update(lock))

    asyncio.run(both())


def corrected(kit: Kit) -> None:
    """Let them share a lock of asyncio."""
    del kit

    async def both() -> None:
        lock = asyncio.Lock()
        await asyncio.gather(update_with(lock), update_with(lock))

    asyncio.run(both())


def truth() -> Truth:
    """The thread waits for a lock that it took itself, in a coroutine that is set aside."""
    return Truth(
        outcome=OutcomeKind.DEADLOCKED,
        cause=Cause.SELF_DEADLOCK,
        apparent=Cause.UNKNOWN,
        waits=(
            Wait(
                waiter="main",
                at="wants",
                holder="main",
                held_at="wants",
                hidden="a suspended coroutine is on no stack: only 3.12 and 3.13 let it be read",
            ),
        ),
    )


SCENARIO = Scenario(
    name="await-with-lock",
    title="A coroutine that awaits with a threaded lock in hand",
    plants="A suspended coroutine holds the lock for which another one stops the thread.",
    why=(
        "The loop's coroutines take turns in one thread, and a threaded lock knows threads only: "
        "it cannot tell that its holder is the one who waits. A suspended coroutine is an object "
        "and no stack, so that a stack dump shows nobody who holds it. Processes do not share a "
        "loop, so that one's coroutines cannot stop another's."
    ),
    cure="Hold an asyncio.Lock over an await, or no lock at all.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    variants=(Workers.THREADS,),
    tags=("deadlock", "lock", "asyncio"),
    claims=("T7", "T8"),
)
