"""A table that changes while somebody goes through it.

An iterator of a dict notices that the dict has another size than before, and raises. That is a
kindness: it turns a race into an exception, though in a thread that did nothing wrong itself.
"""

from __future__ import annotations

import threading
from typing import Any

from lab import Kit, Observed, OutcomeKind, Parameter, Scenario, Truth, Workers

type Table = dict[str, int]


def visit(name: str) -> int:
    """Do something for one entry."""
    return len(name)


def go_through(table: Table, guard: Any) -> None:
    """Visit the entries as they are found."""
    del guard
    for name in table:
        visit(name)


def go_through_copy(table: Table, guard: Any) -> None:
    """Visit the entries that there were at one moment."""
    with guard:
        names = list(table)
    for name in names:
        visit(name)


def add(table: Table, guard: Any) -> None:
    """Add an entry."""
    with guard:
        table["late"] = 3


def new_table() -> Table:
    """Return a table with a few entries."""
    return {"one": 1, "two": 2}


def read(start: Any, way: Any, tables: list[Table], guard: Any, failed: list[str]) -> None:
    """Go through one table after the other."""
    start.wait()
    for table in tables:
        try:
            way(table, guard)
        except RuntimeError as error:
            failed.append(str(error))


def write(start: Any, tables: list[Table], guard: Any) -> None:
    """Add to one table after the other."""
    start.wait()
    for table in tables:
        add(table, guard)


def faulty(kit: Kit, tries: int) -> None:
    """Go through the tables themselves."""
    compete(kit, go_through, tries)


def corrected(kit: Kit, tries: int) -> None:
    """Go through copies."""
    compete(kit, go_through_copy, tries)


def compete(kit: Kit, way: Any, tries: int) -> None:
    """Let one read and one add, and count the tables that changed under the reader."""
    tables = [new_table() for _ in range(tries)]
    failed: list[str] = []
    guard, start = kit.lock(), kit.barrier(2)
    reader = kit.worker(read, start, way, tables, guard, failed, name="reader")
    writer = kit.worker(write, start, tables, guard, name="writer")
    reader.start()
    writer.start()
    reader.join()
    writer.join()
    kit.observe("tries", tries)
    kit.observe("violations", len(failed))


def hunted() -> None:
    """One table, gone through as it is."""
    one_table(go_through)


def hunted_corrected() -> None:
    """One table, gone through as a copy."""
    one_table(go_through_copy)


def one_table(way: Any) -> None:
    """Go through a table while a thread adds to it."""
    table, guard = new_table(), threading.Lock()
    writer = threading.Thread(target=add, args=(table, guard))
    writer.start()
    try:
        way(table, guard)
    finally:
        writer.join()


def truth(tries: int) -> Truth:
    """How many tables change under the reader is left to chance."""
    observed = Observed("tries", tries, tries), Observed("violations", minimum=0, maximum=tries)
    return Truth(OutcomeKind.EXITED, observed=observed)


def healthy(tries: int) -> Truth:
    """None does."""
    observed = Observed("tries", tries, tries), Observed("violations", 0, 0)
    return Truth(OutcomeKind.EXITED, observed=observed)


SCENARIO = Scenario(
    name="changed-while-iterated",
    title="A table that changes while it is iterated",
    plants="One thread adds an entry while another goes through the table.",
    why=(
        "A loop over a shared container lasts as long as its body, and everything that others do "
        "meanwhile happens in the middle of it. The lock of the writer is of no use when the "
        "reader takes none. Processes cannot have this fault: a table is an object of one "
        "process, and each goes through a copy of its own."
    ),
    cure="Take a copy under the lock that the writers use, and go through that.",
    faulty=faulty,
    corrected=corrected,
    truth=truth,
    healthy=healthy,
    parameters=(Parameter("tries", 50000, "tables to go through", minimum=1, maximum=200000),),
    variants=(Workers.THREADS,),
    tags=("race", "memory"),
    claims=("T4", "T7", "P4", "G1"),
    hunted=hunted,
    hunted_corrected=hunted_corrected,
)
