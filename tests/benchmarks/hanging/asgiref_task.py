"""Synchronous code, called from a task, is to run in the one thread that waits for that task."""

import asyncio

from asgiref.sync import ThreadSensitiveContext, async_to_sync, sync_to_async

REQUIRES = "asgiref==3.5.2"
REPORT = "django/asgiref#348"
CAUSES = {"unsatisfied-wait", "wait-cycle", "unknown"}
WAITS = {"main": "task Task-1"}


def work():
    pass


async def view():
    await asyncio.create_task(sync_to_async(work, thread_sensitive=True)())


def middleware():
    async_to_sync(view)()


async def application():
    async with ThreadSensitiveContext():
        await sync_to_async(middleware, thread_sensitive=True)()


if __name__ == "__main__":
    print("ready", flush=True)
    asyncio.run(application())
