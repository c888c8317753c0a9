"""What it costs to reach another worker's state, by mechanism.

A worker adds to a counter that others can see, again and again: an object that threads share, or
what there is for processes instead. The mechanisms are the functions below, as short as they get.
"""

from __future__ import annotations

import multiprocessing
import struct
import time
from collections.abc import Callable
from multiprocessing.shared_memory import SharedMemory
from types import SimpleNamespace
from typing import Any

from lab import Kit, Observed, OutcomeKind, Parameter, Scenario, Truth, Variant

type Add = Callable[[Any, Any, int, int], None]
"""``add(state, lock, times, amount)``."""


SHARED = ("pipe", "Value", "Array", "SharedMemory", "manager proxy")
"""What processes have in place of a plain object."""


def add_to_object(state: Any, lock: Any, times: int, amount: int) -> None:
    """Add to an attribute; a manager's proxy has it too."""
    for _ in range(times):
        with lock:
            state.value += amount


def add_to_array(state: Any, lock: Any, times: int, amount: int) -> None:
    """Add to the first of several numbers."""
    for _ in range(times):
        with lock:
            state[0] += amount


def add_in_memory(state: Any, lock: Any, times: int, amount: int) -> None:
    """Add to a number in shared memory, packed and unpacked by hand."""
    for _ in range(times):
        with lock:
            (value,) = struct.unpack_from("q", state.buf)
            struct.pack_into("q", state.buf, 0, value + amount)


def add_by_messages(state: Any, _lock: Any, times: int, amount: int) -> None:
    """Send what to add to the owner of the number, and wait for the sum."""
    send, receive = state
    for _ in range(times):
        send(amount)
        receive()
    send(None)


def own_by_messages(receive: Callable[[], Any], send: Callable[[Any], None]) -> None:
    """Own the number: add what comes in and answer with the sum."""
    total = 0
    while (amount := receive()) is not None:
        total += amount
        send(total)


def timed(add: Add, state: Any, lock: Any, times: int, amount: int, done: Any) -> None:
    """Add and say how long it took, without the start of the worker."""
    began = time.perf_counter()
    add(state, lock, times, amount)
    done.put(time.perf_counter() - began)


def lines_of(*functions: Any) -> int:
    """Return how many lines of code there are below the heads of the functions."""
    places = {(f, line) for f in functions for *_, line in f.__code__.co_lines() if line}
    return len(places) - len(functions)


def report(kit: Kit, name: str, state: Any, add: Add, times: int, batch: int, *owner: Any) -> None:
    """Have a worker add, and report how often it can, and the lines that it takes.

    ``owner`` is what keeps the number meanwhile, and its arguments, where somebody has to.
    """
    done, lock = kit.queue(), kit.lock()
    worker = kit.worker(timed, add, state, lock, times, batch, done, name="worker-1")
    worker.start()
    if owner:
        owner[0](*owner[1:])
    kit.observe(name, times * batch / done.get(), "updates/s")
    worker.join()
    kit.observe(f"lines for {name}", lines_of(add, *owner[:1]))


def measure(kit: Kit, times: int, batch: int) -> None:
    """Report every mechanism that the variant has."""
    few = max(1, times // 20)
    there, back = kit.queue(), kit.queue()
    ends = (there.put, back.get)
    report(kit, "queue", ends, add_by_messages, few, batch, own_by_messages, there.get, back.put)
    if kit.variant.start_method is None:
        report(kit, "plain object", SimpleNamespace(value=0), add_to_object, times, batch)
        return
    context: Any = multiprocessing.get_context(kit.variant.start_method)
    ours, theirs = context.Pipe()
    ends = (theirs.send, theirs.recv)
    report(kit, "pipe", ends, add_by_messages, few, batch, own_by_messages, ours.recv, ours.send)
    report(kit, "Value", context.Value("q", lock=False), add_to_object, times, batch)
    report(kit, "Array", context.Array("q", 8, lock=False), add_to_array, times, batch)
    memory = SharedMemory(create=True, size=64)
    report(kit, "SharedMemory", memory, add_in_memory, times, batch)
    memory.close()
    memory.unlink()
    with context.Manager() as manager:
        report(kit, "manager proxy", manager.Namespace(value=0), add_to_object, few, batch)


def faulty(kit: Kit, times: int) -> None:
    """Update at every event."""
    measure(kit, times, batch=1)


def corrected(kit: Kit, times: int) -> None:
    """Count on one's own, and update once for a hundred events."""
    measure(kit, times // 100 or 1, batch=100)


def truth(variant: Variant, **_: int) -> Truth:
    """It ends, and says what each mechanism gets done."""
    own = SHARED if variant.start_method else ("plain object",)
    figures = tuple(Observed(name, minimum=0) for name in ("queue", *own))
    return Truth(OutcomeKind.EXITED, observed=figures)


SCENARIO = Scenario(
    name="ipc-cost",
    title="What it costs to reach another worker's state",
    plants="A worker tells the others of every single event.",
    why=(
        "Threads share their objects, so that an update is a few machine instructions and a lock. "
        "Processes share raw memory only: a number in it is read and written through a wrapper, "
        "and everything else is pickled, sent, woken up for, and unpickled, twice for an answer."
    ),
    cure="Talk less often: count on one's own, and tell the others of a hundred events at once.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    healthy=truth,
    parameters=(
        Parameter("times", 20_000, "updates; a twentieth of that for messages", minimum=1),
    ),
    tags=("cost", "ipc"),
    claims=("T4",),
)
