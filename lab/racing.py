"""The seven questions of debugging, asked of a race: the program ended, and its data are wrong.

Nothing is stuck, so nothing can be looked at: a dump taken afterwards shows nobody. What answers
there are come from the figures that the program counts itself, and from hunting its test.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lab.model import AnswerKind, Debuggability, Hunted, Trial
from lab.questions import numbered
from lab.scenario import Workers

TRIES, VIOLATIONS = "tries", "violations"
"""What a race scenario counts: how often it could have gone wrong, and how often it did."""

_OVER: Final = "the program had ended before anybody knew that its data were wrong"
_NOTHING: Final = (
    f"Not from a dump: {_OVER}.",
    "Not from a dump: no line of the program is left to be shown.",
    "Not from a dump: nothing waits for anything; what was corrupted, only the program knows.",
    "Not from a dump: nobody holds anything, which is the fault.",
)


def counted_violations(trial: Trial) -> tuple[int, int] | None:
    """Return (violations, tries) as the program counted them; None when it is no race."""
    figures = {each.name: each.value for each in trial.observed}
    if VIOLATIONS not in figures:
        return None
    return int(figures[VIOLATIONS]), int(figures.get(TRIES, 1))


def answer_of_race(trial: Trial, siblings: Sequence[Trial], hunted: Hunted | None) -> Debuggability:
    """Answer the questions for a race; ``siblings`` are the repeats in the same variant."""
    results = (
        *((AnswerKind.UNKNOWN, text) for text in _NOTHING),
        _how(trial, hunted),
        (AnswerKind.UNKNOWN, f"It does not arise: {_OVER}."),
        _again(siblings, hunted),
    )
    return Debuggability(
        answers=numbered(results),
        dumps=0,
        seconds=hunted.seconds if hunted else 0.0,
        paused_s=0.0,
        evidence_bytes=sum(out.kept_bytes for out in trial.output),
    )


def _how(trial: Trial, hunted: Hunted | None) -> tuple[AnswerKind, str]:
    """Tell the interleaving; between processes it is that of threads over the same memory."""
    if hunted is None or not hunted.story:
        return AnswerKind.UNKNOWN, "The order of events left no trace."
    told = "; ".join(hunted.story)
    if trial.variant.workers is Workers.THREADS:
        return AnswerKind.RIGHT, f"By hunting: {told}."
    return AnswerKind.PARTLY, f"By hunting threads that share the memory in the same way: {told}."


def _again(siblings: Sequence[Trial], hunted: Hunted | None) -> tuple[AnswerKind, str]:
    counts = [each for each in map(counted_violations, siblings) if each is not None]
    shown, tries = sum(k for k, _ in counts), sum(n for _, n in counts)
    said = [f"left to chance, {shown} of {tries} tries"]
    if hunted is not None and hunted.found:
        said.append(f"hunted, after {hunted.executions} executions")
        said.append(f"replayed, {hunted.replayed} of {hunted.replays}")
        if hunted.tries:
            said.append(f"on free threads held up there, {hunted.confirmed} of {hunted.tries}")
    always = hunted is not None and 0 < hunted.replays == hunted.replayed
    if always or shown == tries > 0:
        return AnswerKind.RIGHT, "; ".join(said).capitalize() + "."
    kind = AnswerKind.PARTLY if shown else AnswerKind.UNKNOWN
    return kind, "; ".join(said).capitalize() + "."
