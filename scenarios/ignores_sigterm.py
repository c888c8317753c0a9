"""A worker that ignores SIGTERM.

``terminate()`` asks. A process may catch the signal, or ignore it, and so may a library in it.
"""

from __future__ import annotations

import signal
from typing import Any

from lab import Cause, Kit, Observed, OutcomeKind, Scenario, Truth, Wait, Workers

PATIENCE_S = 0.2


def serve(ready: Any, request: Any) -> None:
    """Wait for a request that will not come, and do not mind being asked to end."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ready.set()
    request.wait()  # lab: waits


def start(kit: Kit) -> Any:
    """Start the worker and wait until it serves."""
    ready, request = kit.event(), kit.event()
    worker = kit.worker(serve, ready, request, name="server")
    worker.start()
    ready.wait()
    return worker


def faulty(kit: Kit) -> None:
    """Ask it to end, and wait for that."""
    worker = start(kit)
    worker.terminate()
    worker.join()  # lab: joins


def corrected(kit: Kit) -> None:
    """Ask it, give it some time, and then do not ask any more."""
    worker = start(kit)
    worker.terminate()
    worker.join(PATIENCE_S)
    if worker.exitcode is None:
        worker.kill()
    worker.join()
    kit.observe("exit status of the worker", worker.exitcode)


def truth() -> Truth:
    """The parent waits for an end, and the worker for a request."""
    return Truth(
        OutcomeKind.DEADLOCKED,
        Cause.UNSATISFIED_WAIT,
        (Wait("server", at="waits"), Wait("main", at="joins", holder="server")),
    )


def healthy() -> Truth:
    """SIGKILL, which is 9, cannot be ignored."""
    return Truth(OutcomeKind.EXITED, observed=(Observed("exit status of the worker", -9, -9),))


SCENARIO = Scenario(
    name="ignores-sigterm",
    title="A worker that ignores SIGTERM",
    plants="The parent terminates a worker and waits for its end, and the worker pays no heed.",
    why=(
        "SIGTERM is a request, and what a process does with it is its own affair. Servers catch it "
        "to finish their work first, and then wait for something else that never ends. Threads "
        "cannot be terminated at all, not even by a request of this kind."
    ),
    cure="Join with a time-out after terminate(), and then kill().",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    healthy=healthy,
    variants=(Workers.PROCESSES,),
    tags=("broken", "signal"),
    claims=("P6", "T8"),
)
