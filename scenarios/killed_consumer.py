"""A consumer that is killed while it waits for work.

It does nothing, and it looks as if nothing could be lost with it. But of all who wait at a queue of
``multiprocessing`` one holds the lock for reading, and waits for the others too.
"""

from __future__ import annotations

from multiprocessing import Pipe
from typing import Any

from lab import (
    Cause,
    Kit,
    NoHolder,
    Observed,
    OutcomeKind,
    Scenario,
    Truth,
    Wait,
    Workers,
)


def consume(items: Any) -> None:
    """Take one item."""
    items.get()  # lab: gets


def consume_own(channel: Any) -> None:
    """Take one item from a pipe that nobody else reads."""
    channel.recv()


def faulty(kit: Kit) -> None:
    """Let two consumers wait at one queue, of which the first is killed; then put an item."""
    items = kit.queue()
    crew = [kit.worker(consume, items, name=f"worker-{number}") for number in (1, 2)]
    crew[0].start()
    crew[0].join()
    crew[1].start()
    items.put("work")
    crew[1].join()
    kit.observe("items taken", sum(getattr(worker, "exitcode", None) == 0 for worker in crew))


def corrected(kit: Kit) -> None:
    """Give each consumer a pipe, and the item to the next one when its consumer has died."""
    taken = number = 0
    while not taken:
        number += 1
        reader, writer = Pipe(duplex=False)
        worker = kit.worker(consume_own, reader, name=f"worker-{number}")
        worker.start()
        writer.send("work")
        worker.join()
        taken += getattr(worker, "exitcode", None) == 0
    kit.observe("items taken", taken)
    kit.observe("consumers needed", number)


def truth() -> Truth:
    """The item is in the queue, and the survivor waits for the lock to read it."""
    return Truth(
        OutcomeKind.DEADLOCKED,
        Cause.ABANDONED_LOCK,
        (Wait("worker-2", at="gets", no_holder=NoHolder.DEAD_PROCESS),),
    )


def healthy() -> Truth:
    """The survivor takes the item."""
    return Truth(
        OutcomeKind.EXITED,
        observed=(Observed("items taken", 1, 1), Observed("consumers needed", 2, 2)),
    )


SCENARIO = Scenario(
    name="killed-consumer",
    title="A consumer killed while it waits for work",
    plants="An idle consumer dies in Queue.get(), and all others starve beside a full queue.",
    why=(
        "Queue.get() takes the lock for reading first and then waits for an item, with the lock in "
        "hand: most of the time some idle consumer holds it. To kill one that does nothing, when "
        "there are too many of them, looks harmless and stops all. Threads wait on a condition, "
        "which gives its lock back, and cannot be killed one by one."
    ),
    cure="Give each consumer a pipe of its own, or end consumers by an item that tells them to.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    healthy=healthy,
    faults=("kill:worker-1@call:multiprocessing.connection.Connection._recv_bytes",),
    variants=(Workers.PROCESSES,),
    tags=("killed", "queue"),
    claims=("P6", "T8"),
)
