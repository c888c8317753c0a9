"""A pop with ABA: the head of the stack is what it was, and the stack is not.

A stack without a lock takes its head off by compare-and-swap: if the head is still the node that I
saw, make it that node's successor. While one worker has read both, another pops that node and the
next, and pushes the first one back: the comparison holds, and a node in use becomes the head.
"""

from __future__ import annotations

import threading
from typing import Any

from lab import Kit, Observed, OutcomeKind, Parameter, Scenario, Truth

HEAD, VERSION = 0, 4
"""Places in a stack of five numbers; 1 to 3 are the nodes, each holding the node below it."""
SIZE = 5


def fill(stacks: Any, base: int) -> None:
    """Make the stack that lies at ``base``: node 1 on 2 on 3 on nothing."""
    stacks[base + HEAD], stacks[base + 1], stacks[base + 2], stacks[base + 3] = 1, 2, 3, 0


def swap(stacks: Any, base: int, old: int, new: int, version: int, guard: Any) -> bool:
    """Change the head if it is what was seen; the lock stands for the processor's instruction."""
    with guard:
        same = stacks[base + HEAD] == old and version in (-1, stacks[base + VERSION])
        if same:
            stacks[base + HEAD] = new
            stacks[base + VERSION] += 1
        return bool(same)


def pop(stacks: Any, base: int, guard: Any, versioned: bool) -> int:
    """Take the head off and return it; 0 when there is none."""
    while True:
        version = stacks[base + VERSION] if versioned else -1
        head = stacks[base + HEAD]
        if not head or swap(stacks, base, head, stacks[base + head], version, guard):
            return int(head)


def push(stacks: Any, base: int, node: int, guard: Any) -> None:
    """Put a node on top."""
    while True:
        head = stacks[base + HEAD]
        stacks[base + node] = head
        if swap(stacks, base, head, node, -1, guard):
            return


def pop_two_push_one(stacks: Any, base: int, guard: Any, versioned: bool) -> int:
    """Pop two nodes, push the first one back, and keep the second."""
    first, second = pop(stacks, base, guard, versioned), pop(stacks, base, guard, versioned)
    push(stacks, base, first, guard)
    return second


def is_broken(stacks: Any, base: int, kept: set[int]) -> bool:
    """Whether a node is both kept and in the stack, or in neither."""
    found, node = set[int](), stacks[base + HEAD]
    while node and node not in found:
        found.add(node)
        node = stacks[base + node]
    return bool(found & kept) or found | kept != {1, 2, 3}


def work(start: Any, way: Any, stacks: Any, guard: Any, versioned: bool, kept: Any) -> None:
    """Do it with one stack after the other."""
    start.wait()
    for number in range(len(kept)):
        kept[number] = way(stacks, number * SIZE, guard, versioned)


def faulty(kit: Kit, tries: int) -> None:
    """Compare the head only."""
    compete(kit, tries, versioned=False)


def corrected(kit: Kit, tries: int) -> None:
    """Compare its version as well."""
    compete(kit, tries, versioned=True)


def compete(kit: Kit, tries: int, *, versioned: bool) -> None:
    """Let two work on the same stacks, and count those that are broken."""
    stacks, guard, start = kit.numbers(tries * SIZE), kit.lock(), kit.barrier(2)
    for number in range(tries):
        fill(stacks, number * SIZE)
    kept = [kit.numbers(tries) for _ in range(2)]
    workers = [
        kit.worker(work, start, way, stacks, guard, versioned, mine, name=way.__name__)
        for way, mine in zip((pop, pop_two_push_one), kept, strict=True)
    ]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    broken = [is_broken(stacks, n * SIZE, {kept[0][n], kept[1][n]}) for n in range(tries)]
    kit.observe("tries", tries)
    kit.observe("violations", sum(broken))


def hunted() -> None:
    """One stack, compared by its head."""
    one_stack(versioned=False)


def hunted_corrected() -> None:
    """One stack, compared by its version as well."""
    one_stack(versioned=True)


def one_stack(*, versioned: bool) -> None:
    """Let two threads work on one stack."""
    stacks, guard, kept = [0] * SIZE, threading.Lock(), set[int]()
    fill(stacks, 0)
    workers = [
        threading.Thread(target=lambda way=way: kept.add(way(stacks, 0, guard, versioned)))
        for way in (pop, pop_two_push_one)
    ]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    assert not is_broken(stacks, 0, kept)


def truth(tries: int) -> Truth:
    """It ends as if nothing had happened; how many stacks are broken is left to chance."""
    return Truth(OutcomeKind.EXITED, observed=(Observed("violations", 0, tries),))


def healthy(tries: int) -> Truth:
    """Each node is kept by one, or in the stack."""
    del tries
    return Truth(OutcomeKind.EXITED, observed=(Observed("violations", 0, 0),))


SCENARIO = Scenario(
    name="aba-pop",
    title="A pop with ABA",
    plants="A node is popped and pushed back while another worker is about to pop it.",
    why=(
        "Compare-and-swap sees whether the head is the same, not whether it was another one "
        "meanwhile. Three operations have to fit between two lines, which is why such code is in "
        "use for years. Threads and processes on shared memory can have it, and need no GIL."
    ),
    cure="Count a version with every change and compare that as well, or use one lock.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    healthy=healthy,
    parameters=(Parameter("tries", 20000, "stacks to work on", minimum=1, maximum=200000),),
    tags=("race", "memory"),
    claims=("T4", "T7", "P4", "G1"),
    hunted=hunted,
    hunted_corrected=hunted_corrected,
)
