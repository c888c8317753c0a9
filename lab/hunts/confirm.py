"""A failure confirmed without the scheduler: real threads run free, with delays at its switches.

A schedule is proof for those who trust the scheduler. Here the test runs on the interpreter as it
is, in a contained process, and the same failure either shows or does not; a child that stands still
is a deadlock if that is proved from outside.
"""

from __future__ import annotations

import os
import platform
import tempfile
import time
from pathlib import Path
from typing import Final

import msgspec

from lab.errors import InconclusiveError
from lab.hunt.outcome import DEADLOCK, Failure
from lab.hunt.schedule import COLLECTED, EXPIRED, parse
from lab.hunt.sites import FREE_THREADED
from lab.hunts import noted
from lab.hunts.freely import Try, with_gil
from lab.hunts.orders import ANSWER, TRIES, Mode, Order, Reply
from lab.hunts.watched import Request, checked, child, launch
from lab.supervise import Supervisor, Watchdog

TIMES: Final = 20
_LOOK_S: Final = 0.005
_HUNG: Final = "hung"


class Confirmation(msgspec.Struct, frozen=True, kw_only=True):
    """In how many of ``times`` tries the failure showed on free threads.

    ``failed`` failed in the same way, ``otherwise`` in another one. ``impossible`` is empty, or
    says why this interpreter cannot confirm it: then nothing was tried. ``model`` is where the
    schedule switches that was followed.
    """

    target: str
    kind: str
    message: str
    model: str
    interpreter: str
    times: int = 0
    failed: int = 0
    otherwise: int = 0
    impossible: str = ""

    @property
    def confirmed(self) -> bool | None:
        """Whether the failure was seen; None when this interpreter cannot tell."""
        return None if self.impossible else self.failed > 0


def confirm(request: Request, token: str, times: int = TIMES) -> Confirmation:
    """Reproduce the failure that ``token`` stands for, in ``times`` runs on free threads.

    Raises :class:`UsageError` when the test cannot be run, :class:`InconclusiveError` when its
    schedule does not fail under the scheduler either, or ends the interpreter.
    """
    with tempfile.TemporaryDirectory(prefix="lab-confirm-") as folder:
        plan = _planned(request, Path(folder), token)
        failure = plan.failure
        assert failure is not None
        answer = Confirmation(
            target=request.reference,
            kind=failure.kind,
            message=failure.message,
            model=plan.model,
            interpreter=interpreter(),
        )
        unforced = _unforced(token)
        if unforced:
            return msgspec.structs.replace(answer, impossible=unforced)
        if not plan.pins:
            return msgspec.structs.replace(answer, impossible=_impossible(plan))
        tries = _tries(request, Path(folder), plan, times)
    same = sum(_same(failure, each) for each in tries)
    others = sum(bool(each.kind) for each in tries) - same
    return msgspec.structs.replace(answer, times=times, failed=same, otherwise=others)


def interpreter() -> str:
    """Return the interpreter in words."""
    gil = "with the GIL" if with_gil() else "without the GIL"
    return f"{platform.python_implementation()} {platform.python_version()} {gil}"


def _unforced(token: str) -> str:
    """Say what of the schedule no delay can bring about; empty when delays may."""
    reasons = {switch.why for switch in parse(token).switches}
    if COLLECTED in reasons:
        return "delays cannot confirm it: they do not make the garbage collector run at one place"
    if EXPIRED in reasons:
        return "delays cannot confirm it: they do not make a time-out end before its time"
    return ""


def _impossible(plan: Reply) -> str:
    if plan.model == FREE_THREADED:
        return (
            f"{interpreter()} cannot confirm it: the failure was found only where threads switch "
            f"without the GIL, and in none of {plan.executions} executions where this "
            "interpreter can"
        )
    return "the schedule hands over nowhere that a thread could be held up"


def _planned(request: Request, folder: Path, token: str) -> Reply:
    reply, ending = child(request, folder, Mode.PIN, token=token)
    if ending is not None:
        raise InconclusiveError(
            f"the schedule cannot be confirmed: {ending.words}",
            next_step="lab replay without --confirm",
        )
    return checked(reply)


def _same(failure: Failure, seen: Try) -> bool:
    if failure.kind == DEADLOCK:
        return seen.kind in (DEADLOCK, _HUNG)
    return (seen.kind, seen.place) == (failure.kind, failure.place)


def _tries(request: Request, folder: Path, plan: Reply, times: int) -> list[Try]:
    """Run children until there are so many answers: one that stands still is ended."""
    found: list[Try] = []
    while len(found) < times:
        order = Order(
            mode=Mode.FREE,
            reference=request.reference,
            folder=str(folder),
            wishes=request.wishes,
            times=times - len(found),
            pins=plan.pins,
        )
        found += _one_child(request, folder, order, len(found))
    return found


def _one_child(request: Request, folder: Path, order: Order, before: int) -> list[Try]:
    for name in (ANSWER, TRIES):
        (folder / name).unlink(missing_ok=True)
    with Supervisor(launch(request, order)) as supervisor:
        last = _watch(request, supervisor, folder / TRIES, before)
    if (folder / ANSWER).exists():
        reply = msgspec.json.decode((folder / ANSWER).read_bytes(), type=Reply)
        if reply.seen:
            checked(reply)
        return list(noted.lines(folder / TRIES, Try))
    return [*noted.lines(folder / TRIES, Try), last]


def _watch(request: Request, supervisor: Supervisor, log: Path, before: int) -> Try:
    """Wait for the child's end; return what became of the run that it did not answer for."""
    watchdog = Watchdog(supervisor.tree, outside=(os.getpid(), supervisor.shim_pid))
    began = moved = time.monotonic()
    size = 0
    while (status := supervisor.poll()) is None:
        now = time.monotonic()
        if (seen := _size(log)) != size:
            size, moved = seen, now
            done = len(noted.lines(log, Try))
            request.tell(before + done, now - began)
        if watchdog.poll().proof is not None:
            return Try(DEADLOCK, "proved deadlocked")
        if now - moved > request.limit_s:
            return Try(_HUNG, f"nothing ended for {request.limit_s:g} s")
        time.sleep(_LOOK_S)
    return Try("exception", f"the interpreter ended with status {status}")


def _size(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0
