"""A ground truth may say that nobody holds a thing, or that no tool outside can know who does."""

import pytest

from lab import NoHolder
from lab.judge import judge
from lab.model import AnswerKind, Expectation, ExpectedWait, VerdictKind
from lab.questions import answer_questions
from lab.scenario import Cause, OutcomeKind
from tests.unit.records import HOLDS, WANTS, clean, deadlocked, diagnosis, edge, trial

AS_EXPECTED, DEVIATED = VerdictKind.AS_EXPECTED, VerdictKind.DEVIATED
UNKNOWN = edge("7/8", None, "b", held_at=None)
NAMED = edge("7/8", "7/9", "b", held_at=None)
OTHER = edge("7/8", "7/8", "b", held_at=None)
LEAKED = edge("7/8", None, "b", held_at=None, no_holder=NoHolder.LEAKED)
FORKED = edge("7/8", None, "b", held_at=None, no_holder=NoHolder.INHERITED_BY_FORK)

NOBODY = ExpectedWait(waiter="worker-1", at=WANTS)
COPIED = ExpectedWait(waiter="worker-1", at=WANTS, no_holder=NoHolder.INHERITED_BY_FORK)
HIDDEN = ExpectedWait(
    waiter="worker-1", at=WANTS, holder="worker-2", held_at=HOLDS, hidden="it is only counted"
)


def expecting(wait: ExpectedWait, **changes) -> Expectation:
    fields = {
        "outcome": OutcomeKind.DEADLOCKED,
        "cause": Cause.WAIT_CYCLE,
        "apparent": Cause.UNSATISFIED_WAIT,
        "waits": (wait,),
    }
    return Expectation(**fields | changes)


def verdict(wait: ExpectedWait, seen, cause=Cause.UNSATISFIED_WAIT, **changes) -> VerdictKind:
    one = diagnosis(cause=cause, edges=(seen,), cycles=())
    return judge(expecting(wait, **changes), deadlocked(), one, clean()).kind


@pytest.mark.parametrize(
    ("wait", "seen", "wanted"),
    [
        (NOBODY, UNKNOWN, AS_EXPECTED),
        (NOBODY, NAMED, DEVIATED),
        (COPIED, FORKED, AS_EXPECTED),
        (COPIED, LEAKED, DEVIATED),
        (COPIED, NAMED, DEVIATED),
        (COPIED, UNKNOWN, VerdictKind.INCONCLUSIVE),
        (HIDDEN, UNKNOWN, AS_EXPECTED),
        (HIDDEN, OTHER, DEVIATED),
    ],
)
def test_a_name_is_right_only_where_there_is_one(wait, seen, wanted):
    assert verdict(wait, seen) is wanted


def test_naming_what_was_thought_hidden_is_right_too():
    assert verdict(HIDDEN, edge("7/8", "7/9", "b"), Cause.WAIT_CYCLE) is AS_EXPECTED


def test_what_is_apparent_of_the_cause_is_right_and_nothing_else():
    assert verdict(HIDDEN, UNKNOWN, Cause.WAIT_CYCLE) is AS_EXPECTED
    assert verdict(HIDDEN, UNKNOWN, Cause.ABANDONED_LOCK) is DEVIATED
    assert verdict(HIDDEN, UNKNOWN, Cause.UNKNOWN) is VerdictKind.INCONCLUSIVE
    assert verdict(HIDDEN, UNKNOWN, Cause.UNKNOWN, apparent=Cause.UNKNOWN) is AS_EXPECTED


def test_a_wait_inside_the_library_is_asked_for_no_line():
    inside = ExpectedWait(waiter="worker-1", at=None)
    assert verdict(inside, edge("7/8", None, "b", at=HOLDS, held_at=None)) is AS_EXPECTED


@pytest.mark.parametrize(
    ("wait", "seen", "kind", "words"),
    [
        (NOBODY, UNKNOWN, AnswerKind.RIGHT, "nobody is named"),
        (NOBODY, NAMED, AnswerKind.WRONG, "worker-2"),
        (HIDDEN, UNKNOWN, AnswerKind.UNKNOWN, "cannot be known from outside: it is only counted"),
        (HIDDEN, NAMED, AnswerKind.RIGHT, "worker-2"),
    ],
)
def test_who_holds_it_is_graded_honestly(wait, seen, kind, words):
    one = trial(diagnosis=diagnosis(edges=(seen,), cycles=()))
    answer = answer_questions(one, expecting(wait), [one]).answers[3]
    assert answer.kind is kind
    assert words in answer.answer
