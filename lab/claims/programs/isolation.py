"""Whether a worker's writes are seen by whoever started it."""

from __future__ import annotations

import os
import tempfile
from multiprocessing.shared_memory import SharedMemory

from lab.kit import Kit
from lab.scenario import OutcomeKind, Scenario, StartMethod, Truth

noted: list[int] = []
PLACE = 7


def write(argument: list[int], memory_name: str, descriptor: int) -> None:
    """Write to everything that the worker can reach."""
    noted.append(1)
    argument.append(1)
    memory = SharedMemory(memory_name)
    assert memory.buf is not None
    memory.buf[0] = 1
    memory.close()
    if descriptor >= 0:
        os.lseek(descriptor, PLACE, os.SEEK_SET)


def program(kit: Kit) -> None:
    """Have a worker write, and report which of its writes are seen here."""
    argument: list[int] = []
    memory = SharedMemory(create=True, size=8)
    with tempfile.TemporaryFile() as file:
        # Other start methods close what they are not told to keep.
        inherited = kit.variant.start_method in (None, StartMethod.FORK)
        descriptor = file.fileno() if inherited else -1
        worker = kit.worker(write, argument, memory.name, descriptor, name="worker-1")
        worker.start()
        worker.join()
        kit.observe("write to a global seen", len(noted))
        kit.observe("write to an argument seen", len(argument))
        assert memory.buf is not None
        kit.observe("write to shared memory seen", memory.buf[0])
        if inherited:
            kit.observe("move in an open file seen", file.tell() == PLACE)
    memory.close()
    memory.unlink()


SCENARIO = Scenario(
    name="isolation",
    title="Whose memory it is",
    plants="A worker writes to a global, to its argument, to shared memory and moves in a file.",
    why="A process has its own memory, and shares what the kernel keeps for both.",
    cure="None is needed.",
    faulty=program,
    corrected=program,
    truth=lambda: Truth(OutcomeKind.EXITED),
    claims=("P4",),
)
