"""A pair of fields seen half-updated: money is missing while it is on its way.

A transfer takes from one account and gives to the other. Between the two lines the sum is wrong,
and a reader who comes by then adds up what never was there at one time.
"""

from __future__ import annotations

import threading
from typing import Any

from lab import Kit, Observed, OutcomeKind, Parameter, Scenario, Truth

TOTAL = 100


def minus(balance: int, amount: int) -> int:
    """Compute what is left."""
    return balance - amount


def transfer(pair: Any, amount: int, guard: Any) -> None:
    """Take here, give there."""
    del guard
    pair[0] = minus(pair[0], amount)
    pair[1] = minus(pair[1], -amount)


def transfer_whole(pair: Any, amount: int, guard: Any) -> None:
    """Take and give while nobody looks."""
    with guard:
        pair[0] = minus(pair[0], amount)
        pair[1] = minus(pair[1], -amount)


def add_up(pair: Any, guard: Any) -> int:
    """Add both up."""
    del guard
    return int(pair[0] + pair[1])


def add_up_whole(pair: Any, guard: Any) -> int:
    """Add both up while nobody transfers."""
    with guard:
        return int(pair[0] + pair[1])


def move(start: Any, way: Any, pair: Any, guard: Any, tries: int) -> None:
    """Transfer to and fro."""
    start.wait()
    for number in range(tries):
        way(pair, 1 if number % 2 else -1, guard)


def audit(start: Any, way: Any, pair: Any, guard: Any, wrong: Any) -> None:
    """Add up again and again, and note what is not the total."""
    start.wait()
    for number in range(len(wrong)):
        wrong[number] = way(pair, guard) != TOTAL


def faulty(kit: Kit, tries: int) -> None:
    """Look at any time."""
    compete(kit, transfer, add_up, tries)


def corrected(kit: Kit, tries: int) -> None:
    """Look between transfers."""
    compete(kit, transfer_whole, add_up_whole, tries)


def compete(kit: Kit, way: Any, look: Any, tries: int) -> None:
    """Let one transfer and one add up, and count the wrong sums."""
    pair, wrong = kit.numbers(2), kit.numbers(tries)
    guard, start = kit.lock(), kit.barrier(2)
    pair[0] = TOTAL
    mover = kit.worker(move, start, way, pair, guard, tries, name="mover")
    auditor = kit.worker(audit, start, look, pair, guard, wrong, name="auditor")
    mover.start()
    auditor.start()
    mover.join()
    auditor.join()
    kit.observe("tries", tries)
    kit.observe("violations", sum(wrong))


def hunted() -> None:
    """One transfer, and one look."""
    one_transfer(transfer, add_up)


def hunted_corrected() -> None:
    """One transfer, and one look before or after it."""
    one_transfer(transfer_whole, add_up_whole)


def one_transfer(way: Any, look: Any) -> None:
    """Add up while a thread transfers."""
    pair, guard = [TOTAL, 0], threading.Lock()
    mover = threading.Thread(target=way, args=(pair, 30, guard))
    mover.start()
    total = look(pair, guard)
    mover.join()
    assert total == TOTAL


def truth(tries: int) -> Truth:
    """It ends as if nothing had happened; how many sums are wrong is left to chance."""
    observed = Observed("tries", tries, tries), Observed("violations", minimum=0, maximum=tries)
    return Truth(OutcomeKind.EXITED, observed=observed)


def healthy(tries: int) -> Truth:
    """Every sum is right."""
    observed = Observed("tries", tries, tries), Observed("violations", 0, 0)
    return Truth(OutcomeKind.EXITED, observed=observed)


SCENARIO = Scenario(
    name="torn-pair",
    title="A pair of fields seen half-updated",
    plants="A reader adds up two accounts while money is on its way between them.",
    why=(
        "What belongs together is in two places, and there is no moment at which both change. The "
        "writer is alone and loses nothing, so it looks as if no lock were needed; it is the "
        "reader who needs one too. With threads and with processes on shared memory alike."
    ),
    cure="Change and read what belongs together under one lock, or swap in one whole new object.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    healthy=healthy,
    parameters=(Parameter("tries", 50000, "sums to add up", minimum=1, maximum=200000),),
    tags=("race", "memory"),
    claims=("T4", "T7", "P4", "G1"),
    hunted=hunted,
    hunted_corrected=hunted_corrected,
)
