"""Check, then act: the seat was free when one looked, and is sold by the time one takes it.

Whether a seat is free is a fact about the past as soon as it has been read. Two clerks sell the
same seats; each looks first, and sells only what is free.
"""

from __future__ import annotations

import threading
from typing import Any

from lab import Kit, Observed, OutcomeKind, Parameter, Scenario, Truth

FREE, SOLD = 0, 1


def is_free(seats: Any, number: int) -> bool:
    """Say whether nobody has that seat."""
    return bool(seats[number] == FREE)


def sell(seats: Any, number: int, sales: Any, guard: Any) -> None:
    """Look, and then sell."""
    del guard
    if is_free(seats, number):
        seats[number] = SOLD
        sales[number] = 1


def sell_alone(seats: Any, number: int, sales: Any, guard: Any) -> None:
    """Look and sell while nobody else does either."""
    with guard:
        if is_free(seats, number):
            seats[number] = SOLD
            sales[number] = 1


def clerk(start: Any, way: Any, seats: Any, sales: Any, guard: Any) -> None:
    """Sell one seat after the other, and note one's own sales."""
    start.wait()
    for number in range(len(seats)):
        way(seats, number, sales, guard)


def faulty(kit: Kit, tries: int) -> None:
    """Let two clerks sell the same seats."""
    compete(kit, sell, tries)


def corrected(kit: Kit, tries: int) -> None:
    """Let them look and sell in one step."""
    compete(kit, sell_alone, tries)


def compete(kit: Kit, way: Any, tries: int) -> None:
    """Start both together and count the seats that were sold twice."""
    seats, guard, start = kit.numbers(tries), kit.lock(), kit.barrier(2)
    books = [kit.numbers(tries) for _ in range(2)]
    clerks = [
        kit.worker(clerk, start, way, seats, book, guard, name=f"clerk-{n}")
        for n, book in enumerate(books, start=1)
    ]
    for each in clerks:
        each.start()
    for each in clerks:
        each.join()
    kit.observe("tries", tries)
    kit.observe("violations", sum(a + b != 1 for a, b in zip(*books, strict=True)))


def hunted() -> None:
    """Two clerks, one seat."""
    one_seat(sell)


def hunted_corrected() -> None:
    """The same, looking and selling in one step."""
    one_seat(sell_alone)


def one_seat(way: Any) -> None:
    """Let two threads sell one seat."""
    seats, books, guard = [FREE], ([0], [0]), threading.Lock()
    clerks = [threading.Thread(target=way, args=(seats, 0, book, guard)) for book in books]
    for each in clerks:
        each.start()
    for each in clerks:
        each.join()
    assert books[0][0] + books[1][0] == 1


def truth(tries: int) -> Truth:
    """It ends as if nothing had happened; how many seats are sold twice is left to chance."""
    observed = Observed("tries", tries, tries), Observed("violations", minimum=0, maximum=tries)
    return Truth(OutcomeKind.EXITED, observed=observed)


def healthy(tries: int) -> Truth:
    """Every seat is sold once."""
    observed = Observed("tries", tries, tries), Observed("violations", 0, 0)
    return Truth(OutcomeKind.EXITED, observed=observed)


SCENARIO = Scenario(
    name="check-then-act",
    title="Check, then act",
    plants="Both workers find the seat free before either has taken it.",
    why=(
        "A check says how things were. Acting on it is right only if nobody can change them in "
        "between, and nothing in the program says so. It shows at once with many customers, and "
        "never with one: with threads and with processes alike."
    ),
    cure="Check and act under one lock, or use one operation that does both and says who won.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    healthy=healthy,
    parameters=(Parameter("tries", 50000, "seats that both sell", minimum=1, maximum=200000),),
    tags=("race", "memory"),
    claims=("T4", "T7", "P4", "G1"),
    hunted=hunted,
    hunted_corrected=hunted_corrected,
)
