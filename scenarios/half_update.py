"""A process that is killed in the middle of an update of shared memory.

An amount is moved from one account to another, which takes two writes. Shared memory outlives the
process that wrote to it, in whatever state it was left.
"""

from __future__ import annotations

from multiprocessing.sharedctypes import RawArray, RawValue
from typing import Any

import lab
from lab import Kit, Observed, OutcomeKind, Parameter, Scenario, Truth, Workers

START = 100


def move(accounts: Any, amount: int) -> None:
    """Take from one account and give to the other, in place."""
    accounts[0] -= amount
    lab.point("between")
    accounts[1] += amount


def move_aside(accounts: Any, current: Any, amount: int) -> None:
    """Write the new state beside the old one, then switch between them by a single write."""
    old, new = current.value, 1 - current.value
    accounts[2 * new] = accounts[2 * old] - amount
    lab.point("between")
    accounts[2 * new + 1] = accounts[2 * old + 1] + amount
    current.value = new


def faulty(kit: Kit, amount: int) -> None:
    """Let a worker update the accounts in place."""
    accounts = RawArray("q", [START, START])
    worker = kit.worker(move, accounts, amount, name="worker-1")
    worker.start()
    worker.join()
    kit.observe("missing from the accounts", 2 * START - sum(accounts))


def corrected(kit: Kit, amount: int) -> None:
    """Let it prepare the new state in a copy."""
    accounts = RawArray("q", [START, START, 0, 0])
    current = RawValue("q", 0)
    worker = kit.worker(move_aside, accounts, current, amount, name="worker-1")
    worker.start()
    worker.join()
    first = 2 * current.value
    kit.observe("missing from the accounts", 2 * START - sum(accounts[first : first + 2]))


def truth(amount: int) -> Truth:
    """What was taken has arrived nowhere, and the program ends well."""
    missing = Observed("missing from the accounts", amount, amount)
    return Truth(OutcomeKind.EXITED, observed=(missing,))


def healthy(amount: int) -> Truth:
    """The old state is still whole."""
    del amount
    return Truth(OutcomeKind.EXITED, observed=(Observed("missing from the accounts", 0, 0),))


SCENARIO = Scenario(
    name="half-update",
    title="Killed in the middle of an update of shared memory",
    plants="A worker dies between the two writes of a transfer.",
    why=(
        "Nothing undoes a half-done update: the memory belongs to no process, and there is no "
        "error that anybody would see. A lock does not help, it would only be lost as well. "
        "Threads share memory too, but a kill takes all of it away with the process."
    ),
    cure="Prepare the new state beside the old one and switch by one write that cannot be halved.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    healthy=healthy,
    faults=("kill:worker-1@between",),
    parameters=(Parameter("amount", 10, "how much is moved", minimum=1, maximum=100),),
    variants=(Workers.PROCESSES,),
    tags=("killed", "shared-memory"),
    claims=("P6", "T4"),
)
