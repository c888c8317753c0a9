"""A lost update: two read, both add, and the second to write wipes out the first.

Reading a value, computing with it and writing it back are three steps, and another worker may do
all three of its own between any two of them. Every slot here is an account into which two tellers
pay 1 each: at the end it must hold 2.
"""

from __future__ import annotations

import threading
from typing import Any

from lab import Kit, Observed, OutcomeKind, Parameter, Scenario, Truth


def plus_one(amount: int) -> int:
    """Compute the new balance."""
    return amount + 1


def pay_in(accounts: Any, number: int, guard: Any) -> None:
    """Read, compute, write."""
    del guard
    balance = accounts[number]
    accounts[number] = plus_one(balance)


def pay_in_alone(accounts: Any, number: int, guard: Any) -> None:
    """Let nobody between the reading and the writing."""
    with guard:
        balance = accounts[number]
        accounts[number] = plus_one(balance)


def teller(start: Any, way: Any, accounts: Any, guard: Any) -> None:
    """Pay into one account after the other."""
    start.wait()
    for number in range(len(accounts)):
        way(accounts, number, guard)


def faulty(kit: Kit, tries: int) -> None:
    """Let two tellers pay in as they like."""
    compete(kit, pay_in, tries)


def corrected(kit: Kit, tries: int) -> None:
    """Let them pay in one at a time."""
    compete(kit, pay_in_alone, tries)


def compete(kit: Kit, way: Any, tries: int) -> None:
    """Start both together and count the accounts that are short."""
    accounts, start = kit.numbers(tries), kit.barrier(2)
    shared = start, way, accounts, kit.lock()
    tellers = [kit.worker(teller, *shared, name=f"teller-{n}") for n in (1, 2)]
    for each in tellers:
        each.start()
    for each in tellers:
        each.join()
    kit.observe("tries", tries)
    kit.observe("violations", sum(balance != 2 for balance in accounts))


def hunted() -> None:
    """Two tellers, one account."""
    one_account(pay_in)


def hunted_corrected() -> None:
    """The same, one at a time."""
    one_account(pay_in_alone)


def one_account(way: Any) -> None:
    """Let two threads pay into one account."""
    accounts, guard = [0], threading.Lock()
    tellers = [threading.Thread(target=way, args=(accounts, 0, guard)) for _ in range(2)]
    for each in tellers:
        each.start()
    for each in tellers:
        each.join()
    assert accounts[0] == 2


def truth(tries: int) -> Truth:
    """It ends as if nothing had happened; how many payments are missing is left to chance."""
    observed = Observed("tries", tries, tries), Observed("violations", minimum=0, maximum=tries)
    return Truth(OutcomeKind.EXITED, observed=observed)


def healthy(tries: int) -> Truth:
    """No payment is missing."""
    observed = Observed("tries", tries, tries), Observed("violations", 0, 0)
    return Truth(OutcomeKind.EXITED, observed=observed)


SCENARIO = Scenario(
    name="lost-update",
    title="An update that is lost",
    plants="Two workers read the same value, and the second to write wipes out the first.",
    why=(
        "A statement is no unit: it reads, computes and writes, and only the single steps are "
        "whole. With the GIL a thread can be stopped where the computing calls a function, and "
        "rarely is; without it, and between processes on shared memory, anywhere. Nothing fails, "
        "nothing hangs, and no dump taken afterwards shows who it was."
    ),
    cure="Hold one lock from before the reading until after the writing.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    healthy=healthy,
    parameters=(
        Parameter("tries", 50000, "accounts that both pay into", minimum=1, maximum=200000),
    ),
    tags=("race", "memory"),
    claims=("T4", "T7", "P4", "G1"),
    hunted=hunted,
    hunted_corrected=hunted_corrected,
)
