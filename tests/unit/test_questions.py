"""The seven questions: what is answered rightly, partly, wrongly, and not at all."""

from lab.model import AnswerKind, Outcome, StopExperiment
from lab.questions import QUESTIONS, answer_questions
from lab.scenario import OutcomeKind
from tests.unit.records import diagnosis, edge, expectation, trial


def experiment(**changes):
    fields = {
        "victim": "worker-1",
        "tid": 8,
        "whole_process_died": False,
        "stopped_s": 0.002,
        "others": 1,
        "others_finished": 0,
        "afterwards": "deadlocked",
    }
    return StopExperiment(**fields | changes)


def kinds(one, siblings=None):
    answers = answer_questions(one, expectation(), siblings or [one]).answers
    return [answer.kind for answer in answers]


def test_all_seven_are_asked_in_order():
    answers = answer_questions(trial(), expectation(), [trial()]).answers
    assert tuple(answer.question for answer in answers) == QUESTIONS
    assert [answer.number for answer in answers] == list(range(1, 8))


def test_a_right_diagnosis_answers_the_first_five():
    assert kinds(trial())[:5] == [AnswerKind.RIGHT] * 5


def test_without_a_diagnosis_nothing_is_answered():
    one = trial(diagnosis=None)
    assert kinds(one)[:6] == [AnswerKind.UNKNOWN] * 6
    assert answer_questions(one, expectation(), [one]).score == 1


def test_a_wrong_holder_is_wrong_and_an_unknown_one_is_partly():
    wrong = trial(diagnosis=diagnosis(edges=(edge("7/8", "7/8", "b"), edge("7/9", "7/8", "a"))))
    assert kinds(wrong)[3] is AnswerKind.WRONG
    unknown = trial(
        diagnosis=diagnosis(edges=(edge("7/8", None, "b", held_at=None), edge("7/9", "7/8", "a")))
    )
    assert kinds(unknown)[3] is AnswerKind.PARTLY


def test_stopping_one_thread_that_ends_all_is_answered_with_no():
    one = trial(experiment=experiment(whole_process_died=True, afterwards="exited"))
    answer = answer_questions(one, expectation(), [one]).answers[5]
    assert answer.kind is AnswerKind.RIGHT
    assert answer.answer.startswith("No: worker-1 was killed, the kernel ended the whole process")


def test_stopping_one_process_whose_lock_is_lost():
    one = trial(experiment=experiment())
    text = answer_questions(one, expectation(), [one]).answers[5].answer
    assert "Only the stopping" in text
    assert "0 of 1 other worker(s) finished" in text


def test_a_fault_that_does_not_always_show_is_partly_repeatable():
    healthy = trial(outcome=Outcome(kind=OutcomeKind.EXITED, elapsed_s=1))
    answer = answer_questions(trial(), expectation(), [trial(), healthy]).answers[6]
    assert answer.kind is AnswerKind.PARTLY
    assert answer.answer.startswith("1 of 2 runs")


def test_stopping_one_who_was_stuck_alone():
    def answer(**changes):
        one = trial(experiment=experiment(others=0, **changes))
        return answer_questions(one, expectation(), [one]).answers[5].answer

    assert "no other was stuck; then: exited" in answer(afterwards="exited")
    assert answer(victim="main").endswith("and that was the program itself.")
    assert answer(whole_process_died=True).endswith("all else in it died, too.")
