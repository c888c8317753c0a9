"""A queue consumer that nobody tells that nothing more will come.

The producer puts its items and ends, and the consumer takes them and asks for one more. A queue
does not know who might still put something into it, so it cannot say that it is at its end.
"""

from __future__ import annotations

from typing import Any

from lab import Cause, Kit, OutcomeKind, Parameter, Scenario, Truth, Wait

END = "end"
"""Put after the last item. A value that can be pickled, since identity does not survive that."""


def produce(items: Any, count: int) -> None:
    """Put the items, and that was all."""
    for number in range(count):
        items.put(number)


def produce_to_the_end(items: Any, count: int) -> None:
    """Put the items, and then what says that there are no more."""
    produce(items, count)
    items.put(END)


def consume(items: Any) -> None:
    """Take items for as long as there are any."""
    while True:
        item = items.get()  # lab: gets
        if item == END:
            return


def faulty(kit: Kit, items: int) -> None:
    """Let the producer forget the end."""
    stream(kit, produce, items)


def corrected(kit: Kit, items: int) -> None:
    """Let it put the end."""
    stream(kit, produce_to_the_end, items)


def stream(kit: Kit, way: Any, count: int) -> None:
    """Join the two by a queue and wait for both."""
    items = kit.queue()
    producer = kit.worker(way, items, count, name="producer")
    consumer = kit.worker(consume, items, name="consumer")
    producer.start()
    consumer.start()
    producer.join()
    consumer.join()


def truth(items: int) -> Truth:
    """The consumer waits for an item, and nobody is left to put one."""
    del items
    return Truth(
        outcome=OutcomeKind.DEADLOCKED,
        cause=Cause.UNSATISFIED_WAIT,
        waits=(Wait(waiter="consumer", at="gets"),),
    )


SCENARIO = Scenario(
    name="starved-consumer",
    title="A queue consumer that waits for ever",
    plants="The producer has ended, and the consumer waits for one more item.",
    why=(
        "An empty queue is an ordinary state, and get() waits until it passes. Nothing ties the "
        "queue to the life of those who put into it: the last of them may be gone, also by a "
        "crash. With processes even the kernel sees no end of file, since the consumer itself, "
        "and its parent, hold the writing end of the pipe open."
    ),
    cure="Put a last item that says so, one for each consumer; or end the queue by shutdown().",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    parameters=(Parameter("items", 3, "items before the producer ends", minimum=0, maximum=1000),),
    tags=("deadlock", "queue"),
    claims=("T7", "T8", "P6"),
)
