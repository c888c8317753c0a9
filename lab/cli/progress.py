"""Live progress on stderr: what each trial is doing, in a line that changes, or in plain lines."""

from __future__ import annotations

from rich.console import Console

from lab.cli import consoles
from lab.model import Event

_STATES = {
    "starting": "starting",
    "running": "running, watched for a stall",
    "stalled": "stalled",
    "capturing": "taking stacks",
    "probing": "killing one worker to see what the others do",
    "reaping": "ending the process tree",
    "checking": "checking against the ground truth",
}


class Narrator(consoles.ChangingLine):
    """Tells what goes on. On a terminal one line is redrawn; elsewhere each trial is a line."""

    def __init__(self, console: Console, trials: int) -> None:
        super().__init__(console, "starting")
        self._console = console
        self._trials = trials
        self._seen: list[str] = []
        self._facts: list[str] = []

    def tell(self, event: Event) -> None:
        """Take an event of the run."""
        if event.kind == "hunt":
            self.say(f"the test of the race: {event.detail['state']}")
        if event.trial and event.trial not in self._seen:
            self._seen.append(event.trial)
            self._facts = []
        fact = _fact(event)
        if fact:
            self._facts.append(fact)
        state = event.detail.get("state") if event.kind == "state" else None
        if state == "done":
            self._finish(event)
        elif state:
            self.say(f"{self._where(event)}: {_STATES.get(str(state), str(state))}")

    def _finish(self, event: Event) -> None:
        line = f"{self._where(event)}: {', '.join(self._facts) or 'done'}"
        self._console.print(line, markup=False, soft_wrap=True)

    def _where(self, event: Event) -> str:
        return f"[{len(self._seen)}/{self._trials}] {event.trial}"


def _fact(event: Event) -> str:
    detail = event.detail
    if event.kind == "proved":
        return f"deadlock proved in {detail['took_ms']:.0f} ms"
    if event.kind == "fault":
        return f"{detail['fault']} hit {detail['worker']}"
    if event.kind == "never-ready":
        return "never became ready"
    if event.kind == "hang" and detail["outcome"] != "deadlocked":
        return f"{detail['outcome']}: {detail['reason']}"
    if event.kind == "capture" and detail["status"] == "failed":
        return f"{detail['name']} failed ({detail['reason']})"
    if event.kind == "verdict":
        return str(detail["verdict"]).replace("-", " ")
    return ""
