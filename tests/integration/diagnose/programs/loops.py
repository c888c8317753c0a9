"""Programs of asyncio that hang; ``#: name`` marks the lines that matter.

Run as ``python loops.py NAME``. Each says ``ready`` when nothing but the last step is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import time

LOCK = threading.Lock()


def ready() -> None:
    print("ready", flush=True)


async def nested(mine: asyncio.Lock, theirs: asyncio.Lock) -> None:
    async with mine:  #: task-holds
        await asyncio.sleep(0)
        async with theirs:  #: task-wants
            pass


async def crossed() -> None:
    one, two = asyncio.Lock(), asyncio.Lock()
    tasks = [
        asyncio.create_task(nested(one, two), name="worker-1"),
        asyncio.create_task(nested(two, one), name="worker-2"),
    ]
    ready()
    await asyncio.gather(*tasks)  #: gathers


async def beside_a_heartbeat() -> None:
    async def beat() -> None:
        while True:
            await asyncio.sleep(0.02)

    heartbeat = asyncio.create_task(beat(), name="heartbeat")
    await crossed()
    heartbeat.cancel()


async def wait_for_event(event: asyncio.Event) -> None:
    await event.wait()  #: event-waits


async def event() -> None:
    task = asyncio.create_task(wait_for_event(asyncio.Event()), name="worker-1")
    ready()
    await task  #: awaits-task


async def queue_get() -> None:
    items: asyncio.Queue[int] = asyncio.Queue()

    async def consume() -> None:
        await items.get()  #: queue-gets

    async with asyncio.TaskGroup() as group:
        group.create_task(consume(), name="worker-1")
        ready()


async def each_other() -> None:
    """Two tasks that await each other."""
    tasks: dict[str, asyncio.Task[None]] = {}

    async def wait_for(name: str) -> None:
        await asyncio.sleep(0)
        await tasks[name]  #: awaits-other

    tasks["one"] = asyncio.create_task(wait_for("two"), name="one")
    tasks["two"] = asyncio.create_task(wait_for("one"), name="two")
    ready()
    await asyncio.wait(tasks.values())


async def forgotten_future() -> None:
    ready()
    await asyncio.get_running_loop().create_future()  #: future-waits


async def blocking_call() -> None:
    """A lock of threads, taken in a coroutine: the whole loop stands still."""

    async def other() -> None:
        await asyncio.sleep(0.01)

    LOCK.acquire()
    asyncio.create_task(other(), name="starved")  # noqa: RUF006
    await asyncio.sleep(0)
    ready()
    LOCK.acquire()  #: blocks-loop


async def lock_across_await() -> None:
    """A lock of threads, held while the coroutine awaits a thread that wants it."""

    def use() -> None:
        with LOCK:  #: executor-wants
            pass

    with LOCK:  #: coroutine-holds
        ready()
        await asyncio.to_thread(use)  #: awaits-thread


async def silent_peer() -> None:
    """A stream whose other end is the same process's server, which says nothing."""

    async def serve(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read(10)  #: server-reads

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    reader, _writer = await asyncio.open_connection(host, port)
    ready()
    await reader.read(10)  #: client-reads


async def in_another_thread() -> None:
    """The loop runs in a thread; the main thread waits for a result of it."""
    await asyncio.Event().wait()  #: thread-waits


def loop_in_thread() -> None:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="loop", daemon=True).start()
    future = asyncio.run_coroutine_threadsafe(in_another_thread(), loop)
    ready()
    future.result()  #: result-waits


# -- what only looks so


async def holds_and_sleeps(lock: asyncio.Lock) -> None:
    async with lock:  #: slow-holds
        await asyncio.sleep(3600)


async def wants(lock: asyncio.Lock) -> None:
    async with lock:  #: slow-wants
        pass


async def slow_holder() -> None:
    lock = asyncio.Lock()
    asyncio.create_task(holds_and_sleeps(lock), name="holder")  # noqa: RUF006
    await asyncio.sleep(0)
    waiter = asyncio.create_task(wants(lock), name="waiter")
    await asyncio.sleep(0)
    ready()
    await waiter


async def turns() -> None:
    """Tasks that take locks in one order, over and over."""
    one, two = asyncio.Lock(), asyncio.Lock()

    async def work() -> None:
        while True:
            async with one, two:
                await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for i in range(3):
            group.create_task(work(), name=f"worker-{i}")
        ready()


async def handed_over() -> None:
    """Each has held what the other wants, and has let go of it."""
    one, two = asyncio.Lock(), asyncio.Lock()

    async def first() -> None:
        async with one:
            pass
        async with two:  #: over-holds
            await asyncio.sleep(3600)

    async def second() -> None:
        async with two:
            pass
        await asyncio.sleep(0.01)
        async with one, two:  #: over-wants
            pass

    tasks = [
        asyncio.create_task(second(), name="second"),
        asyncio.create_task(first(), name="first"),
    ]
    await asyncio.sleep(0.1)
    ready()
    await asyncio.gather(*tasks)


async def served() -> None:
    """A server that waits for its clients."""

    async def serve(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        pass

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    ready()
    await server.serve_forever()  #: serves


async def patient() -> None:
    ready()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(3600):
            await asyncio.Event().wait()


async def busy() -> None:
    ready()
    time.sleep(3600)  #: sleeps-in-loop


if __name__ == "__main__":
    program = globals()[sys.argv[1]]
    if asyncio.iscoroutinefunction(program):
        asyncio.run(program())
    else:
        program()
