"""The hunt of a race scenario: its test under control, its schedule replayed, and confirmed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from lab import registry
from lab.errors import InconclusiveError, UsageError
from lab.hunt import HuntResult
from lab.hunt.recorder import Step
from lab.hunt.records import FOUND
from lab.hunts import contained
from lab.hunts.confirm import confirm
from lab.hunts.folder import HuntFolder
from lab.hunts.orders import Reply
from lab.hunts.watched import Request
from lab.model import Hunted, VerdictKind
from lab.registry import Found

REPLAYS: Final = 20
TRIES: Final = 20
_NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_SPOKEN: Final = {"read": "reads", "write": "writes", "iterate": "iterates over", "call": "calls"}
_MOST: Final = 40  # lines of a story
_BEFORE: Final = 3  # of them before its first switch

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Body:
    """A scenario's test: ``reference`` as a hunt takes it, and the packages to ``trace``."""

    reference: str
    trace: tuple[str, ...]


def body_of(found: Found, *, corrected: bool = False) -> Body:
    """Return the test of a scenario; :class:`UsageError` when it has none."""
    scenario = found.scenario
    test = scenario.hunted_corrected if corrected else scenario.hunted
    if test is None:
        raise UsageError(
            f"scenario {scenario.name} has no test to hunt",
            wanted="a race between threads",
            next_step="lab list, where they are tagged race",
        )
    # By its file, so that nothing of the same name in the working directory takes its place.
    reference = f"{found.source_file}:{test.__name__}"
    return Body(reference, () if found.path_entry else (found.module,))


def named(reference: str, *, corrected: bool = False) -> Body | None:
    """Return the test of the scenario called ``reference``, None if that is no scenario's name."""
    if not _NAME.fullmatch(reference):
        return None
    return body_of(registry.find(reference), corrected=corrected)


def hunt_scenario(
    found: Found, root: Path, *, corrected: bool, seed: int, executions: int, tell: Tell
) -> Hunted:
    """Hunt the test of ``found``; the directory ``root`` gets the records of the hunt.

    Of the faulty version a failure is expected, which ``REPLAYS`` replays have to repeat; of the
    corrected one, none. What is found is tried on free threads as well, which decides nothing.
    """
    body = body_of(found, corrected=corrected)
    wishes: dict[str, Any] = {"seed": seed, "executions": executions, "trace": body.trace}
    folder = HuntFolder.at(root, body.reference, wishes)
    request = Request(body.reference, wishes, folder.captures)
    tell("hunting")
    try:
        reply = contained.hunt(request)
    except InconclusiveError as error:
        return _unanswered(body, error.line())
    assert reply.result is not None
    folder.finish(reply.result, reply.inconclusive)
    hunted = _told(body, reply, reply.result)
    if reply.result.schedule:
        tell("replaying the schedule")
        replayed = contained.replay(request, reply.result.schedule, REPLAYS).failed
        tell("confirming it on free threads")
        hunted = msgspec.structs.replace(
            hunted, replays=REPLAYS, replayed=replayed, **_free(request, reply.result)
        )
    return msgspec.structs.replace(hunted, verdict=_verdict(hunted, corrected=corrected))


def _unanswered(body: Body, why: str) -> Hunted:
    return Hunted(
        test=body.reference, found=False, verdict=VerdictKind.INCONCLUSIVE, inconclusive=why
    )


def _told(body: Body, reply: Reply, result: HuntResult) -> Hunted:
    return Hunted(
        test=body.reference,
        found=result.found,
        verdict=VerdictKind.INCONCLUSIVE,
        message=result.message or "",
        models=result.models,
        executions=result.executions,
        switches=result.switches,
        schedule=result.schedule or "",
        story=story(result.steps),
        explored=result.closing_line(),
        inconclusive=reply.inconclusive,
        seconds=result.seconds,
    )


def _free(request: Request, result: HuntResult) -> dict[str, Any]:
    """Return what free threads showed; where they failed, the failure is possible."""
    try:
        answer = confirm(request, result.schedule or "", TRIES)
    except InconclusiveError as error:
        return {"unconfirmed": error.line()}
    return {
        "tries": answer.times,
        "confirmed": answer.failed,
        "unconfirmed": answer.impossible,
        "models": {**result.models, answer.model: FOUND} if answer.failed else result.models,
    }


def _verdict(hunted: Hunted, *, corrected: bool) -> VerdictKind:
    if hunted.inconclusive:
        return VerdictKind.INCONCLUSIVE
    if corrected:
        return VerdictKind.DEVIATED if hunted.found else VerdictKind.AS_EXPECTED
    again = hunted.found and hunted.replayed == hunted.replays
    return VerdictKind.AS_EXPECTED if again else VerdictKind.DEVIATED


def story(steps: tuple[Step, ...]) -> tuple[str, ...]:
    """Return what the threads did to what they share, in order, with every switch.

    A line says what one thread did on one line of source, from shortly before the first switch.
    """
    lines: list[str] = []
    where: tuple[int, str, int] | None = None
    for step in steps:
        switched = step.switch.endswith("preempted")
        if not switched and not (step.shared and step.action in _SPOKEN):
            continue
        here = step.thread, step.file, step.line
        deed = _deed(step)
        if switched or here != where:
            switch = f"switch: {step.switch}; " if switched else ""
            lines.append(f"{switch}{step.name} at {Path(step.file).name}:{step.line} {deed}")
        elif deed not in lines[-1]:
            lines[-1] += f", {deed}"
        where = here
    first = next((at for at, line in enumerate(lines) if line.startswith("switch")), 0)
    return tuple(lines[max(first - _BEFORE, 0) :][:_MOST])


def _deed(step: Step) -> str:
    what = f"{_SPOKEN.get(step.action, 'goes on with')} {step.what}"
    if not step.value:
        return what
    return f"{what} {'=' if step.action == 'write' else '→'} {step.value}"
