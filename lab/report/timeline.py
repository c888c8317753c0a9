"""What happened in a trial, in the order of time: a lane for each thread, and numbered moments."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as _moved
from typing import Any

from lab.model import CaptureStatus, Diagnosis, Event, FootprintSample, ThreadWait, Trial
from lab.report.columns import Column
from lab.report.order import tags_of
from lab.report.scale import Span
from lab.report.words import counted, duration, file_name, place, shorten, visible

EVENTS = {
    "ready": "the target is ready",
    "proved": "the deadlock is proved",
    "hang": "a hang",
    "never-ready": "the target did not get ready",
    "capture": "captured",
    "verdict": "held against the truth",
}
STATES = {"starting": "the target is started", "running": "the program begins"}
PHASES = {
    "starting": "starting",
    "running": "watching",
    "stalled": "sampling memory",
    "capturing": "capturing",
    "probing": "stopping one",
    "reaping": "cleaning up",
    "checking": "checking",
}
"""What the lab itself was doing, by the state of the trial."""
MOST_MOMENTS = 36


@dataclass(frozen=True)
class Bar:
    """A stretch of one lane: ``ran``, ``blocked`` or ``alive``."""

    kind: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Lane:
    """One thread (or process, where only that is known)."""

    label: str
    bars: tuple[Bar, ...]
    note: str
    """What it waited for at the end, and what it held."""


@dataclass(frozen=True)
class Moment:
    """Something that happened at a time."""

    at_s: float
    text: str


@dataclass(frozen=True)
class Phase:
    """What the lab was doing for a while."""

    name: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Timeline:
    """Everything to be drawn for one trial."""

    lanes: tuple[Lane, ...]
    moments: tuple[Moment, ...]
    phases: tuple[Phase, ...]
    span: Span


def timeline(column: Column) -> Timeline:
    """Return what is known of the order of events in the shown trial of a variant.

    All its times count from when the program began, so that variants can be compared whatever
    their start-up took.
    """
    trial, zero = column.shown, _begun(column.events)
    phases = tuple(_phases(column.events))
    until = next((phase.start_s for phase in phases if phase.name == PHASES["reaping"]), 0.0)
    lanes = tuple(_lanes(trial, until)) if trial else ()
    moments = tuple(_moments(column.events, trial))[:MOST_MOMENTS]
    ends = [moment.at_s for moment in moments] + [phase.end_s for phase in phases]
    ends += [bar.end_s for lane in lanes for bar in lane.bars]
    ends += [trial.outcome.elapsed_s] if trial else []
    proof = trial.outcome.proof if trial else None
    focus = (proof.proved_s - zero) * 1.3 if proof else (until - zero) * 1.1
    return Timeline(
        lanes=tuple(_moved(lane, bars=_all_moved(lane.bars, zero)) for lane in lanes),
        moments=tuple(_moved(moment, at_s=moment.at_s - zero) for moment in moments),
        phases=_all_moved(phases, zero),
        span=Span(-zero, max(ends, default=zero) - zero, focus),
    )


def _begun(events: Sequence[Event]) -> float:
    """Return when the program began, in seconds of the trial; 0 when it did not."""
    times = (e.trial_s for e in events if e.kind == "state" and _state(e) == "running")
    return next(times, None) or 0.0


def _all_moved[T: (Bar, Phase)](stretches: tuple[T, ...], zero: float) -> tuple[T, ...]:
    return tuple(
        _moved(each, start_s=each.start_s - zero, end_s=each.end_s - zero) for each in stretches
    )


def _phases(events: Sequence[Event]) -> Iterator[Phase]:
    """Yield what lies between two changes of state."""
    states = [event for event in events if event.kind == "state" and event.trial_s is not None]
    for event, after in itertools.pairwise(states):
        name = PHASES.get(_state(event))
        if name:
            yield Phase(name, event.trial_s or 0.0, after.trial_s or 0.0)


def _moments(events: Sequence[Event], trial: Trial | None) -> Iterator[Moment]:
    """Yield the events of the trial in order, with the proof among them if no event tells it."""
    proved = any(event.kind == "proved" for event in events)
    told = [event for event in events if not (proved and event.kind == "hang")]
    moments = [moment for group in _groups(told) if (moment := _moment(group))]
    proof = trial.outcome.proof if trial else None
    if proof is not None:
        moments.append(Moment(proof.last_progress_s, "the last progress of any thread"))
        if not proved:
            moments.append(Moment(proof.proved_s, EVENTS["proved"]))
    yield from sorted(moments, key=lambda moment: moment.at_s)


def _groups(events: Sequence[Event]) -> Iterator[list[Event]]:
    """Yield the events one by one, but captures that follow each other together."""
    timed = (event for event in events if event.trial_s is not None)
    for kind, group in itertools.groupby(timed, key=lambda event: event.kind):
        if kind == "capture":
            yield list(group)
        else:
            yield from ([event] for event in group)


def _moment(group: list[Event]) -> Moment | None:
    """Return one event, or some captures, in words; ``None`` for what the phases tell."""
    event, at = group[0], group[-1].trial_s or 0.0
    if event.kind == "capture":
        failed = sum(each.detail.get("status") == CaptureStatus.FAILED for each in group)
        words = f"{counted(len(group), 'capture')} taken"
        return Moment(at, f"{words}, {failed} failed" if failed else words)
    if event.kind == "state":
        text = STATES.get(_state(event))
        return Moment(at, text) if text else None
    if event.kind in _SPOKEN:
        return Moment(at, _SPOKEN[event.kind](event.detail))
    details = ((key, value) for key, value in event.detail.items() if key != "last_progress_s")
    said = [text for key, value in details if (text := _detail(key, value))]
    words = EVENTS.get(event.kind, event.kind)
    return Moment(at, ": ".join(filter(None, (words, ", ".join(said)))))


def _reaped(detail: Mapping[str, Any]) -> str:
    killed = detail.get("killed")
    if not isinstance(killed, int) or not killed:
        return "nothing was left to kill"
    return f"{counted(killed, 'process', 'processes')} left, killed and reaped"


def _stopped(detail: Mapping[str, Any]) -> str:
    victim, rest = visible(str(detail.get("victim"))), visible(str(detail.get("afterwards")))
    return f"{shorten(victim, 40)} was killed alone; the program then: {shorten(rest, 40)}"


def _planted(detail: Mapping[str, Any]) -> str:
    fault, worker = visible(str(detail.get("fault"))), visible(str(detail.get("worker")))
    return f"the planted {shorten(fault, 60)} hit {shorten(worker, 40)}"


_SPOKEN: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "reaped": _reaped,
    "experiment": _stopped,
    "fault": _planted,
}
"""Events that are told in a sentence of their own."""


def _state(event: Event) -> str:
    return str(event.detail.get("state"))


def _detail(key: str, value: object) -> str:
    if isinstance(value, float):
        units = {"_s": 1.0, "ms": 1e-3}
        unit = units.get(key[-2:])
        return f"{_words(key[:-2])} {duration(value * unit)}".strip() if unit else ""
    if isinstance(value, str):
        return visible(value)[:80]
    if isinstance(value, bool) or not isinstance(value, int):
        return ""
    return f"{_words(key)} {value}" if key != "pid" else f"process {value}"


def _words(key: str) -> str:
    return key.replace("_", " ").strip()


def _lanes(trial: Trial, until: float) -> Iterator[Lane]:
    """Yield a lane for each thread that the watchdog saw, or for each process if it saw none."""
    outcome = trial.outcome
    waits = outcome.proof.threads if outcome.proof else outcome.last_waits
    end = outcome.proof.proved_s if outcome.proof else outcome.elapsed_s
    names = _names(trial.diagnosis)
    seen = [wait for wait in waits if wait.first_seen_s is not None]
    for wait in sorted(seen, key=lambda w: (f"{w.pid}/{w.tid}" not in names, w.first_seen_s)):
        yield _thread_lane(wait, max(end, until), names, trial.diagnosis)
    if not seen and trial.footprint is not None:
        yield from _process_lanes(trial.footprint.samples, outcome.elapsed_s)


def _names(diagnosis: Diagnosis | None) -> dict[str, str]:
    return {actor.id: actor.label for actor in diagnosis.actors} if diagnosis else {}


def _thread_lane(
    wait: ThreadWait, end: float, names: dict[str, str], diagnosis: Diagnosis | None
) -> Lane:
    start = wait.first_seen_s or 0.0
    ran = max(start, wait.last_ran_s if wait.last_ran_s is not None else start)
    key = f"{wait.pid}/{wait.tid}"
    bars = (Bar("ran", start, ran), Bar("blocked", ran, max(end, ran)))
    label = names.get(key) or f"{wait.comm} {wait.tid}"
    return Lane(label, bars, _held_and_wanted(key, diagnosis) or _kernel_words(wait))


def _held_and_wanted(actor: str, diagnosis: Diagnosis | None) -> str:
    """Return ``holds B since deadlock.py:18, waits for A at deadlock.py:20``."""
    if diagnosis is None:
        return ""
    tags = tags_of(diagnosis)
    parts = [
        f"holds {tags.get(edge.resource, '')} since {place(edge.held_at)}"
        for edge in diagnosis.edges
        if edge.holder == actor and edge.held_at is not None and edge.held_at.file
    ]
    parts += [
        f"waits for {tags.get(edge.resource, '')} at {place(edge.at)}"
        for edge in diagnosis.edges
        if edge.waiter == actor and edge.at.file
    ]
    return ", ".join(dict.fromkeys(parts))


def _kernel_words(wait: ThreadWait) -> str:
    return ", ".join(filter(None, (wait.syscall, wait.channel))) or wait.state


def _process_lanes(samples: Sequence[FootprintSample], end_s: float) -> Iterator[Lane]:
    """Yield a lane for each process; the first is the program itself, which lived to the end."""
    for pid in dict.fromkeys(sample.pid for sample in samples):
        mine = [sample for sample in samples if sample.pid == pid]
        last = end_s if pid == samples[0].pid else mine[-1].at_s
        bar = Bar("alive", mine[0].at_s, max(last, mine[-1].at_s))
        most = max(sample.threads for sample in mine)
        label = file_name(mine[-1].label) or f"process {pid}"
        yield Lane(label, (bar,), f"process {pid}, up to {counted(most, 'thread')}")
