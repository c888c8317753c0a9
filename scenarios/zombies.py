"""Workers that have ended and that nobody waits for.

The kernel keeps the exit status of a child until its parent asks for it, and with the status an
entry in the table of processes.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lab import Kit, Observed, OutcomeKind, Parameter, Scenario, StartMethod, Truth, Workers


def work(go: Any) -> None:
    """End when all have been started."""
    go.wait()


def ended(kit: Kit, workers: int) -> list[int]:
    """Start workers and return their pids when all have ended, without taking their status."""
    go = kit.event()
    crew = [kit.worker(work, go, name=f"worker-{number}") for number in range(1, workers + 1)]
    for worker in crew:
        worker.start()
    go.set()
    pids = [int(getattr(worker, "pid", 0)) for worker in crew]
    for pid in pids:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    return pids


def zombies(pids: list[int]) -> int:
    """Count those that have ended and are still there; see proc_pid_stat(5)."""
    states = (Path(f"/proc/{pid}/stat") for pid in pids if Path(f"/proc/{pid}").exists())
    return sum(state.read_text().rpartition(")")[2].split()[0] == "Z" for state in states)


def faulty(kit: Kit, workers: int) -> None:
    """Go on without a thought for the workers."""
    pids = ended(kit, workers)
    kit.observe("zombies", zombies(pids))


def corrected(kit: Kit, workers: int) -> None:
    """Ask for the status of each, which is what join() does."""
    pids = ended(kit, workers)
    for pid in pids:
        os.waitpid(pid, 0)
    kit.observe("zombies", zombies(pids))


def truth(workers: int) -> Truth:
    """Each worker that ran is still in the table."""
    return Truth(OutcomeKind.EXITED, observed=(Observed("zombies", workers, workers),))


def healthy(workers: int) -> Truth:
    """None is."""
    del workers
    return Truth(OutcomeKind.EXITED, observed=(Observed("zombies", 0, 0),))


SCENARIO = Scenario(
    name="zombies",
    title="Ended workers that nobody waits for",
    plants="The parent never asks for the exit status of its children.",
    why=(
        "A zombie takes no memory, but a place among the pids, of which there is a limit; and a "
        "signal to it succeeds, so that it passes for alive. Python's multiprocessing collects "
        "its own when it starts the next worker; a program that starts none keeps them. A fork "
        "server's workers are its children and not ours. Threads that have ended leave no entry."
    ),
    cure="Join every worker, also those whose result does not matter.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    healthy=healthy,
    parameters=(Parameter("workers", 3, "workers that end", minimum=1, maximum=32),),
    variants=(Workers.PROCESSES,),
    start_methods=(StartMethod.FORK, StartMethod.SPAWN),
    tags=("broken", "join"),
    claims=("P6",),
)
