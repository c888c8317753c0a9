"""A run of a race for the report's tests, without running or hunting anything."""

from __future__ import annotations

from pathlib import Path

import msgspec

from lab.model import Expectation, Hunted, Observation, Outcome, RunRecord, Trial, VerdictKind
from lab.racing import answer_of_race
from lab.scenario import Cause, Observed, OutcomeKind, Variant
from lab.store import HUNT, REPORT, RESULT, load
from tests.unit.report import runs

FOUND = Hunted(
    test="/project/scenarios/lost_update.py:hunted",
    found=True,
    verdict=VerdictKind.AS_EXPECTED,
    message="AssertionError at assert accounts[0] == 2",
    models={"free-threaded": "found", "gil": "found"},
    executions=4,
    switches=1,
    schedule="lab1.eNpr",
    replays=20,
    replayed=20,
    tries=20,
    confirmed=19,
    story=(
        "Thread-1 (pay_in) at lost_update.py:24 reads accounts[number] → 0",
        "switch: Thread-1 (pay_in) preempted; Thread-2 (pay_in) at lost_update.py:24 reads "
        "accounts[number] → 0",
        "Thread-2 (pay_in) at lost_update.py:25 writes accounts[number] = 1",
        "Thread-1 (pay_in) at lost_update.py:25 writes accounts[number] = 1",
    ),
    explored="4 executions, at least 4 different schedules",
    seconds=0.1,
)


def raced(variant: Variant, violations: int, tries: int = 1000) -> Trial:
    """Return a trial of a race that ended as if nothing had happened."""
    return msgspec.structs.replace(
        runs.deadlocked(variant),
        outcome=Outcome(kind=OutcomeKind.EXITED, elapsed_s=0.1, exit_code=0),
        diagnosis=None,
        experiment=None,
        debuggability=None,
        captures=(),
        observed=(
            Observation(name="tries", value=tries),
            Observation(name="violations", value=violations),
        ),
    )


def race_run(root: Path, hunted: Hunted = FOUND) -> RunRecord:
    """Return the run of a race with threads beside fork, its test hunted."""
    trials = [raced(runs.THREADS, 0), raced(runs.FORK, 12)]
    trials = [
        msgspec.structs.replace(each, debuggability=answer_of_race(each, [each], hunted))
        for each in trials
    ]
    wanted = Expectation(
        outcome=OutcomeKind.EXITED, cause=Cause.NONE, observed=(Observed("violations", 0, 1000),)
    )
    head = runs.header(expectations={v.slug: wanted for v in (runs.THREADS, runs.FORK)})
    record = runs.write(root, trials, head)
    assert record.result is not None
    folder = Path(record.directory)
    result = msgspec.structs.replace(record.result, hunted=hunted)
    (folder / RESULT).write_bytes(msgspec.json.encode(result))
    (folder / HUNT).mkdir()
    (folder / HUNT / REPORT).write_text("the interleaving")
    return load(folder)
