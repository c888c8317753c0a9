"""A daemon thread that waits for the main thread's end before it answers the main thread."""

from __future__ import annotations

import queue
import threading

from lab import Cause, Kit, OutcomeKind, Scenario, Truth, Wait, Workers


def answer_at_the_end(answers: queue.SimpleQueue[int], main: threading.Thread) -> None:
    main.join()  # lab: joins
    answers.put(1)


def run(*, joins: bool) -> None:
    answers: queue.SimpleQueue[int] = queue.SimpleQueue()
    if not joins:
        answers.put(1)
    main = threading.current_thread()
    threading.Thread(
        target=answer_at_the_end, args=(answers, main), name="daemon", daemon=True
    ).start()
    answers.get()  # lab: gets


def faulty(kit: Kit) -> None:
    del kit
    run(joins=True)


def corrected(kit: Kit) -> None:
    del kit
    run(joins=False)


def truth() -> Truth:
    return Truth(
        outcome=OutcomeKind.DEADLOCKED,
        cause=Cause.WAIT_CYCLE,
        apparent=Cause.UNSATISFIED_WAIT,
        waits=(
            Wait("main", "gets", holder="daemon", hidden="a queue does not know who will put"),
            Wait("daemon", "joins", holder="main"),
        ),
    )


SCENARIO = Scenario(
    name="daemon-joins-main",
    title="A daemon that joins the main thread",
    plants="Each waits for the other.",
    why="The answer comes after the join.",
    cure="Answer first.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    variants=(Workers.THREADS,),
)
