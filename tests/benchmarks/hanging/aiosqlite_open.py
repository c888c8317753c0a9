"""A connection that was not closed: its thread, not a daemon, waits for requests for ever."""

import asyncio

import aiosqlite

REQUIRES = "aiosqlite==0.20.0"
REPORT = "omnilib/aiosqlite#299"
CAUSES = {"unsatisfied-wait", "wait-cycle"}
WAITS = {"Thread-1": None}

KEPT = []


async def connect():
    KEPT.append(await aiosqlite.connect(":memory:"))


if __name__ == "__main__":
    asyncio.run(connect())
    print("ready", flush=True)
