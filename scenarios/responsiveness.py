"""A ticker at 60 Hz, as the loop of a user interface is, and work that comes in between.

The loop has to be back at its next tick whatever the work is. How late each tick comes is what a
user feels: half of the ticks are no later than p50, 99 of 100 no later than p99.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from lab import Kit, Observed, OutcomeKind, Parameter, Scenario, Truth

FRAME_S = 1 / 60
JOB_S = 0.05
"""What one job takes."""
EVERY = 4
"""A job comes with every so many ticks."""


def compute() -> None:
    """Keep a CPU busy."""
    until = time.thread_time() + JOB_S
    while time.thread_time() < until:
        sum(step * step for step in range(200))


def wait_for_answer() -> None:
    """Read from somebody who does not answer, until time is up."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(JOB_S)
        try:
            ours.recv(1)
        except TimeoutError:
            return


JOBS: dict[str, Callable[[], None]] = {
    "cpu": compute,
    "io": wait_for_answer,
    "none": lambda: None,
}


def do_jobs(kind: str, jobs: Any) -> None:
    """Do a job for each that is announced, until there are no more."""
    while jobs.get():
        JOBS[kind]()


def tick(ticks: int, at_tick: Callable[[], None]) -> list[float]:
    """Run the loop, with a call at every tick that brings a job; return how late each tick was."""
    never = threading.Event()
    began = time.perf_counter()
    late = []
    for number in range(1, ticks + 1):
        due = began + number * FRAME_S
        never.wait(max(0.0, due - time.perf_counter()))
        late.append(max(0.0, time.perf_counter() - due))
        if number % EVERY == 0:
            at_tick()
    return late


def report(kit: Kit, late: list[float]) -> None:
    """Report the distribution."""
    ordered = sorted(late)
    for name, share in (("p50", 0.5), ("p99", 0.99), ("worst", 1.0)):
        position = min(len(ordered) - 1, int(len(ordered) * share))
        kit.observe(f"{name} delay of a tick", ordered[position], "s")


def faulty(kit: Kit, work: str, ticks: int, switch_ms: float) -> None:
    """Do the jobs in the loop's own thread."""
    sys.setswitchinterval(switch_ms / 1000)
    report(kit, tick(ticks, JOBS[work]))


def corrected(kit: Kit, work: str, ticks: int, switch_ms: float) -> None:
    """Leave the jobs to a worker."""
    sys.setswitchinterval(switch_ms / 1000)
    jobs = kit.queue()
    worker = kit.worker(do_jobs, work, jobs, name="worker-1")
    worker.start()
    late = tick(ticks, lambda: jobs.put(True))
    jobs.put(False)
    worker.join()
    report(kit, late)


def truth() -> Truth:
    """It ends, and says how late the ticks were."""
    figures = [f"{name} delay of a tick" for name in ("p50", "p99", "worst")]
    return Truth(OutcomeKind.EXITED, observed=tuple(Observed(name, minimum=0) for name in figures))


SCENARIO = Scenario(
    name="responsiveness",
    title="How late a 60 Hz loop is while there is work",
    plants="A loop that has to be back 60 times a second does the work itself.",
    why=(
        "While the loop works or waits it is not back for its next tick. A worker thread takes "
        "waiting off its hands altogether; but one that computes holds the GIL until its switch "
        "interval is over, 5 ms by default, at every tick. A worker process holds another GIL."
    ),
    cure="Hand the work to a worker: a thread for what waits, a process for what computes.",
    faulty=faulty,
    corrected=corrected,
    truth=lambda **_: truth(),
    healthy=lambda **_: truth(),
    parameters=(
        Parameter("work", "cpu", "what the jobs do", choices=tuple(JOBS)),
        Parameter("ticks", 120, "ticks of the loop", minimum=4, maximum=36_000),
        Parameter("switch_ms", 5.0, "switch interval in milliseconds", minimum=0.01, maximum=1000),
    ),
    tags=("cost", "latency"),
    claims=("T5", "T3"),
)
