"""How figures and records are put into words, the same on the page and on the terminal."""

from __future__ import annotations

import re
import statistics
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime

from lab.model import (
    AnswerKind,
    CaptureStatus,
    Edge,
    Evidence,
    Expectation,
    NoHolder,
    Outcome,
    PlantedFault,
    SourceLine,
    StopExperiment,
    VerdictKind,
    status_words,
)
from lab.scenario import Cause, OutcomeKind

UNMEASURED = "not measured"
_TAKEN = ("Lock", "RLock", "Semaphore", "Condition")
MINUS = "\N{MINUS SIGN}"

VERDICTS = {
    VerdictKind.AS_EXPECTED: "As expected",
    VerdictKind.DEVIATED: "Deviated",
    VerdictKind.INCONCLUSIVE: "Inconclusive",
}
OUTCOMES = {
    OutcomeKind.EXITED: "Exited",
    OutcomeKind.CRASHED: "Crashed",
    OutcomeKind.DEADLOCKED: "Deadlocked, proved",
    OutcomeKind.QUIET: "Quiet, not proved",
    OutcomeKind.TIMED_OUT: "Timed out",
    OutcomeKind.NEVER_READY: "Never ready",
}
CAUSES = {
    Cause.NONE: "Nothing known to be stuck",
    Cause.LOCK_CYCLE: "Lock cycle",
    Cause.WAIT_CYCLE: "Wait cycle",
    Cause.SELF_DEADLOCK: "Self-deadlock",
    Cause.ABANDONED_LOCK: "Abandoned lock",
    Cause.UNSATISFIED_WAIT: "A wait that nobody can end",
    Cause.OUTSIDE_WAIT: "Waits for the outside",
    Cause.STOPPED: "Stopped by a signal",
    Cause.UNKNOWN: "Cause unknown",
}
EVIDENCE = {
    Evidence.CONFIRMED: ("confirmed", "the owner is written in memory or in the kernel's tables"),
    Evidence.SAME_OBJECT: ("same object", "waiter and holder refer to the same object"),
    Evidence.SOURCE: ("from the source", "inferred from the lines around both frames"),
    Evidence.NAME_ONLY: ("by name only", "both sides use the same name; it may be another object"),
    Evidence.UNKNOWN: ("unknown", "nothing firm is known of this wait"),
}
NO_HOLDERS = {
    NoHolder.LEAKED: "leaked",
    NoHolder.DEAD_PROCESS: "its holder is dead",
    NoHolder.INHERITED_BY_FORK: "inherited by fork",
}
ANSWERS = {
    AnswerKind.RIGHT: "Right",
    AnswerKind.PARTLY: "Partly",
    AnswerKind.WRONG: "Wrong",
    AnswerKind.UNKNOWN: "Unknown",
}
CAPTURES = {
    CaptureStatus.OK: "Done",
    CaptureStatus.FAILED: "Failed",
    CaptureStatus.SKIPPED: "Skipped",
}


def duration(seconds: float | None) -> str:
    """Return seconds in the unit that reads best: ``0.4 ms``, ``49 ms``, ``1.24 s``."""
    if seconds is None:
        return UNMEASURED
    if seconds < 0:
        return f"{MINUS}{duration(-seconds)}"
    if seconds == 0:
        return "0 ms"
    milliseconds = seconds * 1e3
    if milliseconds < 9.95:
        return f"{milliseconds:.1f} ms"
    if milliseconds < 999.5:
        return f"{milliseconds:.0f} ms"
    if seconds < 119.5:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole // 60} min {whole % 60} s"


def size(count: float | None) -> str:
    """Return bytes in binary units with three digits or so: ``812 B``, ``7.9 MiB``."""
    if count is None:
        return UNMEASURED
    if count < 0:
        return f"{MINUS}{size(-count)}"
    value, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1023.5:
            break
        value, unit = value / 1024, larger
    digits = 0 if unit == "B" or value >= 99.95 else 1
    return f"{value:.{digits}f} {unit}"


def mebibytes(count: float) -> float:
    """Return bytes as MiB, rounded to what a chart can show."""
    return round(count / 2**20, 2)


def quantity(value: float, unit: str = "") -> str:
    """Return a figure of a program's own: four digits at most, times and sizes in their words."""
    if unit == "s":
        return duration(value)
    if unit == "bytes":
        return size(value)
    number = f"{value:.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.4g}"
    return f"{number} {unit}".strip()


def truth_words(truth: Expectation) -> str:
    """Return a ground truth in a line: outcome, cause, waits, and the figures to be reported."""
    parts = [OUTCOMES[truth.outcome]]
    if truth.exit_code:
        parts[0] += f" ({exit_status(truth.exit_code)})"
    if truth.cause is not Cause.NONE:
        parts.append(CAUSES[truth.cause].lower())
        parts.append(counted(len(truth.waits), "planted wait"))
    parts += [f"{wanted.name} {wanted.range}" for wanted in truth.observed]
    return ", ".join(parts)


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return ``1 process``, ``3 processes``: ``plural`` is the noun with an s if not given."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def place(line: SourceLine | None) -> str:
    """Return ``file.py:12``, without the directories; ``unknown`` for ``None``."""
    return f"{file_name(line.file)}:{line.line}" if line and line.file else "unknown"


def instant(iso: str) -> str:
    """Return an ISO 8601 time as ``2026-11-22 17:05:10 UTC``; what is no time stays as it is."""
    try:
        return f"{datetime.fromisoformat(iso).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError):
        return iso


def file_name(path: str) -> str:
    """Return the last part of a path, or all of it when there is none."""
    return path.rpartition("/")[2] or path


def shorten(text: str, width: int) -> str:
    """Return ``text`` in at most ``width`` characters: the middle gives way, the ends stay."""
    if len(text) <= width:
        return text
    tail = (width - 1) // 2
    return f"{text[: width - 1 - tail]}…{text[len(text) - tail :] if tail else ''}"


def listed(names: Sequence[str], limit: int = 6) -> str:
    """Return ``a, b and c``; past ``limit`` names, ``a, b, ... and 58 more``."""
    if len(names) > limit:
        return f"{', '.join(names[:limit])} and {len(names) - limit} more"
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def natural(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts ``worker-2`` before ``worker-10``."""
    return [(int(part) if part.isdecimal() else -1, part) for part in re.split(r"(\d+)", name)]


def spread(values: Sequence[float]) -> str:
    """Return durations as ``median 51 ms (40 ms to 85 ms)``, or the value when there is one."""
    if not values:
        return UNMEASURED
    if len(values) == 1:
        return duration(values[0])
    middle, low, high = (duration(f(values)) for f in (statistics.median, min, max))
    return f"{middle}, all {len(values)}" if low == high else f"median {middle} ({low} to {high})"


def exit_status(code: int | None) -> str:
    """Return an exit status in words; minus a signal's number is how a signal is recorded."""
    if code is None:
        return "no exit status"
    return status_words(code)


def depends(edge: Edge, kind: str) -> str:
    """Return what the holder is to the thing: only what is taken is held, an end is awaited."""
    return "held by" if edge.held_at is not None or kind.endswith(_TAKEN) else "up to"


def proof_words(outcome: Outcome) -> str:
    """Say how an outcome is known, in one sentence."""
    proof = outcome.proof
    if proof is None:
        return outcome.reason or exit_status(outcome.exit_code)
    waits = counted(len(proof.threads), "thread")
    return (
        f"{proof.sweeps} equal sweeps over {waits}, all in waits that only the program itself "
        f"could end; proved {duration(proof.took_s)} after the last progress"
    )


def sentence(text: str) -> str:
    """Return ``text`` with a capital letter and a full stop, and otherwise as it is."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def experiment_words(experiment: StopExperiment | None) -> str:
    """Say what became of one worker that was killed, and of the others."""
    if experiment is None:
        return "not tried"
    if experiment.stopped_s is None:
        return f"{experiment.victim} could not be stopped"
    gone = f"{experiment.victim} gone after {duration(experiment.stopped_s)}"
    if experiment.whole_process_died:
        return f"{gone}, and the whole process with it"
    if not experiment.others:
        return f"{gone}; nobody else was stuck; then {experiment.afterwards}"
    finished = f"{experiment.others_finished} of {counted(experiment.others, 'other')} finished"
    return f"{gone}; {finished}; then {experiment.afterwards}"


def planted_words(planted: PlantedFault) -> str:
    """Say whom a planted fault hit and when, or why it never fired."""
    if planted.at_s is None:
        return f"{planted.fault} never fired: {planted.reason}"
    return f"{planted.fault} hit {planted.worker} (process {planted.pid})"


def visible(text: str) -> str:
    """Return ``text`` with every character that hides or reorders others written as an escape.

    A file name or a local variable may hold anything: control characters, or marks that turn the
    reading direction round and so disguise a line of source.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_seen(character) for character in text)


def _seen(character: str) -> str:
    if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co"):
        return character
    return ascii(character)[1:-1]
