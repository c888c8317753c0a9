"""A hunt in a contained process: what the test does to its interpreter is a finding, not the end.

The child hunts; when it dies, or moves no more, the black box tells which schedule was running.
That one is repeated in new processes, to put it into words that last, and shrunk if it dies again.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from lab.errors import ExitCode, InconclusiveError, LabError, UsageError
from lab.hunt import HuntResult, Schedule, Settings
from lab.hunt.outcome import EXCEPTION, Failure
from lab.hunt.recorder import Step
from lab.hunt.records import FOUND, Explored
from lab.hunt.schedule import Switch, parse
from lab.hunt.shrink import Shrinker, Switches
from lab.hunt.sites import FREE_THREADED, GIL
from lab.hunts import noted
from lab.hunts.answers import SURVIVES, from_replay, unsteady
from lab.hunts.blackbox import BlackBox, Last
from lab.hunts.orders import ANSWER, BOX, STACK, STEPS, SWITCHES, Mode, Order, Reply
from lab.model import status_words
from lab.supervise import Launch, Supervisor

_CHILD: Final = Path(__file__).with_name("child.py")
_LOOK_S: Final = 0.01
_LAST_WORDS_S: Final = 1.0  # for a child that does not move to write its stacks
_MOST_CRASHES: Final = 24  # processes spent on making a schedule small

Tell = Callable[[int, float], None]


@dataclass(frozen=True)
class Request:
    """What to hunt: ``reference`` as it was typed, and ``wishes`` by name.

    ``limit_s`` is how long nothing may move before the test is taken to hang; ``output`` is where
    the child's own output goes. With ``keep``, failures kept from earlier hunts are tried first,
    and what is found is kept; a hunt that measures starts from nothing.
    """

    reference: str
    wishes: dict[str, Any]
    output: Path
    limit_s: float = 30.0
    tell: Tell = field(default=lambda _executions, _seconds: None)
    keep: bool = False


@dataclass(frozen=True)
class Ending:
    """How a child ended that gave no answer, in words, and how far it had come."""

    words: str
    stack: tuple[str, ...]
    last: Last
    hung: bool

    @property
    def place(self) -> str:
        """Where it was, for telling two endings apart."""
        return self.stack[0] if self.stack else ""


def hunt(request: Request) -> Reply:
    """Hunt in a contained child; a test that ends its interpreter is found with its schedule.

    Raises :class:`UsageError` when the test cannot be run, :class:`InconclusiveError` when it does
    not apply (it skips itself).
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lab-hunt-") as folder:
        reply, ending = child(request, Path(folder), Mode.HUNT)
        if ending is None:
            return _sound(request, Path(folder), checked(reply))
        _refuse_before_start(request, ending)
        took = time.monotonic() - began
        return _Crash(request, Path(folder), ending, took).reply()


def _sound(request: Request, folder: Path, reply: Reply) -> Reply:
    """Doubt a late failure that needs no switch: in a new process it has to show at once."""
    result = reply.result
    if result is None or not result.found or result.schedule is None or reply.inner:
        return reply
    if result.executions_to_failure == 1 or parse(result.schedule).switches:
        return reply
    said, ending = child(request, folder, Mode.REPLAY, token=result.schedule)
    if ending is not None or said.failed or said.result is None:
        return reply
    return msgspec.structs.replace(reply, result=unsteady(result, SURVIVES), inconclusive=SURVIVES)


def replay(request: Request, token: str, times: int = 1) -> Reply:
    """Run one schedule ``times`` times, each in the same child unless that is ended by it."""
    failed, run = 0, 0
    reply, last = None, None
    with tempfile.TemporaryDirectory(prefix="lab-hunt-") as folder:
        while run < times:
            said, ending = child(request, Path(folder), Mode.REPLAY, token=token, times=times - run)
            if ending is None:
                reply = checked(said)
                failed += reply.failed
                break
            _refuse_before_start(request, ending)
            done = min(max(ending.last.number, 1), times - run)
            run, failed, last = run + done, failed + 1, ending
    if reply is None or (last is not None and not reply.failed):
        assert last is not None
        reply = _ended_replay(token, last)
    return msgspec.structs.replace(reply, times=times, failed=failed)


def _ended_replay(token: str, ending: Ending) -> Reply:
    plan = parse(token)
    failure = _failure(ending, plan.target)
    result = HuntResult(
        found=True, kind=EXCEPTION, message=failure.message, model=plan.model, executions=1,
        executions_to_failure=1, seconds=0.0, executions_per_second=0.0,
        switches=plan.preemptions, schedule=token, explored=Explored(schedules=1),
        models={plan.model: FOUND}, strategy="replay", seed=0, target=plan.target, failure=failure,
    )  # fmt: skip
    return Reply(result=result)


def _refuse_before_start(request: Request, ending: Ending) -> None:
    """An interpreter that ended before the first execution was ended by the import."""
    if ending.last.number == 0:
        raise UsageError(
            f"{request.reference} cannot be imported: {ending.words}",
            wanted="a module whose import ends well",
        )


def checked(reply: Reply) -> Reply:
    """Return ``reply`` if it has an answer, else raise what it says instead."""
    if reply.result is not None or reply.failure is not None:
        return reply
    kind = {ExitCode.USAGE: UsageError, ExitCode.INCONCLUSIVE: InconclusiveError}
    raise kind.get(ExitCode(reply.code), LabError)(
        reply.seen, wanted=reply.wanted, next_step=reply.next_step
    )


def child(request: Request, folder: Path, mode: Mode, **more: Any) -> tuple[Reply, Ending | None]:
    """Run a child to its end; return its reply, or how it ended without one."""
    for name in (ANSWER, STACK, STEPS, SWITCHES):
        (folder / name).unlink(missing_ok=True)
    box = BlackBox(folder / BOX, create=True)
    order = Order(
        mode=mode, reference=request.reference, folder=str(folder), wishes=request.wishes,
        keep=request.keep, **more,
    )  # fmt: skip
    try:
        with Supervisor(launch(request, order)) as supervisor:
            status = _watch(request, supervisor, box)
        answer = folder / ANSWER
        if answer.exists():
            return msgspec.json.decode(answer.read_bytes(), type=Reply), None
        return Reply(), _ending(status, box.last(), folder, request.limit_s)
    finally:
        box.close()


def launch(request: Request, order: Order) -> Launch:
    """Return how to start a child that carries out ``order``."""
    seed = request.wishes.get("seed") or 0
    env = {**os.environ, "PYTHONHASHSEED": str(seed % (1 << 32))}
    argv = (sys.executable, str(_CHILD), msgspec.json.encode(order).decode())
    return Launch(argv=argv, env=env, cwd=Path.cwd(), output=request.output)


def _watch(request: Request, supervisor: Supervisor, box: BlackBox) -> int | None:
    """Wait for the child's end; return its exit status, ``None`` when it moved no more."""
    began = moved = time.monotonic()
    pulse = box.pulse()
    while (status := supervisor.poll()) is None:
        now = time.monotonic()
        if (seen := box.pulse()) != pulse:
            pulse, moved = seen, now
        if now - moved > request.limit_s:
            os.kill(supervisor.pid, signal.SIGUSR1)  # it writes its stacks, even from inside C
            time.sleep(_LAST_WORDS_S)
            return supervisor.poll()
        request.tell(box.number, now - began)
        time.sleep(_LOOK_S)
    return status


def _ending(status: int | None, last: Last, folder: Path, limit_s: float) -> Ending:
    stack = _stack(folder / STACK)
    at = f" at {stack[0]}" if stack else ""
    if status is None:
        words = f"the test hung: nothing moved for {limit_s:g} s{at}"
    else:
        at = at if status < 0 else ""
        words = f"the test ended the interpreter: {status_words(status)}{at}"
    return Ending(words, stack, last, hung=status is None)


_FRAME: Final = re.compile(r'\s*File "(?P<file>[^"]+)", line (?P<line>\d+) in (?P<name>.+)')


def _stack(path: Path) -> tuple[str, ...]:
    """Return the frames that faulthandler wrote of the thread it marks, innermost first."""
    text = path.read_text(errors="replace") if path.exists() else ""
    ours = str(_CHILD.parents[1])
    _, marked, current = text.partition("Current thread")
    block = (current if marked else text).split("\n\n")[0]
    frames = [match for line in block.splitlines() if (match := _FRAME.match(line))]
    users = [each for each in frames if not each["file"].startswith(ours)]
    return tuple(f"{each['file']}:{each['line']} in {each['name']}" for each in users)


def _failure(ending: Ending, thread: str) -> Failure:
    return Failure(
        kind=EXCEPTION,
        message=ending.words,
        thread=thread,
        place=ending.place,
        detail="\n".join(ending.stack),
    )


class _Crash:
    """From the ending of a child to a result: which schedule it was, in words, and small."""

    def __init__(self, request: Request, folder: Path, ending: Ending, took: float) -> None:
        self._request = request
        self._folder = folder
        self._ending = ending
        self._took = max(took, 1e-9)
        self._model = GIL if ending.last.gil else FREE_THREADED
        self._steps: tuple[Step, ...] = ()

    def reply(self) -> Reply:
        """Return the finding."""
        switches = self._retraced()
        if switches is not None and not self._ending.hung:
            confirmed = self._follow(switches)
            if confirmed is not None:
                switches = Shrinker(self._follow, budget=_MOST_CRASHES).shrink(confirmed)
                self._follow(switches)
        return Reply(result=self._result(switches))

    def _retraced(self) -> Switches | None:
        """Hunt again up to the execution that did it, and have that one log its hand-overs."""
        last = self._ending.last
        turns = tuple((t.source, t.step, t.target, t.why, t.site is not None) for t in last.turns)
        _, ending = child(self._request, self._folder, Mode.RETRACE, at=last.number, turns=turns)
        if ending is None or ending.last.number != last.number or not self._same(ending):
            return None
        return noted.lines(self._folder / SWITCHES, Switch)

    def _follow(self, switches: Switches) -> Switches | None:
        """Return what was followed if the interpreter ended in the same way, else None."""
        plan = self._schedule(switches)
        _, ending = child(self._request, self._folder, Mode.FOLLOW, token=plan.token())
        if ending is None or not self._same(ending):
            return None
        self._steps = noted.lines(self._folder / STEPS, Step)
        return noted.lines(self._folder / SWITCHES, Switch)

    def _same(self, ending: Ending) -> bool:
        """Whether it is the same ending, wherever in memory or on the clock it came about."""
        return (ending.words, ending.place) == (self._ending.words, self._ending.place)

    def _schedule(self, switches: Switches) -> Schedule:
        return Schedule(switches, self._model, self._request.reference)

    def _result(self, switches: Switches | None) -> HuntResult:
        number = self._ending.last.number
        plan = self._schedule(switches) if switches is not None else None
        notes = () if plan else ("its schedule is not known: it could not be repeated",)
        settings = Settings(**{**self._request.wishes, "name": self._request.reference})
        base = from_replay(
            _replayed(self._model, self._steps), self._schedule(()).token(), settings
        )
        failure = _failure(self._ending, self._steps[-1].name if self._steps else "unknown")
        return msgspec.structs.replace(
            base,
            found=True,
            kind=EXCEPTION,
            message=failure.message,
            executions=number,
            executions_to_failure=number,
            seconds=round(self._took, 6),
            executions_per_second=round(number / self._took, 1),
            switches=plan.preemptions if plan else None,
            schedule=plan.token() if plan else None,
            explored=Explored(schedules=1, notes=notes),
            models={self._model: FOUND},
            strategy=settings.strategy,
            failure=failure,
        )


def _replayed(model: str, steps: tuple[Step, ...]) -> Any:
    from lab.hunt import ReplayResult

    return ReplayResult(times=1, failed=0, failure=None, difference="", model=model, steps=steps)
