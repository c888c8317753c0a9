"""Work that waits: requests to a server on this machine, and files that are written to the disk.

The server takes its time for every answer, as one at the other end of a network would. A worker
that waits for it needs no CPU, so that many can wait at once.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import socket
import tempfile
import time
from collections.abc import Callable
from typing import Any

from lab import Kit, Observed, OutcomeKind, Parameter, Scenario, Truth

SERVICE_S = 0.002
"""What the server takes to answer a request."""
BLOCK = bytes(16 << 10)


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer every line of a connection, each a little later."""
    while line := await reader.readline():
        await asyncio.sleep(SERVICE_S)
        writer.write(line)
    writer.close()


def serve(port: Any) -> None:
    """Answer until the process is ended; say first at which port."""

    async def forever() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(forever())


def ask_anew(port: int, requests: int) -> None:
    """Make a connection for every request."""
    for _ in range(requests):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"?\n")
            connection.recv(16)


def ask_again(port: int, requests: int) -> None:
    """Keep one connection for all requests."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        for _ in range(requests):
            connection.sendall(b"?\n")
            connection.recv(16)


def write_files(_port: int, blocks: int) -> None:
    """Write blocks to a file, each of them down to the disk."""
    with tempfile.TemporaryFile() as file:
        for _ in range(blocks):
            file.write(BLOCK)
            file.flush()
            os.fsync(file.fileno())


def when_all_are_here(work: Callable[..., None], port: int, times: int, here: Any) -> None:
    """Wait for the others, work, and wait for the others again."""
    here.wait()
    work(port, times)
    here.wait()


def rate(kit: Kit, work: Callable[..., None], port: int, times: int, workers: int) -> float:
    """Return how often a second all workers together did it."""
    here = kit.barrier(workers + 1)
    crew = [
        kit.worker(when_all_are_here, work, port, times, here, name=f"worker-{i + 1}")
        for i in range(workers)
    ]
    for worker in crew:
        worker.start()
    here.wait()
    began = time.perf_counter()
    here.wait()
    took = time.perf_counter() - began
    for worker in crew:
        worker.join()
    return workers * times / took


def measure(kit: Kit, ask: Callable[..., None], workers: int, requests: int) -> None:
    """Report the rates of one worker and of several."""
    listening, port = multiprocessing.Pipe(duplex=False)
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(port,), name="server")
    server.start()
    number = listening.recv()
    for name, work in (("requests", ask), ("file writes", write_files)):
        alone = rate(kit, work, number, requests, 1)
        together = rate(kit, work, number, requests, workers)
        kit.observe(f"{name} of one worker", alone, f"{name}/s")
        kit.observe(f"{name} of all workers", together, f"{name}/s")
        kit.observe(f"gain in {name}", together / alone)
    server.kill()
    server.join()


def faulty(kit: Kit, workers: int, requests: int) -> None:
    """Connect anew for every request."""
    measure(kit, ask_anew, workers, requests)


def corrected(kit: Kit, workers: int, requests: int) -> None:
    """Connect once."""
    measure(kit, ask_again, workers, requests)


def truth() -> Truth:
    """It ends, and says what the rates are."""
    rates = ("requests", "file writes")
    words = ("{} of one worker", "{} of all workers", "gain in {}")
    figures = [word.format(kind) for kind in rates for word in words]
    return Truth(OutcomeKind.EXITED, observed=tuple(Observed(name, minimum=0) for name in figures))


SCENARIO = Scenario(
    name="io-bound",
    title="What more workers gain where they wait",
    plants="Workers spend their time waiting: for a server to answer, and for the disk.",
    why=(
        "A thread that waits in a system call has let go of the GIL, so that others run meanwhile. "
        "As many requests are on their way as there are workers, threads or processes, and a "
        "thread is the cheaper of the two. A connection for every request costs extra trips."
    ),
    cure="Have as many workers as requests that shall be on their way, and keep the connections.",
    faulty=faulty,
    corrected=corrected,
    truth=lambda **_: truth(),
    healthy=lambda **_: truth(),
    parameters=(
        Parameter("workers", 8, "workers that wait at once", minimum=1, maximum=256),
        Parameter("requests", 40, "requests, and file writes, of each", minimum=1),
    ),
    tags=("cost", "io"),
    claims=("T1", "G1"),
)
