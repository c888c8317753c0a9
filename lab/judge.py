"""The verdict: outcome and diagnosis held against the ground truth.

Three-valued. What could not be compared (no stacks, no diagnosis) makes a trial inconclusive; it
never counts as passed. One comparison that fails makes it deviated, whatever else is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lab.model import (
    Check,
    Diagnosis,
    Edge,
    Expectation,
    ExpectedWait,
    Observation,
    Outcome,
    PlantedFault,
    Reaped,
    SourceLine,
    Verdict,
    VerdictKind,
)
from lab.scenario import Cause, OutcomeKind


def judge(
    expectation: Expectation,
    outcome: Outcome,
    diagnosis: Diagnosis | None,
    reaped: Reaped | None,
    observed: Sequence[Observation] = (),
    planted: Sequence[PlantedFault] = (),
) -> Verdict:
    """Compare one trial with what it should have shown.

    ``observed`` is what it reported, and ``planted`` what became of the faults planted into it: of
    a program that its fault never hit, nothing can be said.
    """
    checks = [
        _compare("outcome", str(outcome.kind), str(expectation.outcome)),
        *_exit_checks(expectation, outcome),
        *_diagnosis_checks(expectation, diagnosis),
        *_observed_checks(expectation, observed),
        *map(_fault_check, planted),
        _left_behind(reaped),
    ]
    if outcome.kind is OutcomeKind.NEVER_READY:
        return Verdict(kind=VerdictKind.INCONCLUSIVE, checks=tuple(checks))
    return Verdict(kind=conclude(check.passed for check in checks), checks=tuple(checks))


def conclude(passed: Iterable[bool | None]) -> VerdictKind:
    """Return the verdict that single results add up to; nothing at all is inconclusive."""
    results = list(passed)
    if False in results:
        return VerdictKind.DEVIATED
    if not results or None in results:
        return VerdictKind.INCONCLUSIVE
    return VerdictKind.AS_EXPECTED


def overall(kinds: Iterable[VerdictKind]) -> VerdictKind:
    """Return the verdict on a run from those on its trials."""
    meaning = {
        VerdictKind.AS_EXPECTED: True,
        VerdictKind.DEVIATED: False,
        VerdictKind.INCONCLUSIVE: None,
    }
    return conclude(meaning[kind] for kind in kinds)


def place(line: SourceLine | None) -> str:
    """Return ``file.py:12`` for a line, or ``unknown``."""
    return f"{line.file.rpartition('/')[2]}:{line.line}" if line else "unknown"


def find_edge(diagnosis: Diagnosis | None, wait: ExpectedWait) -> Edge | None:
    """Return the edge of the diagnosis in which the expected waiter waits, if there is one."""
    if diagnosis is None:
        return None
    ids = {actor.id for actor in diagnosis.actors if actor.label == wait.waiter}
    edges = [edge for edge in diagnosis.edges if edge.waiter in ids]
    exact = [edge for edge in edges if same_line(edge.at, wait.at)]
    return next(iter(exact or edges), None)


def same_line(seen: SourceLine | None, wanted: SourceLine | None) -> bool:
    """Whether two lines are the same line of the same file."""
    if seen is None or wanted is None:
        return seen is wanted
    return (seen.file, seen.line) == (wanted.file, wanted.line)


def holder_label(diagnosis: Diagnosis, edge: Edge) -> str:
    """Return the name of the holder of ``edge``, why there is none, or ``unknown``."""
    if edge.holder is None:
        return str(edge.no_holder) if edge.no_holder else "unknown"
    return next((a.label for a in diagnosis.actors if a.id == edge.holder), edge.holder)


def _compare(name: str, seen: str, wanted: str) -> Check:
    return Check(name=name, passed=seen == wanted, seen=seen, wanted=wanted)


def _exit_checks(expectation: Expectation, outcome: Outcome) -> list[Check]:
    ends = expectation.outcome is OutcomeKind.EXITED
    crashes = expectation.outcome is OutcomeKind.CRASHED and expectation.exit_code != 0
    if outcome.kind is not expectation.outcome or not (ends or crashes):
        return []
    return [_compare("exit status", str(outcome.exit_code), str(expectation.exit_code))]


def _observed_checks(expectation: Expectation, observed: Sequence[Observation]) -> list[Check]:
    values = {figure.name: figure.value for figure in observed}
    return [
        Check(
            name=f"observed {wanted.name}",
            passed=wanted.holds(values[wanted.name]) if wanted.name in values else None,
            seen=f"{values[wanted.name]:g}" if wanted.name in values else "not reported",
            wanted=wanted.range,
        )
        for wanted in expectation.observed
    ]


def _fault_check(planted: PlantedFault) -> Check:
    fired = planted.at_s is not None
    whom = f"it hit {planted.worker} (process {planted.pid})"
    return Check(
        name=f"fault {planted.fault}",
        passed=True if fired else None,
        seen=whom if fired else f"never fired: {planted.reason}",
        wanted="fired",
    )


def _diagnosis_checks(expectation: Expectation, diagnosis: Diagnosis | None) -> list[Check]:
    if expectation.cause is Cause.NONE:
        return []
    if diagnosis is None:
        missing = Check(name="cause", passed=None, seen="no diagnosis", wanted=expectation.cause)
        return [missing]
    return [
        _cause_check(diagnosis.cause, expectation),
        *(check for wait in expectation.waits for check in _wait_checks(diagnosis, wait)),
    ]


def _cause_check(seen: Cause, expectation: Expectation) -> Check:
    right = (expectation.cause, expectation.apparent)
    passed = None if seen is Cause.UNKNOWN and seen not in right else seen in right
    wanted = str(expectation.cause)
    if expectation.apparent:
        wanted += f", or what shows of it outside: {expectation.apparent}"
    return Check(name="cause", passed=passed, seen=seen, wanted=wanted)


def _wait_checks(diagnosis: Diagnosis, wait: ExpectedWait) -> list[Check]:
    edge = find_edge(diagnosis, wait)
    if edge is None:
        wanted = f"waits at {place(wait.at)}" if wait.at else "waits"
        return [Check(name=wait.waiter, passed=None, seen="no wait was found", wanted=wanted)]
    checks = []
    if wait.at is not None:
        checks.append(_line_check(f"{wait.waiter} waits at", edge.at, wait.at))
    seen = holder_label(diagnosis, edge)
    checks.append(
        Check(
            name=f"{wait.waiter} waits for",
            passed=holder_is_right(edge, seen, wait),
            seen=seen,
            wanted=_wanted_holder(wait),
        )
    )
    if wait.held_at is not None and not (wait.hidden and edge.held_at is None):
        checks.append(_line_check(f"{wait.holder} holds it since", edge.held_at, wait.held_at))
    return checks


def holder_is_right(edge: Edge, seen: str, wait: ExpectedWait) -> bool | None:
    """Hold the holder of ``edge``, whose name is ``seen``, against the truth; ``None``: unknown.

    Where nobody would end the wait, or nobody outside can know who, no name is the right one.
    """
    if wait.no_holder is not None:
        wanted: str = wait.no_holder
    elif wait.holder is None:
        return edge.holder is None
    else:
        wanted = wait.holder
    if seen == "unknown":
        return True if wait.hidden else None
    return seen == wanted


def _wanted_holder(wait: ExpectedWait) -> str:
    wanted = wait.holder or str(wait.no_holder or "nobody")
    return f"{wanted}, or unknown: {wait.hidden}" if wait.hidden else wanted


def _line_check(name: str, seen: SourceLine | None, wanted: SourceLine) -> Check:
    passed = None if seen is None else same_line(seen, wanted)
    return Check(name=name, passed=passed, seen=place(seen), wanted=place(wanted))


def _left_behind(reaped: Reaped | None) -> Check:
    if reaped is None:
        return Check(name="left behind", passed=None, seen="not known", wanted="nothing")
    left = ", ".join(f"process {pid}" for pid in reaped.survivors)
    return _compare("left behind", left or "nothing", "nothing")
