"""Runs one hunt, or one schedule, in the contained process; executed by path as its ``__main__``.

It is given an order as JSON, and answers with a file: no answer means that the test has ended the
interpreter, and then the black box tells which schedule did it.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Final

if __name__ == "__main__":
    _ROOT: Final = str(Path(__file__).resolve().parents[2])
    sys.path[0] = str(Path.cwd())  # in place of this file's directory
    if _ROOT not in sys.path:
        sys.path.append(_ROOT)

import msgspec

from lab.errors import LabError, UsageError
from lab.hunt import HuntResult, Settings
from lab.hunts import freely, noted, outside
from lab.hunts.allotment import Allotment
from lab.hunts.answers import Answer, ask, reason_of
from lab.hunts.blackbox import BlackBox
from lab.hunts.conduct import Call, conduct, hunted, repeat
from lab.hunts.guard import Guard, Leave
from lab.hunts.orders import ANSWER, BOX, STACK, STEPS, SWITCHES, Mode, Order, Reply
from lab.hunts.targets import Target, load
from lab.hunts.wishes import Wishes

ASK_FOR_STACKS: Final = signal.SIGUSR1


class Broken(AssertionError):  # noqa: N818 - it carries an answer
    """Tells Hypothesis that an input fails."""


def main() -> None:
    """Carry out the order in the last argument, and write the reply."""
    order = msgspec.json.decode(sys.argv.pop(), type=Order)
    folder = Path(order.folder)
    with (folder / STACK).open("w") as stack:
        faulthandler.enable(stack)
        faulthandler.register(ASK_FOR_STACKS, stack, all_threads=True, chain=False)
        reply = _reply(order, folder)
        partial = folder / f"{ANSWER}.part"
        partial.write_bytes(msgspec.json.encode(reply))
        partial.replace(folder / ANSWER)
        # Threads that the test left outside the scheduler's view must not keep the process.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _reply(order: Order, folder: Path) -> Reply:
    try:
        with _watched(order, folder):
            target = load(order.reference)
        return _carry_out(order, target, folder)
    except LabError as error:
        found = getattr(error, "result", None)
        if isinstance(found, HuntResult):  # of a hunt that the test makes itself
            return Reply(result=found, inner=True)
        return Reply(
            seen=error.seen, wanted=error.wanted, next_step=error.next_step, code=error.exit_code
        )
    except BaseException as error:  # noqa: BLE001 - skipped, or broken in a way that is no race
        why = f"the test does not run: {type(error).__name__}: {error}"
        return Reply(seen=why, code=4)


def _watched(order: Order, folder: Path) -> AbstractContextManager[None]:
    """Watch whether the first of a crew may be joined: others come only if nothing was seen."""
    if not order.allotment or order.who:
        return nullcontext()
    return outside.watched(BlackBox(folder / BOX).ask_to_be_alone)


def _carry_out(order: Order, target: Target, folder: Path) -> Reply:
    if order.mode is Mode.FREE:
        return freely.run(order, target, folder)
    box = BlackBox(folder / BOX)
    wishes = Wishes(**order.wishes).over(target.wishes)
    settings = wishes.settings(target.name, drawn=target.of_hypothesis is not None)
    if order.mode is Mode.PIN:
        return freely.prepare(order, target, settings, box.begin)
    if target.of_hypothesis is not None:
        if order.mode in (Mode.RETRACE, Mode.FOLLOW):
            return Reply(seen="which input ended the interpreter is not known to the black box")
        return _drawn(target, wishes, settings, box, order.token)
    if order.allotment:
        settings = _shared(order, settings)
    begin: Callable[[int], None] = box.begin
    if order.mode is Mode.RETRACE:
        log = noted.Log(folder / SWITCHES)
        begin = noted.retracing(order.trail(), order.at, log, then=box.begin)
    if order.mode is Mode.FOLLOW:
        return _follow(order, target, settings, folder)
    if order.mode is Mode.REPLAY:
        return _said(repeat(target.body, order.token, settings, order.times, begin), order.times)
    search = hunted if order.keep else ask
    said = _said(search(target.body, settings, begin=begin, sound=False))
    distinct = settings.share.distinct
    schedules = distinct.packed() if distinct is not None else b""
    return msgspec.structs.replace(said, schedules=schedules)


def _shared(order: Order, settings: Settings) -> Settings:
    """Return ``settings`` for a process that need not hunt alone."""
    again = order.mode is Mode.RETRACE
    left = None if settings.seconds is None else max(settings.seconds - order.late_s, 0.0)
    allotment = Allotment(Path(order.allotment), order.who, again=again)
    return msgspec.structs.replace(settings, seconds=left, share=allotment)


def _follow(order: Order, target: Target, settings: Settings, folder: Path) -> Reply:
    """Run one schedule once; if it ends the interpreter, the logs say how far it came."""
    logs = noted.Log(folder / SWITCHES), noted.Log(folder / STEPS)
    guard = Guard(target.body)
    try:
        noted.follow(guard, order.plan(), settings, *logs)
    except Leave as leaving:
        raise leaving.reason from None
    return Reply(seen="the interpreter was not ended")


def _drawn(target: Target, wishes: Wishes, settings: Settings, box: BlackBox, token: str) -> Reply:
    """Hunt, or replay, each input that Hypothesis draws; the answer is the last one's."""
    box.ask_to_be_alone()
    answers: list[Answer] = []
    executions = 0
    inner: Any = target.of_hypothesis.inner_test

    def hunted(*args: Any, **kwargs: Any) -> None:
        nonlocal executions
        call = Call(_unhunted(inner), args, kwargs)
        answer = conduct(call, wishes, settings.name, token=token or None, begin=box.begin)
        answers.append(answer)
        executions += answer.result.executions
        if answer.result.found:
            raise Broken(answer.result.message)

    target.of_hypothesis.inner_test = hunted
    try:
        target.body()
    except Broken as broken:
        said = "\n".join(getattr(broken, "__notes__", ()))
        return _all(answers, executions, f"{broken} with {' '.join(said.split())}")
    if not answers:
        raise UsageError(f"{settings.name} was never called with an input")
    return _all(answers, executions, None)


def _unhunted(inner: Any) -> Any:
    from lab.hunts.wishes import bare

    return bare(inner)


def _all(answers: list[Answer], executions: int, message: str | None) -> Reply:
    worst = next((each for each in answers if each.inconclusive), answers[-1])
    chosen = answers[-1] if answers[-1].result.found else worst
    result = msgspec.structs.replace(
        chosen.result,
        executions=executions,
        message=message or chosen.result.message,
        executions_to_failure=executions if chosen.result.found else None,
    )
    busy = any(not each.idle for each in answers)
    return _said(msgspec.structs.replace(chosen, result=result, idle=not busy))


def _said(answer: Answer, times: int = 1) -> Reply:
    return Reply(
        result=answer.result,
        inconclusive=answer.inconclusive or reason_of(answer.result),
        idle=answer.idle,
        times=times,
        failed=answer.failed,
        difference=answer.difference,
    )


if __name__ == "__main__":
    main()
