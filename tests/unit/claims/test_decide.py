"""Each verdict follows from its record, and turns with it: no verdict is written into the code."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from lab.claims.decide import RULES, decide
from lab.claims.measure.plan import NEEDS
from lab.claims.terms import EVERY, FORK, FORKSERVER, SPAWN, THREADS
from lab.model import ClaimVerdict, ClaimVerdictKind, Measurements, Missing
from tests.unit.claims.recorded import (
    KIB,
    STATES,
    Recorded,
    fault,
    faults,
    free_threaded,
    leak,
    single_cpu,
    speeds,
    ticks,
    usual,
)

HOLDS = ClaimVerdictKind.HOLDS
LIMITED = ClaimVerdictKind.LIMITED
FAILS = ClaimVerdictKind.FAILS
NOT_MEASURABLE = ClaimVerdictKind.NOT_MEASURABLE

type Change = Callable[[Recorded], object]


def verdict(id_: str, record: Recorded) -> ClaimVerdict:
    (found,) = decide(record.close(), [id_], "measurements.json")
    return found


def changed(*changes: Change) -> Recorded:
    record = usual()
    for change in changes:
        change(record)
    return record


USUAL = {
    "P1": HOLDS, "P2": LIMITED, "P3": HOLDS, "P4": LIMITED, "P5": LIMITED, "P6": LIMITED,
    "P7": HOLDS, "T1": HOLDS, "T2": FAILS, "T3": LIMITED, "T4": LIMITED, "T5": LIMITED,
    "T6": HOLDS, "T7": LIMITED, "T8": LIMITED, "G1": LIMITED,
}  # fmt: skip
SINGLE_CPU = USUAL | {"P1": FAILS, "P2": FAILS, "P3": LIMITED, "P5": FAILS, "G1": NOT_MEASURABLE}
FREE_THREADED = USUAL | {"T2": HOLDS, "T3": HOLDS, "P5": FAILS, "T5": HOLDS, "G1": FAILS}


@pytest.mark.parametrize(
    ("record", "wanted"),
    [(usual, USUAL), (single_cpu, SINGLE_CPU), (free_threaded, FREE_THREADED)],
    ids=["usual", "single CPU", "free-threaded"],
)
def test_the_verdicts_of_a_machine(record: Callable[[], Recorded], wanted: dict[str, str]) -> None:
    found = decide(record().close(), RULES, "measurements.json")
    assert {each.id: each.verdict for each in found} == wanted


def memory(record: Recorded, kib: dict[object, float]) -> None:
    for variant in kib:
        for workers in (1, 32):
            size = kib[variant] * KIB
            record.put("memory-per-worker", "PSS a worker", variant, size, workers=workers)


def gain(record: Recorded, requests: float, files: float = 3.0, beside: float = 1.1) -> None:
    record.put("io-bound", "gain in requests", THREADS, requests, corrected=True, workers=8)
    record.put("io-bound", "gain in file writes", THREADS, files, corrected=True, workers=8)
    rate = 2900 * beside
    record.put("io-bound", "requests of all workers", THREADS, rate, corrected=True, workers=8)
    record.put("io-bound", "requests of all workers", FORK, 2900, corrected=True, workers=8)


def all_stopped(record: Recorded, stopped: int, *, states: tuple[str, ...] = STATES) -> None:
    for means in ("interrupt", "kill"):
        for state in states:
            record.put("stopping", f"{state} stopped by {means}", FORK, stopped, stopped)


def nothing_shared(record: Recorded) -> None:
    for variant in EVERY:
        record.put("isolation", "write to shared memory seen", variant, 0)
        record.put("isolation", "move in an open file seen", variant, 0)


TURNED: list[tuple[str, ClaimVerdictKind, Change]] = [
    ("P1", LIMITED, lambda r: speeds(r, FORK, 1.4, 1.4)),
    ("P1", FAILS, lambda r: speeds(r, FORK, 1.1, 1.1)),
    ("P1", LIMITED, lambda r: r.put(
        "cpu-bound", "speed-up with the start", FORK, 0.7, 0.7, 0.7, workers=2)),
    ("P2", HOLDS, lambda r: speeds(r, FORK, 1.9, 3.7)),
    ("P2", LIMITED, lambda r: speeds(r, FORK, 1.4, 3.0)),
    ("P2", FAILS, lambda r: speeds(r, FORK, 1.0, 1.0)),
    ("P3", LIMITED, lambda r: speeds(r, FORK, 1.0, 1.0)),
    ("P3", FAILS, lambda r: r.put("cpu-bound", "overlap", FORK, 0.1, 0.1, 0.1, workers=2)),
    ("P4", HOLDS, nothing_shared),
    ("P4", FAILS, lambda r: r.put("isolation", "write to a global seen", SPAWN, 1)),
    ("P5", HOLDS, lambda r: speeds(r, THREADS, 1.0, 1.0, corrected=True)),
    ("P5", LIMITED, lambda r: speeds(r, THREADS, 1.45, 1.45)),
    ("P5", FAILS, lambda r: speeds(r, THREADS, 1.9, 1.9)),
    ("P6", HOLDS, lambda r: r.put("stopping", "lock free after kill", FORK, 1, 1)),
    ("P6", LIMITED, lambda r: all_stopped(r, 0, states=("sleeping",))),
    ("P6", FAILS, lambda r: all_stopped(r, 0)),
    ("P7", LIMITED, lambda r: memory(r, {THREADS: 1000, FORK: 1100, SPAWN: 9000})),
    ("P7", FAILS, lambda r: memory(r, {THREADS: 9000, FORK: 1, FORKSERVER: 9000, SPAWN: 9000})),
    ("T1", LIMITED, lambda r: gain(r, 3.0)),
    ("T1", LIMITED, lambda r: gain(r, 7.5, beside=0.5)),
    ("T1", LIMITED, lambda r: gain(r, 7.5, files=1.0)),
    ("T1", FAILS, lambda r: gain(r, 1.0)),
    ("T2", HOLDS, lambda r: speeds(r, THREADS, 1.8, 1.8)),
    ("T2", LIMITED, lambda r: speeds(r, THREADS, 1.3, 1.3)),
    ("T3", HOLDS, lambda r: speeds(r, THREADS, 1.9, 1.9)),
    ("T3", FAILS, lambda r: r.put("cpu-bound", "overlap", THREADS, 0.2, 0.2, 0.2, workers=2)),
    ("T4", HOLDS, lambda r: r.put("ipc-cost", "plain object", THREADS, 9e6, 9e6)),
    ("T4", FAILS, lambda r: r.put("ipc-cost", "plain object", THREADS, 2e4, 2e4)),
    ("T5", HOLDS, lambda r: ticks(r, "cpu", THREADS, 0.0004, handed=True)),
    ("T5", FAILS, lambda r: ticks(r, "cpu", THREADS, 0.05, handed=True)),
    ("T6", LIMITED, lambda r: memory(r, {THREADS: 1000, FORK: 1000})),
    ("T6", LIMITED, lambda r: r.put("start-up", "until a task runs", FORK, 0.0001, 0.0001)),
    ("T6", FAILS, lambda r: (
        memory(r, {THREADS: 1000, FORK: 1000}),
        r.put("start-up", "until a task runs", FORK, 0.0001, 0.0001))),
    ("T7", HOLDS, lambda r: setattr(r, "tried", [
        fault(name, v, 4 if v is THREADS else 7) for name in "ab" for v in (THREADS, FORK)])),
    ("T7", FAILS, lambda r: r.put("race", "failures by chance", THREADS, 1500, 1600)),
    ("T8", HOLDS, lambda r: setattr(
        r, "tried", [*faults("ab", "cd", "e"), *leak(deadlocked=True)])),
    ("T8", LIMITED, lambda r: setattr(
        r, "tried", [*faults("ab", "cd", "e"), *leak(deadlocked=False)])),
    ("T8", LIMITED, lambda r: setattr(r, "tried", faults("ab", "cd", "e"))),
    ("T8", FAILS, lambda r: setattr(r, "tried", faults("ab", "c", "de"))),
    ("G1", HOLDS, lambda r: (
        speeds(r, THREADS, 1.0, 1.0, corrected=True),
        r.put("race", "updates lost with a call", THREADS, 0, 0))),
    ("G1", FAILS, lambda r: gain(r, 1.1)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("id_", "kind", "change"),
    TURNED,
    ids=[f"{n} {i} {kind}" for n, (i, kind, _) in enumerate(TURNED)],
)
def test_a_verdict_turns_with_its_measurement(
    id_: str, kind: ClaimVerdictKind, change: Change
) -> None:
    assert verdict(id_, changed(change)).verdict is kind


def test_every_claim_can_turn_out_in_every_way() -> None:
    machines = (USUAL, SINGLE_CPU, FREE_THREADED)
    kinds = {id_: {NOT_MEASURABLE, *(each[id_] for each in machines)} for id_ in RULES}
    for id_, kind, _ in TURNED:
        kinds[id_].add(kind)
    assert kinds == {id_: set(ClaimVerdictKind) for id_ in RULES}


@pytest.mark.parametrize("id_", list(RULES))
def test_nothing_measured_is_not_measurable(id_: str) -> None:
    found = verdict(id_, Recorded())
    assert found.verdict is NOT_MEASURABLE
    assert found.reason
    assert found.figures == ()


PROGRAM = {
    "P1": ("cpu-bound", FORK), "P2": ("cpu-bound", FORK), "P3": ("cpu-bound", FORK),
    "P4": ("isolation", THREADS), "P5": ("cpu-bound", FORK), "P6": ("stopping", FORK),
    "P7": ("memory-per-worker", THREADS), "T1": ("io-bound", THREADS), "T2": ("cpu-bound", THREADS),
    "T3": ("cpu-bound", THREADS), "T4": ("ipc-cost", THREADS), "T5": ("responsiveness", THREADS),
    "T6": ("start-up", THREADS), "G1": ("cpu-bound", THREADS),
}  # fmt: skip


@pytest.mark.parametrize("id_", PROGRAM)
def test_what_could_not_be_measured_says_why(id_: str) -> None:
    program, variant = PROGRAM[id_]
    record = usual().drop(program)
    record.missing.append(Missing(program=program, variant=variant, reason="it was over too late"))
    found = verdict(id_, record)
    assert found.verdict is NOT_MEASURABLE
    assert found.reason in ("it was over too late", f"{program} was not measured")


@pytest.mark.parametrize("id_", ["P1", "P2", "P5", "T2", "T3", "G1", "P3"])
def test_a_speed_up_is_not_judged_while_others_use_the_cpus(id_: str) -> None:
    def busy(record: Recorded) -> None:
        for variant in (THREADS, FORK):
            for workers in (2, 4):
                record.put(
                    "cpu-bound", "CPUs used by others", variant, 1.2, 1.6, 1.4, workers=workers
                )

    found = verdict(id_, changed(busy))
    assert found.verdict is NOT_MEASURABLE
    assert "other programs used 1.4 of 2 CPUs" in found.reason
    assert "the limit is 0.5" in found.reason


def test_the_samples_of_quiet_moments_count_alone() -> None:
    def half_busy(record: Recorded) -> None:
        record.put("cpu-bound", "speed-up", THREADS, 1.9, 0.98, 1.9, 0.97, workers=2)
        others = (1.5, 0.0, 1.5, 0.1)
        record.put("cpu-bound", "CPUs used by others", THREADS, *others, workers=2)

    found = verdict("T2", changed(half_busy))
    assert found.verdict is FAILS
    assert (found.figures[0].samples, found.figures[0].high) == (2, 0.98)


def test_samples_that_disagree_and_spread_are_too_noisy() -> None:
    found = verdict("T2", changed(
        lambda r: r.put("cpu-bound", "speed-up", THREADS, 0.9, 1.3, 1.9, workers=2)
    ))  # fmt: skip
    assert found.verdict is NOT_MEASURABLE
    assert "from 0.9 to 1.9" in found.reason
    assert "spread by 77% of their median; the limit is 50%" in found.reason


def test_samples_that_spread_and_agree_are_not() -> None:
    found = verdict("T2", changed(
        lambda r: r.put("cpu-bound", "speed-up", THREADS, 0.3, 0.6, 1.1, workers=2)
    ))  # fmt: skip
    assert found.verdict is FAILS


def test_a_loop_that_is_late_without_work_measures_nothing() -> None:
    found = verdict("T5", changed(lambda r: ticks(r, "none", THREADS, 0.01, handed=False)))
    assert found.verdict is NOT_MEASURABLE
    assert "10 ms late without any work; the limit is 4.17 ms" in found.reason


def test_isolation_needs_its_control() -> None:
    found = verdict(
        "P4", changed(lambda r: r.put("isolation", "write to a global seen", THREADS, 0))
    )
    assert found.verdict is NOT_MEASURABLE


def test_faults_that_only_one_side_can_have_compare_nothing() -> None:
    record = changed(lambda r: setattr(r, "tried", faults("", "ab", "c")))
    assert verdict("T7", record).verdict is NOT_MEASURABLE


@pytest.mark.parametrize("id_", ["T7", "T8"])
def test_a_part_of_the_library_is_not_judged(id_: str) -> None:
    def cut_short(record: Recorded) -> None:
        for name in ("x", "y"):
            lost = Missing(program=name, variant=FORK, reason="time was up", tags=("deadlock",))
            record.missing.append(lost)

    found = verdict(id_, changed(cut_short))
    assert found.verdict is NOT_MEASURABLE
    assert found.reason == "7 of 9 scenarios tagged deadlock were tried: time was up"


def test_shapes_of_threads_alone_compare_nothing() -> None:
    record = changed(lambda r: setattr(r, "tried", faults("", "ab", "")))
    assert verdict("T8", record).verdict is NOT_MEASURABLE


@pytest.mark.parametrize("id_", list(RULES))
def test_a_verdict_states_its_threshold_and_the_figures_that_decide(id_: str) -> None:
    found = verdict(id_, usual())
    assert "holds" in found.threshold
    assert found.claim.endswith(".")
    assert found.evidence == "measurements.json"
    decides = [figure.decides for figure in found.figures]
    assert decides[0]
    assert decides == sorted(decides, reverse=True)
    assert len({figure.name for figure in found.figures}) == len(found.figures)
    for figure in found.figures:
        assert figure.low <= figure.median <= figure.high
        assert figure.samples >= 1


def test_a_record_from_a_file_gives_the_same_verdicts() -> None:
    record = usual().close()
    again = msgspec.json.decode(msgspec.json.encode(record), type=Measurements)
    assert decide(again, RULES, "x") == decide(record, RULES, "x")


def test_every_claim_has_a_rule_and_a_plan() -> None:
    wanted = {*(f"P{n}" for n in range(1, 8)), *(f"T{n}" for n in range(1, 9)), "G1"}
    assert set(RULES) == set(NEEDS) == wanted
