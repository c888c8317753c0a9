"""``lab hunt`` and ``lab replay``: from words to a contained hunt, and from its answer to words."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from lab.cli import consoles
from lab.errors import ExitCode, UsageError
from lab.hunt import HuntResult
from lab.hunt.schedule import Schedule, read
from lab.hunts import contained
from lab.hunts.confirm import TIMES, Confirmation, confirm
from lab.hunts.folder import HuntFolder
from lab.hunts.orders import Reply
from lab.hunts.scenario import named
from lab.hunts.watched import Request
from lab.hunts.wishes import wishes_from
from lab.machine import usable_cpus

ENDLESS = 10**9  # executions, for a hunt that is bounded by its seconds
NO_THREADS = "no thread was started under control: there was nothing to schedule"


@dataclass(frozen=True)
class HuntOptions:
    """The command line of ``lab hunt``, as it was typed."""

    reference: str
    wishes: dict[str, Any]
    limit_s: float
    output: Path
    as_json: bool
    corrected: bool = False
    jobs: int | None = None


def run_hunt(options: HuntOptions) -> int:
    """Hunt, write the directory, print the answer, and return the exit code."""
    wishes = _checked(options.wishes, options.limit_s)
    reference, wishes = _meant(options.reference, wishes, corrected=options.corrected)
    folder = HuntFolder.under(options.output, reference, wishes)
    with Narrator(consoles.progress()) as narrator:
        request = Request(
            reference, wishes, folder.captures, options.limit_s, narrator.tell, keep=True,
            jobs=options.jobs or usable_cpus(),
        )  # fmt: skip
        reply = contained.hunt(request)
    assert reply.result is not None
    reason = reply.inconclusive or (NO_THREADS if reply.idle and not reply.result.found else "")
    replay = "" if reply.inner else options.reference
    _present(folder, reply, reason, as_json=options.as_json, replay=replay)
    return _code(reply.result, reason)


def _meant(
    reference: str, wishes: dict[str, Any], *, corrected: bool = False
) -> tuple[str, dict[str, Any]]:
    """Return the test that is meant, and the wishes: a scenario's name stands for its test."""
    body = named(reference, corrected=corrected)
    if body is not None:
        trace = tuple(dict.fromkeys((*body.trace, *wishes.get("trace", ()))))
        return body.reference, {**wishes, "trace": trace}
    if corrected:
        raise UsageError(f"--corrected with {reference}", wanted="the name of a scenario")
    return reference, wishes


def _checked(given: dict[str, Any], limit_s: float) -> dict[str, Any]:
    wishes = {name: value for name, value in given.items() if value not in (None, ())}
    if "seconds" in wishes:
        wishes.setdefault("executions", ENDLESS)
    wishes_from(wishes, "lab hunt")
    if not limit_s > 0:
        raise UsageError(f"--limit {limit_s:g}", wanted="more than 0 seconds")
    return wishes


def _code(result: HuntResult, reason: str) -> int:
    if result.found:
        return int(ExitCode.DEVIATED)
    return int(ExitCode.INCONCLUSIVE if reason else ExitCode.EXPECTED)


def _present(folder: HuntFolder, reply: Reply, reason: str, *, as_json: bool, replay: str) -> None:
    from lab.report.interleaving_page import render
    from lab.report.interleaving_terminal import print_hunt

    result = reply.result
    assert result is not None
    command = f"lab replay {result.schedule} {replay}" if result.schedule and replay else ""
    record = folder.finish(result, reason)
    page = folder.write_page(render(record, command))
    _annotate(result, command, as_json=as_json)
    if as_json:
        more = {"inconclusive": reason, "jobs": reply.jobs}
        places = {"directory": str(folder.root), "report": str(page)}
        print(msgspec.json.encode({**result.summary(), **more, **places}).decode())
        return
    print_hunt(reply, reason, command, page, consoles.results())


def _annotate(result: HuntResult, command: str, *, as_json: bool) -> None:
    """Tell GitHub Actions; its commands may not stand between those who read the JSON object."""
    if result.found and os.environ.get("GITHUB_ACTIONS") == "true":
        from lab.report.github import hunt_notice, publish

        notice = hunt_notice(result, command, os.environ)
        publish([notice], environ=os.environ, stream=sys.stderr if as_json else None)


@dataclass(frozen=True)
class ReplayOptions:
    """The command line of ``lab replay``, as it was typed; ``times`` is None when left out."""

    schedule: str
    reference: str
    times: int | None
    limit_s: float
    trace: tuple[str, ...]
    as_json: bool


def run_replay(options: ReplayOptions) -> int:
    """Run one schedule, print what it showed, and return 1 if it failed again."""
    plan, wishes = _planned(options)
    with _scratch() as output:
        request = Request(plan.target, wishes, Path(output), options.limit_s)
        reply = contained.replay(request, plan.token(), options.times or 1)
    _print_replay(reply, as_json=options.as_json)
    if reply.failed:
        return int(ExitCode.DEVIATED)
    return int(ExitCode.EXPECTED)


def run_confirmation(options: ReplayOptions) -> int:
    """Run the test on free threads, and return 1 if it failed in the same way at least once."""
    plan, wishes = _planned(options)
    times = options.times or TIMES
    with _scratch() as output, Narrator(consoles.progress(), "tries") as narrator:
        request = Request(plan.target, wishes, Path(output), options.limit_s, narrator.tell)
        answer = confirm(request, plan.token(), times)
    _print_confirmation(answer, plan.token(), as_json=options.as_json)
    if answer.impossible:
        return int(ExitCode.INCONCLUSIVE)
    return int(ExitCode.DEVIATED if answer.failed else ExitCode.EXPECTED)


def _planned(options: ReplayOptions) -> tuple[Schedule, dict[str, Any]]:
    """Return the schedule with the test it is for, and what is wished of its run."""
    plan = read(options.schedule)
    reference = options.reference or plan.target
    if not reference:
        raise UsageError("the schedule does not name its test", wanted="a TARGET after it")
    wishes: dict[str, Any] = {"trace": options.trace} if options.trace else {}
    reference, wishes = _meant(reference, wishes)
    return msgspec.structs.replace(plan, target=reference), wishes


def _scratch() -> Any:
    import tempfile

    return tempfile.TemporaryDirectory(prefix="lab-replay-")


def _print_replay(reply: Reply, *, as_json: bool) -> None:
    from lab.report.interleaving_terminal import print_replay

    result = reply.result
    assert result is not None
    if as_json:
        facts = {"times": reply.times, "failed": reply.failed, "difference": reply.difference}
        said = {"kind": result.kind, "message": result.message, "schedule": result.schedule}
        print(msgspec.json.encode({**facts, **said, "target": result.target}).decode())
        return
    print_replay(reply, consoles.results())


def _print_confirmation(answer: Confirmation, token: str, *, as_json: bool) -> None:
    from lab.report.interleaving_terminal import print_confirmation

    if as_json:
        said: dict[str, Any] = msgspec.to_builtins(answer)
        facts = {"confirmed": answer.confirmed, **said, "schedule": token}
        print(msgspec.json.encode(facts).decode())
        return
    print_confirmation(answer, consoles.results())


class Narrator(consoles.ChangingLine):
    """Tells on stderr how far the hunt is."""

    _PAUSE_S = 0.1

    def __init__(self, console: Console, what: str = "executions") -> None:
        super().__init__(console, "importing")
        self._what = what
        self._told = 0.0

    def tell(self, executions: int, seconds: float) -> None:
        """Take the number of executions so far, and how long it has been."""
        now = time.monotonic()
        if now - self._told > self._PAUSE_S:
            self._told = now
            self.say(f"{executions:,} {self._what} in {seconds:.1f} s")
