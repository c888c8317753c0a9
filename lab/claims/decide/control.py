"""The claims about stopping, debugging and deadlock: P6, T7, T8."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lab.claims.decide.evidence import (
    FAILS,
    HOLDS,
    LIMITED,
    Conclusion,
    Evidence,
    Samples,
    Unmeasured,
    at_most,
    figure,
    grade,
    median,
    ratios,
)
from lab.claims.programs.stopping import DEADLINE_S
from lab.claims.terms import FORK, LEAK, THREADS
from lab.model import Figure, Tried
from lab.scenario import OutcomeKind, Workers

HARDER = 0.9
"""Share of the questions answered for processes, below which threads are harder to debug."""
RARE = 0.1
"""Share of the executions in which a race shows by chance, below which testing is hard."""
PRONE = 1.25
"""How many times as many shapes deadlock with threads as with processes."""
AS_PRONE = 1.0
COVERED = 0.9
"""Share of the shapes of the library that have to be tried."""
STATES = ("busy", "lock-blocked", "sleeping")
SIGNALS = ("interrupt", "kill")

STOPPED = (
    f"processes stopped within {DEADLINE_S:g} s, busy, lock-blocked and sleeping, by interrupt and "
    "by kill: holds if all are and the lock of a killed holder is free again, with a limit if not"
)
EXPLAINED = (
    f"debugging questions answered, threads over processes: holds below {HARDER:.0%}, with a limit "
    f"if not, but a race shows by chance in less than {RARE:.0%} of executions"
)
DEADLOCKED = (
    f"shapes that deadlock with threads over those with processes: holds from {PRONE:g} if a leak "
    f"deadlocks threads that take their locks by `with`, with a limit above {AS_PRONE:g}"
)


def p6(e: Evidence) -> Conclusion:
    """Judge whether processes can be stopped in every state, and threads beside them."""

    def stopped(state: str, means: str) -> Samples:
        variant = THREADS if means == "exception" else FORK
        return e.samples("stopping", f"{state} stopped by {means}", variant)

    by_signal = {(s, m): stopped(s, m) for m in SIGNALS for s in STATES}
    by_exception = {(s, "exception"): stopped(s, "exception") for s in STATES}
    free = {m: e.samples("stopping", f"lock free after {m}", FORK) for m in SIGNALS}
    figures = (
        _all("processes stopped, of states and signals", by_signal.values(), decides=True),
        figure("lock free after its holder was killed", free["kill"], decides=True),
        figure("lock free after its holder was interrupted", free["interrupt"]),
        _all("threads stopped by an exception, of states", by_exception.values()),
        *_times(e),
    )
    failed = [f"{s} by {m}" for (s, m), samples in by_signal.items() if min(samples) < 1]
    threads = [s for (s, _), samples in by_exception.items() if min(samples) < 1]
    reason = "processes were stopped in every state, by interrupt and by kill"
    if failed:
        kind = FAILS if len(failed) == len(by_signal) else LIMITED
        return Conclusion(kind, f"processes were not stopped: {', '.join(failed)}", figures)
    if threads:
        reason += f"; an exception did not stop a thread that was {' or '.join(threads)}"
    if median(free["kill"]) < 1:
        return Conclusion(LIMITED, f"{reason}; a lock that the killed one held is lost", figures)
    return Conclusion(HOLDS, reason, figures)


def _all(name: str, samples: Iterable[Samples], *, decides: bool = False) -> Figure:
    """Return which share of the states was stopped, in each round."""
    rounds = [sum(each) / len(each) for each in zip(*samples, strict=False)]
    return figure(name, rounds, decides=decides)


def _times(e: Evidence) -> list[Figure]:
    """Return how long it took, of those that were stopped."""
    return [
        figure(f"{state} worker gone after {means}", took, "s")
        for means, variant in (("interrupt", FORK), ("kill", FORK), ("exception", THREADS))
        for state in STATES
        if (took := e.some("stopping", f"{state} stopped by {means} after", variant))
    ]


def _asked(e: Evidence) -> list[Tried]:
    return [each for each in e.record.tried if each.answered is not None and each.questions]


def _share(tried: Tried) -> float:
    return (tried.answered or 0) / tried.questions


def t7(e: Evidence) -> Conclusion:
    """Judge how much of a fault is explained with threads, and how often a race shows."""
    asked = _asked(e)
    threads = {t.scenario: _share(t) for t in asked if t.variant.workers is Workers.THREADS}
    processes = {t.scenario: _share(t) for t in asked if t.variant.workers is Workers.PROCESSES}
    both = sorted(threads.keys() & processes.keys())
    _require(e, "deadlock", len({t.scenario for t in e.record.tried if "deadlock" in t.tags}))
    if not both:
        raise Unmeasured("no fault scenario answered the questions in both variants")
    ratio = ratios(tuple(threads[s] for s in both), tuple(processes[s] for s in both))
    chance = ratios(
        e.samples("race", "failures by chance", THREADS),
        e.samples("race", "executions by chance", THREADS),
    )
    hunted = e.some("race", "executions when hunted", THREADS)
    figures = (
        figure("questions answered, threads over processes", ratio, decides=True),
        figure("executions in which a race showed by chance", chance, decides=True),
        *([figure("executions until it showed when hunted", hunted)] if hunted else []),
        figure("questions answered of all, threads", tuple(threads.values())),
        figure("questions answered of all, processes", tuple(processes.values())),
    )
    reason = (
        f"of {len(both)} faults that both can have, threads answered {median(ratio):.0%} of the "
        "questions that processes did"
    )
    if grade(ratio, holds=HARDER, limited=HARDER) is FAILS:
        return Conclusion(HOLDS, reason, figures)
    if median(chance) < RARE:
        reason += (
            f", so what hangs is no harder to explain; but a race showed in {median(chance):.1%} "
            "of executions by chance"
        )
        reason += f", and after {median(hunted):g} when hunted" if hunted else ""
        return Conclusion(LIMITED, reason, figures)
    return Conclusion(FAILS, f"{reason}, and a race showed in {median(chance):.0%}", figures)


def t8(e: Evidence) -> Conclusion:
    """Judge in how many shapes threads deadlock, beside processes, and whether a leak does it."""
    shapes = [t for t in e.record.tried if "deadlock" in t.tags and not t.corrected]
    _require(e, "deadlock", len({t.scenario for t in shapes}))
    threads, processes = (_hung(shapes, kind) for kind in Workers)
    if not processes:
        raise Unmeasured("no shape deadlocked with processes, so there is nothing to compare with")
    over = (len(threads) / len(processes),)
    kind = grade(over, holds=PRONE, limited=AS_PRONE + 1e-9)
    by_leak, words, leaks = _by_leak(e)
    if not by_leak:
        kind = at_most(kind, LIMITED)
    reason = (
        f"of {len({t.scenario for t in shapes})} shapes tried, {len(threads)} deadlocked with "
        f"threads and {len(processes)} with processes, unprovoked; {words}"
    )
    figures = (
        figure("shapes that deadlock, threads over processes", over, decides=True),
        *leaks,
        figure("shapes that deadlocked with threads", (len(threads),)),
        figure("shapes that deadlocked with processes", (len(processes),)),
        *_survivors(shapes),
    )
    return Conclusion(kind, reason, figures)


def _require(e: Evidence, tag: str, tried: int) -> None:
    """Refuse a verdict on a part of the library that happens to be what there was time for."""
    lost = {each.program: each.reason for each in e.record.missing if tag in each.tags}
    total = len(lost) + tried
    if tried < COVERED * total or not tried:
        reason = next(iter(lost.values()), "none was run")
        raise Unmeasured(f"{tried} of {total} scenarios tagged {tag} were tried: {reason}")


def _by_leak(e: Evidence) -> tuple[bool, str, list[Figure]]:
    """Say whether a leak by itself deadlocks threads, in words too, and the figures of leaks."""
    leaks = [each for each in e.record.tried if LEAK in each.tags]
    careful = [each for each in leaks if each.corrected]
    if not careful:
        return False, "whether leaking memory provokes one was not tried", []
    names = {False: "taken and given back by hand", True: "taken by `with`"}
    figures = [
        figure(
            f"leaks that ended in a deadlock, {kind}, locks {names[corrected]}",
            [float(t.outcome is OutcomeKind.DEADLOCKED) for t in tried],
            decides=corrected and kind is Workers.THREADS,
        )
        for corrected in (True, False)
        for kind in Workers
        if (tried := [t for t in leaks if (t.corrected, t.variant.workers) == (corrected, kind)])
    ]
    both = _hung(careful, Workers.THREADS), _hung(careful, Workers.PROCESSES)
    careless = sum(t.outcome is OutcomeKind.DEADLOCKED for t in leaks if not t.corrected)
    words = (
        f"leaking memory deadlocked {careless} of {len(leaks) - len(careful)} trials with locks "
        f"taken by hand, and {sum(map(len, both))} of {len(careful)} with locks taken by `with`"
    )
    return bool(both[0]), words, figures


def _hung(tried: Sequence[Tried], kind: Workers) -> set[str]:
    return {
        each.scenario
        for each in tried
        if each.variant.workers is kind and each.outcome is OutcomeKind.DEADLOCKED
    }


def _survivors(tried: Sequence[Tried]) -> list[Figure]:
    """Return which share of the other workers went on after one was killed."""
    found = []
    for kind in Workers:
        shares = [
            (each.survivors_finished or 0) / each.survivors
            for each in tried
            if each.variant.workers is kind and each.survivors
        ]
        if shares:
            found.append(
                figure(f"other workers that finished after one was killed, {kind}", shares)
            )
    return found
