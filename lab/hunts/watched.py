"""One contained process that hunts or replays, and what the lab sees of it from outside.

The black box tells how far it has come; that nothing moves in it for some time means that the test
hangs. A process that ends without an answer was ended by the test.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from lab.errors import ExitCode, InconclusiveError, LabError, UsageError
from lab.hunts.blackbox import BlackBox, Last
from lab.hunts.orders import ANSWER, BOX, STACK, STEPS, SWITCHES, Mode, Order, Reply
from lab.model import status_words
from lab.supervise import Launch, Supervisor

LOOK_S: Final = 0.01
_CHILD: Final = Path(__file__).with_name("child.py")
_LAST_WORDS_S: Final = 1.0  # for a child that does not move to write its stacks

Tell = Callable[[int, float], None]


@dataclass(frozen=True)
class Request:
    """What to hunt: ``reference`` as it was typed, and ``wishes`` by name.

    ``limit_s`` is how long nothing may move before the test is taken to hang; ``output`` is where
    the child's own output goes. With ``keep``, failures kept from earlier hunts are tried first,
    and what is found is kept; a hunt that measures starts from nothing. At most ``jobs`` processes
    hunt together.
    """

    reference: str
    wishes: dict[str, Any]
    output: Path
    limit_s: float = 30.0
    tell: Tell = field(default=lambda _executions, _seconds: None)
    keep: bool = False
    jobs: int = 1


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


class Child:
    """A child that carries out one order, with its files in ``folder``; gone when this is left."""

    def __init__(self, request: Request, folder: Path, mode: Mode, **more: Any) -> None:
        for name in (ANSWER, STACK, STEPS, SWITCHES):
            (folder / name).unlink(missing_ok=True)
        self._folder = folder
        self._limit_s = request.limit_s
        self.box = BlackBox(folder / BOX, create=True)
        self.began = self._moved = time.monotonic()
        self._pulse = self.box.pulse()
        self._status: int | None = None
        order = Order(
            mode=mode, reference=request.reference, folder=str(folder), wishes=request.wishes,
            keep=request.keep, **more,
        )  # fmt: skip
        self._supervisor = Supervisor(launch(request, order))

    def __enter__(self) -> Self:
        try:
            self._supervisor.__enter__()
        except BaseException:
            self.box.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        self.box.close()

    def close(self) -> None:
        """End it, if it has not ended, and all that it has started."""
        self._supervisor.kill()

    def ended(self) -> bool:
        """Look whether it is over: it has ended, or moved no more for its limit."""
        self._status = self._supervisor.poll()
        if self._status is not None:
            return True
        now = time.monotonic()
        if (seen := self.box.pulse()) != self._pulse:
            self._pulse, self._moved = seen, now
        if now - self._moved <= self._limit_s:
            return False
        os.kill(self._supervisor.pid, signal.SIGUSR1)  # it writes its stacks, even from inside C
        time.sleep(_LAST_WORDS_S)
        self._status = self._supervisor.poll()
        return True

    def said(self) -> tuple[Reply, Ending | None]:
        """Return the reply, or how it ended without one; to be asked when it is closed."""
        answer = self._folder / ANSWER
        if answer.exists():
            return msgspec.json.decode(answer.read_bytes(), type=Reply), None
        return Reply(), self._ending()

    def _ending(self) -> Ending:
        stack = _stack(self._folder / STACK)
        at = f" at {stack[0]}" if stack else ""
        if self._status is None:
            words = f"the test hung: nothing moved for {self._limit_s:g} s{at}"
        else:
            at = at if self._status < 0 else ""
            words = f"the test ended the interpreter: {status_words(self._status)}{at}"
        return Ending(words, stack, self.box.last(), hung=self._status is None)


def child(request: Request, folder: Path, mode: Mode, **more: Any) -> tuple[Reply, Ending | None]:
    """Run a child to its end; return its reply, or how it ended without one."""
    with Child(request, folder, mode, **more) as running:
        while not running.ended():
            request.tell(running.box.number, time.monotonic() - running.began)
            time.sleep(LOOK_S)
        running.close()
        return running.said()


def checked(reply: Reply) -> Reply:
    """Return ``reply`` if it has an answer, else raise what it says instead."""
    if reply.result is not None or reply.failure is not None:
        return reply
    kind = {ExitCode.USAGE: UsageError, ExitCode.INCONCLUSIVE: InconclusiveError}
    raise kind.get(ExitCode(reply.code), LabError)(
        reply.seen, wanted=reply.wanted, next_step=reply.next_step
    )


def launch(request: Request, order: Order) -> Launch:
    """Return how to start a child that carries out ``order``.

    Children that hunt together write what the test prints into folders of their own.
    """
    output = request.output / f"job-{order.who + 1}" if order.who else request.output
    output.mkdir(parents=True, exist_ok=True)
    seed = request.wishes.get("seed") or 0
    env = {**os.environ, "PYTHONHASHSEED": str(seed % (1 << 32))}
    argv = (sys.executable, str(_CHILD), msgspec.json.encode(order).decode())
    return Launch(argv=argv, env=env, cwd=Path.cwd(), output=output)


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
