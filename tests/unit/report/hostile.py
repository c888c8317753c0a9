"""A run in which every text tries to break out of the page, for the report's tests."""

from __future__ import annotations

from typing import Any

import msgspec

from lab.model import Event, Frame, Local, Record, RunRecord, RunResult
from lab.scenario import Variant
from tests.unit.report import runs

NASTY = (
    "<script>alert(1)</script>\"'><img src=https://evil.example/x onerror=alert(2)>"
    "</style></title></svg>{{ 7*7 }}]]>-->&lt;[bold red]\u202e\x00\x1b[2J"
)
KEPT = {"id", "variant", "purpose", "trial"}
"""Fields that are made by the lab itself and tie the records together."""


def poison(value: Any, text: str = NASTY) -> Any:
    """Return a copy of a record in which every free text is ``text``."""
    if isinstance(value, Variant):
        return value
    if isinstance(value, Record):
        fields = value.__struct_fields__
        changed = {n: poison(getattr(value, n), text) for n in fields if n not in KEPT}
        return msgspec.structs.replace(value, **changed)
    if type(value) is str:
        return text
    if isinstance(value, tuple):
        return tuple(poison(each, text) for each in value)
    if isinstance(value, dict):
        return {poison(key, text): poison(each, text) for key, each in value.items()}
    return value


def record(text: str = NASTY) -> RunRecord:
    """Return a finished run of hostile records; its directory does not exist."""
    trials = (runs.deadlocked(runs.THREADS), runs.deadlocked(runs.FORK))
    trials += (runs.heap_trial(runs.THREADS),)
    head = runs.header()
    result = RunResult(
        schema_version=1,
        id=head.id,
        finished_at="",
        elapsed_s=1.0,
        verdict=runs.overall(list(trials)),
        trials=tuple(poison(trial, text) for trial in trials),
        hashes={f"captures/threads-1/{text}": "sha256:00", "/etc/passwd": "", "../up": ""},
    )
    moon = Event(
        at_s=0.1, kind=text, trial="threads-1", trial_s=0.1, detail={text: text, "n_s": 0.5}
    )
    return RunRecord(
        directory="/nonexistent", header=poison(head, text), history=(moon,), result=result
    )


def snapshot(text: str = NASTY) -> Any:
    """Return stacks in which names, files, locals and sources are hostile."""
    whole = runs.snapshot(runs.THREADS)
    frame = Frame(
        function=text, file=text, line=1, locals=(Local(name=text, text=text, argument=True),)
    )
    process = whole.processes[0]
    threads = tuple(
        msgspec.structs.replace(thread, name=text, frames=(frame,)) for thread in process.threads
    )
    return msgspec.structs.replace(
        whole,
        processes=(msgspec.structs.replace(process, threads=threads),),
        sources={text: f"{text}\n{text}"},
    )
