"""Turns a record of measurements into a verdict on each claim, and runs nothing.

Each claim is a :class:`Rule`: the claim in a sentence, the threshold in words, and a pure function
from the evidence to a conclusion. The thresholds are constants beside those functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lab.claims.decide import control, exchange, memory, parallel
from lab.claims.decide.evidence import Conclusion, Evidence, Unmeasured
from lab.model import ClaimVerdict, ClaimVerdictKind, Measurements


@dataclass(frozen=True)
class Rule:
    """A claim and how it is decided."""

    claim: str
    threshold: str
    decide: Callable[[Evidence], Conclusion]


TURNS = parallel.CONCURRENT
RULES: dict[str, Rule] = {
    "P1": Rule("Processes do CPU-bound work truly in parallel.", parallel.PARALLEL, parallel.p1),
    "P2": Rule("Processes put more CPUs to work.", parallel.ADDED, parallel.p2),
    "P3": Rule("Processes run concurrently.", TURNS, parallel.p3),
    "P4": Rule("Each process has a memory space of its own.", memory.SEPARATE, memory.p4),
    "P5": Rule("Processes get round the GIL of CPython.", parallel.AVOIDING, parallel.p5),
    "P6": Rule("Child processes can be interrupted and killed.", control.STOPPED, control.p6),
    "P7": Rule("Against processes: they take more memory.", memory.LARGER, memory.p7),
    "T1": Rule("Threads suit I/O-bound work.", exchange.WAITING, exchange.t1),
    "T2": Rule("Threads add computing power.", parallel.PARALLEL, parallel.t2),
    "T3": Rule("The threads of a process run concurrently.", TURNS, parallel.t3),
    "T4": Rule(
        "Shared memory brings another context's state within easy reach.",
        exchange.REACHING,
        exchange.t4,
    ),
    "T5": Rule("Threads keep a user interface responsive.", exchange.RESPONDING, exchange.t5),
    "T6": Rule("Threads are light: they take little memory.", memory.LIGHT, memory.t6),
    "T7": Rule(
        "Against threads: they are complex to debug and test.", control.EXPLAINED, control.t7
    ),
    "T8": Rule(
        "Against threads: they are more prone to deadlock, and so when memory leaks.",
        control.DEADLOCKED,
        control.t8,
    ),
    "G1": Rule(
        "The GIL keeps threads from running in parallel; they run concurrently and switch on I/O.",
        parallel.GIL,
        parallel.g1,
    ),
}
"""Every claim, by its id, in the order in which they are shown."""


def decide(record: Measurements, ids: Iterable[str], evidence: str) -> tuple[ClaimVerdict, ...]:
    """Return the verdicts on the claims ``ids`` that follow from ``record``.

    ``evidence`` is the file that the record was read from, or will be written to.
    """
    asked = Evidence(record)
    return tuple(_verdict(id_, RULES[id_], asked, evidence) for id_ in ids)


def _verdict(id_: str, rule: Rule, asked: Evidence, evidence: str) -> ClaimVerdict:
    try:
        found = rule.decide(asked)
    except Unmeasured as problem:
        found = Conclusion(ClaimVerdictKind.NOT_MEASURABLE, str(problem), problem.figures)
    return ClaimVerdict(
        id=id_,
        claim=rule.claim,
        verdict=found.kind,
        reason=found.reason,
        threshold=rule.threshold,
        figures=found.figures,
        evidence=evidence,
    )
