"""A method that holds a lock calls another one that takes the same lock.

Both methods are right when called from outside. Together they wait for themselves, since a plain
lock does not know, or ask, who has it.
"""

from __future__ import annotations

from lab import Cause, Kit, LockLike, OutcomeKind, Scenario, Truth, Wait


class Account:
    """Money under a lock; every public method takes it."""

    def __init__(self, lock: LockLike) -> None:
        self.lock = lock
        self.balance = 0

    def deposit(self, amount: int) -> None:
        """Add ``amount``."""
        with self.lock:  # lab: wants
            self.balance += amount

    def deposit_with_interest(self, amount: int) -> None:
        """Add ``amount`` and a tenth of the whole, in one step that nobody may see half done."""
        with self.lock:  # lab: holds
            self.deposit(amount)
            self.balance += self.balance // 10


def faulty(kit: Kit) -> None:
    """Guard the account by a plain lock."""
    save(kit, Account(kit.lock()))


def corrected(kit: Kit) -> None:
    """Guard it by a reentrant lock, which its holder may take again."""
    save(kit, Account(kit.rlock()))


def save(kit: Kit, account: Account) -> None:
    """Have one worker make a deposit."""
    saver = kit.worker(account.deposit_with_interest, 100, name="saver")
    saver.start()
    saver.join()


def truth() -> Truth:
    """The saver waits for what it took three frames further out."""
    return Truth(
        outcome=OutcomeKind.DEADLOCKED,
        cause=Cause.SELF_DEADLOCK,
        waits=(Wait(waiter="saver", at="wants", holder="saver", held_at="holds"),),
    )


SCENARIO = Scenario(
    name="self-deadlock",
    title="A plain lock taken twice by the same worker",
    plants="A worker that holds a lock calls a method that takes it, and waits for itself.",
    why=(
        "A plain lock has no owner: it is taken or free, and its holder's second acquire() waits "
        "like anybody else's. One worker is enough, so that no test with several is needed to see "
        "it, and no timing hides it."
    ),
    cure=(
        "Take a reentrant lock; or better, let the public methods take the lock and share inner "
        "ones that expect it to be held."
    ),
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    tags=("deadlock", "lock"),
    claims=("T7", "T8", "P6"),
)
