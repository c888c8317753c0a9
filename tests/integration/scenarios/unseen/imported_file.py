"""An ordinary ``import`` of an ordinary file whose body waits for a thread that imports it."""

from __future__ import annotations

import os

from lab import Cause, Kit, OutcomeKind, Scenario, Truth, Wait, Workers


def faulty(kit: Kit) -> None:
    del kit
    os.environ["EAGER"] = "yes"
    import eager_module  # lab: imports

    eager_module.use()


def corrected(kit: Kit) -> None:
    del kit
    import eager_module

    eager_module.use()


def truth() -> Truth:
    return Truth(
        outcome=OutcomeKind.DEADLOCKED,
        cause=Cause.WAIT_CYCLE,
        waits=(
            Wait("main", None, holder="reader"),
            Wait("reader", None, holder="main", held_at="imports"),
        ),
    )


SCENARIO = Scenario(
    name="imported-file",
    title="A file imported twice at a time",
    plants="The module joins a thread that imports it.",
    why="It does so in its body.",
    cure="Do it later.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    variants=(Workers.THREADS,),
)
