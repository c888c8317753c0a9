"""One column of the comparison for each variant: its trials, and the one that is shown whole.

Of many repeats the page shows the one that a reader needs most: the first that deviated, else the
first that was inconclusive, else the first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.errors import UsageError
from lab.model import (
    Event,
    Footprint,
    HeapUse,
    Purpose,
    RunRecord,
    Side,
    Snapshot,
    Trial,
    VerdictKind,
)
from lab.scenario import OutcomeKind
from lab.store import kept_text, load_snapshot

_NEED = (VerdictKind.DEVIATED, VerdictKind.INCONCLUSIVE, VerdictKind.AS_EXPECTED, None)

TAIL_BYTES = 4096


@dataclass(frozen=True)
class Column:
    """All that is known of one variant on one interpreter."""

    side: Side
    trials: tuple[Trial, ...]
    """The executions whose stacks were taken, in order."""
    shown: Trial | None
    """The one that is shown whole; ``None`` when none was finished."""
    heap_trials: tuple[Trial, ...]
    snapshot: Snapshot | None
    events: tuple[Event, ...]
    """What the history says of the shown trial, or of the last that an unfinished run began."""
    last_words: str = ""
    """The last line that the shown program wrote on stderr, where it ended with another status."""

    @property
    def slug(self) -> str:
        """A name for ids on the page."""
        return self.side.slug

    @property
    def label(self) -> str:
        """A name for people."""
        return self.side.label.capitalize()

    @property
    def proof_times(self) -> list[float]:
        """Seconds from the last progress to the proof, of every trial that was proved."""
        return [t.outcome.proof.took_s for t in self.trials if t.outcome.proof is not None]

    @property
    def outcomes(self) -> list[tuple[OutcomeKind, int]]:
        """How often each outcome was seen, the most frequent first."""
        return Counter(trial.outcome.kind for trial in self.trials).most_common()

    @property
    def verdicts(self) -> list[tuple[VerdictKind, int]]:
        """How often each verdict was given, in order of what a reader needs to see first."""
        counts = Counter(trial.verdict.kind for trial in self.trials if trial.verdict)
        return [(kind, counts[kind]) for kind in _NEED if kind is not None and counts[kind]]

    @property
    def verdict(self) -> VerdictKind | None:
        """The worst verdict of all the trials; ``None`` when there is none."""
        return self.verdicts[0][0] if self.verdicts else None

    @property
    def footprint(self) -> Footprint | None:
        """The memory of the shown trial, or of the first trial that has any."""
        ordered = [self.shown, *self.trials, *self.heap_trials]
        found = (t.footprint for t in ordered if t is not None and t.footprint)
        return next(iter(found), None)

    @property
    def heap(self) -> tuple[HeapUse, ...]:
        """What the allocation profilers saw, each in a pass of its own: memray's view first."""
        return tuple(use for trial in self.heap_trials for use in trial.heap)

    def footprints(self) -> list[Footprint]:
        """The footprints of all its trials."""
        return [trial.footprint for trial in self.trials if trial.footprint]


def columns_of(record: RunRecord) -> tuple[Column, ...]:
    """Return a column for each side of the run, in the order in which they were asked for."""
    return tuple(_column(record, side) for side in record.header.sides)


def _column(record: RunRecord, side: Side) -> Column:
    trials = record.result.trials if record.result else ()
    key = (side.variant, side.interpreter.label)
    mine = [trial for trial in trials if (trial.variant, trial.interpreter) == key]
    stacks = tuple(trial for trial in mine if trial.purpose is Purpose.STACKS)
    shown = choose(stacks)
    trial_id = shown.id if shown else _last_begun(record, side)
    return Column(
        side=side,
        trials=stacks,
        shown=shown,
        heap_trials=tuple(trial for trial in mine if trial.purpose is Purpose.HEAP),
        snapshot=_snapshot(record, trial_id),
        events=tuple(event for event in record.history if event.trial == trial_id),
        last_words=_last_words(record, shown) if shown else "",
    )


def choose(trials: Sequence[Trial]) -> Trial | None:
    """Return the trial that a reader needs most to see, or ``None`` when there is none."""
    kinds = [trial.verdict.kind if trial.verdict else None for trial in trials]
    for need in _NEED:
        if need in kinds:
            return trials[kinds.index(need)]
    return None


def _last_begun(record: RunRecord, side: Side) -> str:
    """Return the id of the last trial of a side in the history; empty when there is none."""
    trials = [event.trial.rpartition("-") for event in record.history]
    mine = [number for slug, _, number in trials if slug == side.slug and number.isdigit()]
    return f"{side.slug}-{mine[-1]}" if mine else ""


def _last_words(record: RunRecord, trial: Trial) -> str:
    """Return the end of what a program complained of; that is how a traceback says what it was."""
    if not trial.outcome.exit_code:
        return ""
    lines = kept_text(Path(record.directory), trial, "stderr", TAIL_BYTES).splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _snapshot(record: RunRecord, trial_id: str) -> Snapshot | None:
    """Return what was captured; a damaged file costs the page its stacks, and nothing else."""
    try:
        return load_snapshot(Path(record.directory), trial_id) if trial_id else None
    except UsageError:
        return None
