"""The verdict: right is as expected, one wrong thing deviates, what is not known is never right."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.judge import conclude, judge, overall
from lab.model import Diagnosis, NoHolder, Outcome, VerdictKind
from lab.scenario import Cause, OutcomeKind
from tests.unit.records import (
    HOLDS,
    clean,
    deadlocked,
    diagnosis,
    edge,
    expectation,
)


def kind_of(seen: Diagnosis | None, outcome: Outcome | None = None, reaped=None) -> VerdictKind:
    return judge(expectation(), outcome or deadlocked(), seen, reaped or clean()).kind


def test_a_right_diagnosis_is_as_expected():
    verdict = judge(expectation(), deadlocked(), diagnosis(), clean())
    assert verdict.kind is VerdictKind.AS_EXPECTED
    assert [check.name for check in verdict.checks] == [
        "outcome",
        "cause",
        "worker-1 waits at",
        "worker-1 waits for",
        "worker-2 holds it since",
        "worker-2 waits at",
        "worker-2 waits for",
        "worker-1 holds it since",
        "left behind",
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        diagnosis(cause=Cause.SELF_DEADLOCK),
        diagnosis(edges=(edge("7/8", "7/8", "b"), edge("7/9", "7/8", "a"))),
        diagnosis(edges=(edge("7/8", "7/9", "b", at=HOLDS), edge("7/9", "7/8", "a"))),
        diagnosis(
            edges=(
                edge("7/8", None, "b", no_holder=NoHolder.LEAKED, held_at=None),
                edge("7/9", "7/8", "a"),
            )
        ),
    ],
)
def test_one_wrong_name_or_line_deviates(wrong):
    assert kind_of(wrong) is VerdictKind.DEVIATED


@pytest.mark.parametrize(
    "unknown",
    [
        None,
        diagnosis(cause=Cause.UNKNOWN, edges=(), cycles=()),
        diagnosis(edges=(edge("7/8", None, "b", held_at=None), edge("7/9", "7/8", "a"))),
        diagnosis(edges=(edge("7/9", "7/8", "a"),)),
    ],
)
def test_what_is_not_known_is_inconclusive(unknown):
    assert kind_of(unknown) is VerdictKind.INCONCLUSIVE


def test_another_outcome_deviates():
    timed_out = Outcome(kind=OutcomeKind.TIMED_OUT, elapsed_s=9)
    assert kind_of(diagnosis(), timed_out) is VerdictKind.DEVIATED


def test_a_target_that_never_was_ready_is_inconclusive():
    never = Outcome(kind=OutcomeKind.NEVER_READY, elapsed_s=9)
    assert kind_of(None, never) is VerdictKind.INCONCLUSIVE


def test_a_survivor_deviates():
    left = msgspec.structs.replace(clean(), survivors=(4711,))
    verdict = judge(expectation(), deadlocked(), diagnosis(), left)
    assert verdict.kind is VerdictKind.DEVIATED
    assert "process 4711" in [check.seen for check in verdict.checks]


@given(st.lists(st.sampled_from([True, False, None])))
def test_conclude(results):
    kind = conclude(results)
    if False in results:
        assert kind is VerdictKind.DEVIATED
    else:
        assert (kind is VerdictKind.AS_EXPECTED) == (bool(results) and None not in results)


def test_a_run_without_trials_is_inconclusive():
    assert overall([]) is VerdictKind.INCONCLUSIVE
