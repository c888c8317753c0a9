"""What happened in a trial, in the order of time: a lane for each thread, and numbered moments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lab.model import Diagnosis, Event, FootprintSample, ThreadWait, Trial
from lab.report.columns import Column
from lab.report.graph_layout import tags_of
from lab.report.words import counted, duration, file_name, place, visible

EVENTS = {
    "starting": "the target is started",
    "ready": "the target is ready",
    "go": "the program begins",
    "running": "the program runs",
    "stalled": "the watchdog calls a stall",
    "stall": "the watchdog calls a stall",
    "proof": "the deadlock is proved",
    "proved": "the deadlock is proved",
    "capturing": "stacks and footprints are captured",
    "capture": "captured",
    "captured": "captured",
    "probing": "one worker is stopped, to see what the others do",
    "experiment": "one worker is stopped, to see what the others do",
    "kill": "a worker is killed",
    "killed": "a worker is killed",
    "reaping": "whatever is left is killed and reaped",
    "reaped": "nothing is left to reap",
    "checking": "the result is held against the ground truth",
    "done": "done",
}
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
    """Something that happened at a time; ``length_s`` is not 0 for what took a while."""

    at_s: float
    text: str
    length_s: float = 0.0


@dataclass(frozen=True)
class Timeline:
    """Everything to be drawn for one trial."""

    lanes: tuple[Lane, ...]
    moments: tuple[Moment, ...]
    end_s: float
    focus_s: float | None
    """Up to where the time scale should be stretched: a little after the proof."""


def timeline(column: Column) -> Timeline:
    """Return what is known of the order of events in the shown trial of a variant."""
    trial = column.shown
    moments = tuple(_moments(column.events, trial))[:MOST_MOMENTS]
    lanes = tuple(_lanes(trial)) if trial else ()
    ends = [moment.at_s for moment in moments]
    ends += [bar.end_s for lane in lanes for bar in lane.bars]
    ends += [trial.outcome.elapsed_s] if trial else []
    proof = trial.outcome.proof if trial else None
    focus = proof.proved_s * 1.25 if proof else None
    return Timeline(lanes, moments, max(ends, default=0.0), focus)


def _moments(events: Sequence[Event], trial: Trial | None) -> Iterator[Moment]:
    """Yield the events of the trial in order, with the proof among them if no event tells it."""
    moments = [_moment(event) for event in events if event.trial_s is not None]
    proof = trial.outcome.proof if trial else None
    if proof is not None:
        moments.append(Moment(proof.last_progress_s, "the last progress of any thread"))
        if not any(event.kind in ("proof", "proved") for event in events):
            moments.append(Moment(proof.proved_s, EVENTS["proof"]))
    yield from sorted(moments, key=lambda moment: moment.at_s)


def _moment(event: Event) -> Moment:
    """Return an event in words; ``seconds`` in its details says how long it had taken by then."""
    words = EVENTS.get(event.kind, event.kind)
    seconds = event.detail.get("seconds")
    length = max(0.0, float(seconds)) if isinstance(seconds, int | float) else 0.0
    said = [text for key, value in event.detail.items() if (text := _detail(key, value))]
    at = event.trial_s or 0.0
    return Moment(max(0.0, at - length), ": ".join(filter(None, (words, ", ".join(said)))), length)


def _detail(key: str, value: object) -> str:
    if isinstance(value, float):
        return f"{key.removesuffix('_s')} {duration(value)}" if key.endswith("_s") else ""
    if isinstance(value, str):
        return visible(value)[:80]
    if isinstance(value, bool) or not isinstance(value, int):
        return ""
    return f"{key.replace('_', ' ')} {value}"


def _lanes(trial: Trial) -> Iterator[Lane]:
    """Yield a lane for each thread that the watchdog saw, or for each process if it saw none."""
    outcome = trial.outcome
    waits = outcome.proof.threads if outcome.proof else outcome.last_waits
    end = outcome.proof.proved_s if outcome.proof else outcome.elapsed_s
    names = _names(trial.diagnosis)
    seen = [wait for wait in waits if wait.first_seen_s is not None]
    for wait in sorted(seen, key=lambda w: (f"{w.pid}/{w.tid}" not in names, w.first_seen_s)):
        yield _thread_lane(wait, max(end, outcome.elapsed_s), names, trial.diagnosis)
    if not seen and trial.footprint is not None:
        yield from _process_lanes(trial.footprint.samples)


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
    tags = {key.removeprefix("resource:"): tag for key, tag in tags_of(diagnosis).items()}
    parts = [
        f"holds {tags.get(edge.resource, '')} since {place(edge.held_at)}"
        for edge in diagnosis.edges
        if edge.holder == actor and edge.held_at is not None
    ]
    parts += [
        f"waits for {tags.get(edge.resource, '')} at {place(edge.at)}"
        for edge in diagnosis.edges
        if edge.waiter == actor
    ]
    return ", ".join(dict.fromkeys(parts))


def _kernel_words(wait: ThreadWait) -> str:
    return ", ".join(filter(None, (wait.syscall, wait.channel))) or wait.state


def _process_lanes(samples: Sequence[FootprintSample]) -> Iterator[Lane]:
    for pid in dict.fromkeys(sample.pid for sample in samples):
        mine = [sample for sample in samples if sample.pid == pid]
        bar = Bar("alive", mine[0].at_s, mine[-1].at_s)
        most = max(sample.threads for sample in mine)
        label = file_name(mine[-1].label) or f"process {pid}"
        yield Lane(label, (bar,), f"process {pid}, up to {counted(most, 'thread')}")
