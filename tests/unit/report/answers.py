"""The seven questions answered, as the runner words them, for the report's tests."""

from __future__ import annotations

from lab.model import Answer, AnswerKind, Debuggability
from lab.scenario import Variant

QUESTIONS = (
    "Who is stuck?",
    "Where?",
    "On what?",
    "Who holds it?",
    "How did it get there?",
    "Can I stop just that one, and do the others go on?",
    "Can I make it happen again?",
)


def debuggability(variant: Variant, wants: int, holds: int) -> Debuggability:
    processes = variant.start_method is not None
    texts = (
        "worker-1, worker-2",
        f"deadlock.py:{wants}",
        "worker-1: Lock theirs; worker-2: Lock theirs",
        "worker-1 waits for worker-2 (same-object); worker-2 waits for worker-1 (same-object)",
        f"worker-2 took it at deadlock.py:{holds}, then worker-1 asked for it at "
        f"deadlock.py:{wants}",
        "Only the stopping: worker-1 was killed (gone after 4 ms); 0 of 1 other worker(s) "
        "finished; then: deadlocked."
        if processes
        else "No: worker-1 was killed, the kernel ended the whole process, the 1 other "
        "worker(s) died with it.",
        "1 of 1 runs showed it, undisturbed and unprovoked",
    )
    kinds = [AnswerKind.RIGHT] * 7
    if processes:
        kinds[4] = AnswerKind.PARTLY
    return Debuggability(
        answers=tuple(
            Answer(number=number, question=question, kind=kind, answer=text)
            for number, (question, kind, text) in enumerate(
                zip(QUESTIONS, kinds, texts, strict=True), start=1
            )
        ),
        dumps=2,
        seconds=0.060,
        paused_s=0.0,
        evidence_bytes=36_422,
    )
