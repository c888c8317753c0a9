"""Programs that wait for locks of files and databases; ``#: name`` marks the lines that matter.

Run as ``python files.py NAME DIRECTORY``. Each says ``ready`` before its last step.
"""

from __future__ import annotations

import fcntl
import multiprocessing
import sqlite3
import sys
import threading
import time
from pathlib import Path

FORK = multiprocessing.get_context("fork")
LONG = 3600.0


def ready() -> None:
    print("ready", flush=True)


def worker(name: str, target, *args) -> None:
    taken = FORK.Event()
    FORK.Process(target=target, args=(*args, taken), name=name, daemon=True).start()
    taken.wait()


def keep_flock(path: Path, taken) -> None:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        taken.set()
        time.sleep(LONG)


def keep_lockf(path: Path, taken) -> None:
    with path.open("w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        taken.set()
        time.sleep(LONG)


def flock_held(directory: Path) -> None:
    path = directory / "resource.lock"
    worker("keeper", keep_flock, path)
    with path.open("w") as file:
        ready()
        fcntl.flock(file, fcntl.LOCK_EX)  #: flock-waits


def lockf_held(directory: Path) -> None:
    path = directory / "resource.lock"
    worker("keeper", keep_lockf, path)
    with path.open("w") as file:
        ready()
        fcntl.lockf(file, fcntl.LOCK_EX)  #: lockf-waits


def flock_twice(directory: Path) -> None:
    """One process, two descriptors of one file: the second waits for the first for ever."""
    path = directory / "resource.lock"
    with path.open("w") as first, path.open("w") as second:
        fcntl.flock(first, fcntl.LOCK_EX)
        ready()
        fcntl.flock(second, fcntl.LOCK_EX)  #: twice-waits


def cross(mine: Path, theirs: Path, met) -> None:
    with mine.open("w") as first, theirs.open("w") as second:
        fcntl.flock(first, fcntl.LOCK_EX)
        met.wait()
        fcntl.flock(second, fcntl.LOCK_EX)  #: crossed-waits


def crossed(directory: Path) -> None:
    met = FORK.Barrier(2)
    one, two = directory / "one.lock", directory / "two.lock"
    pairs = [(one, two), (two, one)]
    workers = [
        FORK.Process(target=cross, args=(*pair, met), name=f"worker-{i}")
        for i, pair in enumerate(pairs, 1)
    ]
    for process in workers:
        process.start()
    ready()
    for process in workers:
        process.join()


def polled(directory: Path) -> None:
    """Asks again and again, as libraries for lock files do."""
    path = directory / "resource.lock"
    worker("keeper", keep_flock, path)
    with path.open("w") as file:
        ready()
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(5.0)  #: polls


def polled_itself(directory: Path) -> None:
    """Asks again and again for the lock that it has itself, by another descriptor."""
    name = str(directory / "resource.lock")
    with Path(name).open("w") as first, Path(name).open("w") as second:
        fcntl.flock(first, fcntl.LOCK_EX)
        ready()
        while True:
            try:
                fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(5.0)  #: polls-itself


def keep_database(path: Path, begin: str, taken) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(begin)
    connection.execute("SELECT * FROM t").fetchall()
    taken.set()
    time.sleep(LONG)


def database(directory: Path, mode: str) -> Path:
    path = directory / "data.db"
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA journal_mode={mode}")
    connection.execute("CREATE TABLE t (x)")
    connection.commit()
    connection.close()
    return path


def insert(path: Path) -> None:
    connection = sqlite3.connect(path, timeout=LONG)
    ready()
    connection.execute("INSERT INTO t VALUES (1)")  #: inserts
    connection.commit()  #: commits


def sqlite_writer(directory: Path) -> None:
    path = database(directory, "delete")
    worker("keeper", keep_database, path, "BEGIN IMMEDIATE")
    insert(path)


def sqlite_reader(directory: Path) -> None:
    """A reader that never ends its transaction keeps the writer from committing."""
    path = database(directory, "delete")
    worker("keeper", keep_database, path, "BEGIN")
    insert(path)


def sqlite_wal(directory: Path) -> None:
    path = database(directory, "wal")
    worker("keeper", keep_database, path, "BEGIN IMMEDIATE")
    insert(path)


def sqlite_same_process(directory: Path) -> None:
    path = database(directory, "delete")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    insert(path)


# -- what only looks so


def sleeps_beside_a_lock(directory: Path) -> None:
    """It has a file open that another has locked, and sleeps for a reason of its own."""
    path = directory / "resource.lock"
    worker("keeper", keep_flock, path)
    with path.open("w"):
        ready()
        time.sleep(LONG)  #: naps


def sleeps_beside_a_database(directory: Path) -> None:
    path = database(directory, "delete")
    worker("keeper", keep_database, path, "BEGIN IMMEDIATE")
    connection = sqlite3.connect(path)
    connection.execute("SELECT * FROM t")
    ready()
    time.sleep(LONG)  #: rests
    connection.close()


def slow_query(directory: Path) -> None:
    """A query that takes its time and waits for nobody, beside a locked database."""
    path = database(directory, "delete")
    worker("keeper", keep_database, path, "BEGIN IMMEDIATE")
    connection = sqlite3.connect(path)
    connection.create_function("nap", 0, lambda: time.sleep(LONG))
    ready()
    connection.execute("SELECT nap()")  #: naps-in-a-query


def takes_turns(directory: Path) -> None:
    """Threads that take a lock of a file in turns, and give it back."""
    path = directory / "resource.lock"

    def step() -> None:
        with path.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            time.sleep(0.001)

    def repeat() -> None:
        while True:
            step()

    for _ in range(3):
        threading.Thread(target=repeat, daemon=True).start()
    ready()
    time.sleep(LONG)


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]))
