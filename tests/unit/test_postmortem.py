"""The seven questions asked of a program that ended: what its status and its words can tell."""

from __future__ import annotations

import pytest

from lab.model import AnswerKind, Observation, Outcome, PlantedFault, Verdict, VerdictKind
from lab.postmortem import Complaint, answer_of_end, complaints, is_over
from lab.questions import QUESTIONS
from lab.scenario import Cause, OutcomeKind
from tests.unit import records

APP = "/src/app.py"
IN_A_THREAD = """\
Exception in thread worker-1:
Traceback (most recent call last):
  File "/usr/lib/python3/threading.py", line 1041, in _bootstrap_inner
    self.run()
  File "/src/app.py", line 20, in load
    data = bytearray(size)
  File "/usr/lib/python3/other.py", line 3, in deep
MemoryError
"""
IN_A_PROCESS = """\
words before
Process worker-2:
Traceback (most recent call last):
  File "/src/app.py", line 8, in work
    raise ValueError("no\\nway")
ValueError: no
"""
CHAINED = """\
Exception in thread worker-3:
OSError: [Errno 28] No space left on device

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/src/app.py", line 19, in save
    with Path(path).open("w") as file:
OSError: [Errno 28] No space left on device
"""
OF_MAIN = """\
Traceback (most recent call last):
  File "/src/app.py", line 30, in faulty
    results.get()
EOFError
"""


def ended(*planted: str, code: int = 0, worker: str = "worker-1", **changes: object):
    kind = OutcomeKind.EXITED if code >= 0 else OutcomeKind.CRASHED
    faults = tuple(PlantedFault(fault=text, worker=worker, pid=9, at_s=0.1) for text in planted)
    return records.trial(
        outcome=Outcome(kind=kind, elapsed_s=0.2, exit_code=code),
        diagnosis=None,
        faults=faults,
        verdict=Verdict(kind=VerdictKind.AS_EXPECTED),
        **changes,
    )


def expecting(code: int = 0):
    kind = OutcomeKind.EXITED if code >= 0 else OutcomeKind.CRASHED
    return records.Expectation(outcome=kind, cause=Cause.NONE, exit_code=code)


def answered(trial, stderr: str = "", code: int = 0):
    given = answer_of_end(trial, expecting(code), [trial], stderr, APP)
    assert tuple(each.question for each in given.answers) == QUESTIONS
    return given.answers


@pytest.mark.parametrize(
    ("stderr", "expected"),
    [
        (IN_A_THREAD, [Complaint("worker-1", "app.py:20", "MemoryError")]),
        (IN_A_PROCESS, [Complaint("worker-2", "app.py:8", "ValueError: no")]),
        (
            CHAINED,
            [Complaint("worker-3", "app.py:19", "OSError: [Errno 28] No space left on device")],
        ),
        (OF_MAIN, [Complaint("main", "app.py:30", "EOFError")]),
        ("only words\n  and indented ones\n", []),
        ("", []),
        ("Exception in thread cut off by the end:\n", []),
    ],
)
def test_tracebacks_name_worker_line_and_error(stderr, expected):
    assert list(complaints(stderr, APP)) == expected


def test_each_traceback_is_its_own():
    found = list(complaints(IN_A_THREAD + CHAINED + IN_A_PROCESS + OF_MAIN, APP))
    assert [each.worker for each in found] == ["worker-1", "worker-3", "worker-2", "main"]
    assert [each.line for each in found] == ["app.py:20", "app.py:19", "app.py:8", "app.py:30"]


def test_a_worker_that_complained_answers_the_first_three():
    kinds = [each.kind for each in answered(ended("memory=1MiB:worker-1@start"), IN_A_THREAD)]
    assert kinds[:3] == [AnswerKind.RIGHT] * 3
    assert kinds[3:5] == [AnswerKind.UNKNOWN, AnswerKind.PARTLY]
    assert kinds[5:] == [AnswerKind.RIGHT] * 2


def test_a_killed_process_leaves_nothing_that_names_it():
    answers = answered(ended("kill:worker-1@put", observed=(Observation(name="lost", value=10),)))
    assert [each.kind for each in answers[:5]] == [AnswerKind.UNKNOWN] * 5
    assert answers[5].kind is AnswerKind.RIGHT
    assert answers[5].answer.endswith("the program went on to its end. What it counted: lost: 10.")


def test_who_mourns_is_not_who_died():
    answers = answered(ended("kill:worker-1@put", code=1), OF_MAIN)
    assert (answers[0].kind, answers[0].answer) == (AnswerKind.WRONG, "main")
    assert answers[1].kind is AnswerKind.UNKNOWN


@pytest.mark.parametrize(("fault", "code", "status"), [
    ("segv:worker-1@put", -11, "signal SIGSEGV"),
    ("exit=3:worker-1@put", 3, "exit status 3"),
])  # fmt: skip
def test_a_program_that_ends_as_a_whole_tells_how_and_not_through_whom(fault, code, status):
    answers = answered(ended(fault, code=code))
    assert answers[0].kind is AnswerKind.PARTLY
    assert (answers[2].kind, answers[2].answer) == (AnswerKind.RIGHT, f"Of {status}.")
    assert answers[5].answer == f"No: the whole program ended with it, by {status}."


def test_main_by_itself_is_the_program():
    answers = answered(ended("abort:main@put", code=-6, worker="main"))
    assert answers[0].kind is AnswerKind.RIGHT


def test_an_end_that_the_ground_truth_names_needs_no_planted_fault():
    assert answered(ended(code=-11), code=-11)[2].kind is AnswerKind.RIGHT
    other = answered(ended(code=-6), code=-11)[2]
    assert (other.kind, other.answer) == (
        AnswerKind.PARTLY, "Of signal SIGABRT; the ground truth does not speak of that."
    )  # fmt: skip


@pytest.mark.parametrize(("fault", "stderr", "kind"), [
    ("raise=ValueError:worker-2@put", IN_A_PROCESS, AnswerKind.RIGHT),
    ("raise=KeyError:worker-2@put", IN_A_PROCESS, AnswerKind.PARTLY),
    ("files=8:worker-2@put", IN_A_PROCESS, AnswerKind.PARTLY),
])  # fmt: skip
def test_an_exception_is_held_against_what_was_planted(fault, stderr, kind):
    assert answered(ended(fault, worker="worker-2"), stderr)[2].kind is kind


def test_repeats_say_how_often_it_shows():
    one = ended("kill:worker-1@put")
    other = records.trial(verdict=None)
    again = answer_of_end(one, expecting(), [one, other], "", APP).answers[6]
    assert (again.kind, again.answer) == (
        AnswerKind.PARTLY, "1 of 2 runs showed it, with its faults planted."
    )  # fmt: skip


def test_who_is_asked():
    one = ended("kill:worker-1@put")
    assert is_over(one, expecting(), ())
    assert is_over(ended(), expecting(), ("broken",))
    assert not is_over(ended(), expecting(), ("cost",))
    assert not is_over(ended("kill:worker-1@put", corrected=True), expecting(), ("killed",))
    hung = records.expectation()
    assert not is_over(one, hung, ("killed",))
