"""Batches of executions for processes that hunt together: whoever is free takes the next.

Each phase of a hunt has a counter in a file of the common folder, which a process holds locked
(flock(2)) while it takes a number; the kernel unlocks it when that process dies. Who took what is
written down, so that a process that was ended by its test can be repeated with the same batches.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from lab.hunt.batches import Share
from lab.hunt.distinct import Distinct


class Allotment(Share):
    """What the process ``who`` runs; with ``again``, what a process of that name has run."""

    def __init__(self, folder: Path, who: int, *, again: bool = False) -> None:
        self.folder = folder
        self.who = who
        self.again = again
        self.distinct = Distinct()

    def batches(self, before: int) -> Iterator[int]:
        """Yield the batches of the phase that ``before`` executions precede."""
        log = self.folder / f"{self.who}-{before}"
        if self.again:
            yield from map(int, log.read_text().split() if log.exists() else ())
            return
        while True:
            yield self._next(self.folder / f"next-{before}", log)

    def began(self) -> bool:
        """Whether the process has taken any batch."""
        return any(self.folder.glob(f"{self.who}-*"))

    def _next(self, counter: Path, log: Path) -> int:
        """Take a number. It is in the log before anybody can take the next one."""
        file = os.open(counter, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            number = int(os.pread(file, 20, 0) or b"0")
            os.pwrite(file, str(number + 1).encode(), 0)
            with log.open("a") as taken:
                taken.write(f"{number}\n")
        finally:
            os.close(file)
        return number
