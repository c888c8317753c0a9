"""A program of a user's own, with named points, that is correct until something hits it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import lab
from lab import Kit, OutcomeKind, Parameter, Scenario, Truth


def work(items: Any, lock: Any, hold: Any) -> None:
    with Path(os.devnull).open("rb"):
        for number in range(4):
            with lock:
                lab.point("put")
            items.put(number)
    hold.wait()


def program(kit: Kit, linger: float) -> None:
    items, lock, hold = kit.queue(), kit.lock(), kit.event()
    crew = [kit.worker(work, items, lock, hold, name=f"worker-{i}") for i in (1, 2)]
    for worker in crew:
        worker.start()
    hold.wait(linger)
    for _ in range(8):
        items.get()
    hold.set()
    for worker in crew:
        worker.join()


def truth(linger: float) -> Truth:
    return Truth(OutcomeKind.EXITED)


SCENARIO = Scenario(
    name="service",
    title="Two producers",
    plants="Nothing.",
    why="It is correct.",
    cure="None.",
    faulty=program,
    corrected=program,
    truth=truth,
    parameters=(Parameter("linger", 0.0, "seconds in which the workers wait"),),
)
