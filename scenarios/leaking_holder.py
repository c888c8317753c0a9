"""A leak of memory that ends in a deadlock.

A leak by itself makes a program slow, and then end. A deadlock comes of it where the MemoryError
hits between taking a lock and giving it back.
"""

from __future__ import annotations

from typing import Any

from lab import (
    Cause,
    Kit,
    LockLike,
    NoHolder,
    Observed,
    OutcomeKind,
    Parameter,
    Scenario,
    Truth,
    Variant,
    Wait,
    Workers,
)

PIECE = 1 << 20
CACHE: list[bytearray] = []
"""What leaks: nobody ever takes anything out of it."""


def remember(lock: LockLike, holding: Any, pieces: int) -> None:
    """Fill the cache, under a lock that is taken and given back by hand."""
    lock.acquire()
    holding.set()
    fill(pieces)
    lock.release()


def remember_in_block(lock: LockLike, holding: Any, pieces: int) -> None:
    """Do the same in a block, which every way out of it leaves."""
    try:
        with lock:
            holding.set()
            fill(pieces)
    except MemoryError:
        CACHE.clear()  # it was only a cache


def fill(pieces: int) -> None:
    """Keep ever more."""
    CACHE.extend(bytearray(PIECE) for _ in range(pieces))


def look_up(lock: LockLike, holding: Any, done: Any) -> None:
    """Use the cache after the other worker."""
    holding.wait()
    with lock:  # lab: wants
        done.set()


def faulty(kit: Kit, pieces: int) -> None:
    """Leak while holding a lock."""
    run(kit, remember, pieces)


def corrected(kit: Kit, pieces: int) -> None:
    """Leak as much, and give the lock back."""
    run(kit, remember_in_block, pieces)


def run(kit: Kit, way: Any, pieces: int) -> None:
    """Start both; the second is there before the memory is used up."""
    lock, holding, done = kit.lock(), kit.event(), kit.event()
    crew = [kit.worker(look_up, lock, holding, done, name="worker-2")]
    crew.append(kit.worker(way, lock, holding, pieces, name="worker-1"))
    for worker in crew:
        worker.start()
    for worker in crew:
        worker.join()
    kit.observe("survivors finished", done.is_set())


def truth(variant: Variant, pieces: int) -> Truth:
    """The survivor waits for a lock that nobody will give back."""
    del pieces
    threads = variant.workers is Workers.THREADS
    why = NoHolder.LEAKED if threads else NoHolder.DEAD_PROCESS
    wait = Wait("worker-2", at="wants", no_holder=why)
    return Truth(OutcomeKind.DEADLOCKED, Cause.ABANDONED_LOCK, (wait,))


def healthy(pieces: int) -> Truth:
    """The leak is the same, and the survivor finishes."""
    del pieces
    return Truth(OutcomeKind.EXITED, observed=(Observed("survivors finished", 1, 1),))


SCENARIO = Scenario(
    name="leaking-holder",
    title="A memory leak that ends in a deadlock",
    plants="A worker leaks up to its limit while it holds a lock, and dies of the MemoryError.",
    why=(
        "The leak does not provoke the deadlock, the missing try and finally does: any exception "
        "in that place would. But a MemoryError may come from any line, so that a leak finds such "
        "a place sooner or later. Both kinds of worker lose the lock: a thread ends without "
        "giving it back, and so does a process."
    ),
    cure="Take locks by with, and bound every cache.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    healthy=healthy,
    faults=("memory=48MiB:worker-1@start",),
    parameters=(Parameter("pieces", 128, "MiB to be leaked", minimum=64, maximum=512),),
    tags=("broken", "limit", "lock", "leak"),
    claims=("T8", "P6"),
)
