"""A wake-up that is lost: ``Condition.wait`` without its predicate.

``notify`` wakes who waits at that moment, and leaves nothing behind for who comes later. A program
that waits because it believes that nothing has happened yet must look whether that is so, with the
lock in its hand. Here the producer is always first, as it is on a bad day elsewhere.
"""

from __future__ import annotations

from typing import Any

from lab import Cause, Kit, OutcomeKind, Scenario, Truth, Wait


def produce(delivery: Any, delivered: Any, door_bell: Any) -> None:
    """Deliver, notify whoever waits, and be gone."""
    with delivery:
        delivered.set()
        delivery.notify()
    door_bell.set()


def consume(delivery: Any, delivered: Any, door_bell: Any) -> None:
    """Wait for the delivery, which has come already."""
    del delivered
    door_bell.wait()
    with delivery:
        delivery.wait()  # lab: waits


def consume_what_is_there(delivery: Any, delivered: Any, door_bell: Any) -> None:
    """Wait only for as long as there is no delivery."""
    door_bell.wait()
    with delivery:
        while not delivered.is_set():
            delivery.wait()


def faulty(kit: Kit) -> None:
    """Deliver to one who only waits."""
    deliver(kit, consume)


def corrected(kit: Kit) -> None:
    """Deliver to one who looks first."""
    deliver(kit, consume_what_is_there)


def deliver(kit: Kit, way: Any) -> None:
    """Let one produce and one consume; the bell makes sure that the consumer is late."""
    shared = kit.condition(), kit.event(), kit.event()
    consumer = kit.worker(way, *shared, name="consumer")
    producer = kit.worker(produce, *shared, name="producer")
    consumer.start()
    producer.start()
    producer.join()
    consumer.join()


def truth() -> Truth:
    """The consumer waits for a notification that was given before it waited."""
    return Truth(
        outcome=OutcomeKind.DEADLOCKED,
        cause=Cause.UNSATISFIED_WAIT,
        waits=(Wait(waiter="consumer", at="waits"),),
    )


SCENARIO = Scenario(
    name="lost-wakeup",
    title="A wake-up that is lost",
    plants="The notification is given before anybody waits for it, and is not repeated.",
    why=(
        "A condition variable is no flag: it remembers nothing. What is waited for has to be kept "
        "beside it, under its lock, and looked at before every wait. Without that the program is "
        "right as long as the waiter is the faster one, which is most of the time."
    ),
    cure="Wait in a loop on the predicate: while not there: condition.wait(), or wait_for().",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    tags=("deadlock", "condition"),
    claims=("T7", "T8", "P6"),
)
