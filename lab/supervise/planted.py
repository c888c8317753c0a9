"""The lab's side of planted faults: does what is due at a time, and learns what has fired.

A fault at a point or a call is done inside the target, see :mod:`lab.armed`; both sides write into
the same directory, so that a fault fires once and none is forgotten when its process dies.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab import harm, procfs
from lab.armed import COUNTER, NOTICE
from lab.faults import MAIN, After, Fault
from lab.model import PlantedFault


@dataclass(frozen=True, slots=True)
class _Worker:
    name: str
    pid: int
    passes: tuple[int, ...]
    """By the number of the fault."""
    born: float


class Planted:
    """The faults of one trial. ``directory`` is made for them and removed by :meth:`finish`.

    All times are readings of ``time.monotonic``, which is one clock for all processes.
    """

    def __init__(self, faults: Sequence[Fault], directory: Path) -> None:
        self.faults = tuple(faults)
        self._directory = directory
        self._went: float | None = None
        self._fired: dict[int, PlantedFault] = {}
        self._begun: set[int] = set()
        self._refused: dict[int, str] = {}
        if faults:
            directory.mkdir(parents=True, exist_ok=True)

    def go(self, now: float) -> None:
        """Begin to count the times of faults: the program was let go."""
        self._went = now

    def pending(self, now: float) -> bool:
        """Say whether the time of some fault has yet to come: until then nothing is for good."""
        return any(self._is_ahead(fault, now) for fault in self.faults)

    def _is_ahead(self, fault: Fault, now: float) -> bool:
        went = now if self._went is None else self._went
        return isinstance(fault.trigger, After) and now - went < fault.trigger.seconds

    def carry_out(self, main_pid: int, now: float) -> None:
        """Do what is due; ``main_pid`` is the root of the target."""
        for number, fault in enumerate(self.faults):
            if (
                isinstance(fault.trigger, After)
                and number not in self._fired
                and not self._is_ahead(fault, now)
            ):
                self._carry_out(number, fault, main_pid, now)

    def news(self) -> list[PlantedFault]:
        """Return what has fired since the last time, with the time at which it did."""
        return list(self._news())

    def finish(self) -> tuple[PlantedFault, ...]:
        """Return what became of every fault, when all processes of the target have ended."""
        self.news()
        workers = self._workers()
        reasons = {n: _why(n, fault, workers) for n, fault in enumerate(self.faults)}
        reasons |= self._refused
        found = tuple(
            self._fired.get(number) or PlantedFault(fault=str(fault), reason=reasons[number])
            for number, fault in enumerate(self.faults)
        )
        if self.faults:
            shutil.rmtree(self._directory, ignore_errors=True)
        return found

    def _carry_out(self, number: int, fault: Fault, main_pid: int, now: float) -> None:
        worker = self._find(fault, main_pid)
        if worker is None or number in self._begun or number in self._refused:
            return
        try:
            if fault.kind in harm.INSIDE:
                self._begun.add(number)
                (self._directory / f"due-{number}").touch()
                os.kill(worker.pid, NOTICE)
                return
            harm.from_outside(fault, worker.pid)
        except (ProcessLookupError, FileNotFoundError):
            return  # it has just ended; there may be another
        except OSError as error:
            self._refused[number] = f"the kernel refused it to {worker.name}: {error.strerror}"
            return
        self._begun.add(number)
        note = {"worker": worker.name, "pid": worker.pid, "at": now}
        (self._directory / f"fired-{number}").write_text(json.dumps(note), encoding="utf-8")

    def _find(self, fault: Fault, main_pid: int) -> _Worker | None:
        """Return the oldest live worker that ``fault`` is meant for."""
        if fault.worker == MAIN:
            return _Worker(MAIN, main_pid, (), 0.0)
        found = [w for w in self._workers() if fault.hits(w.name) and _is_alive(w.pid)]
        return min(found, key=lambda worker: worker.born, default=None)

    def _workers(self) -> list[_Worker]:
        found = (_read(path, len(self.faults)) for path in self._directory.glob("worker-*"))
        return [worker for worker in found if worker.name]

    def _news(self) -> Iterator[PlantedFault]:
        for number, fault in enumerate(self.faults):
            path = self._directory / f"fired-{number}"
            if number in self._fired or not path.exists():
                continue
            with contextlib.suppress(json.JSONDecodeError):  # it is being written just now
                note = json.loads(path.read_text(encoding="utf-8"))
                self._fired[number] = PlantedFault(
                    fault=str(fault), worker=note["worker"], pid=note["pid"], at_s=note["at"]
                )
                yield self._fired[number]


def _read(path: Path, count: int) -> _Worker:
    size = count * COUNTER.size
    data = path.read_bytes() or bytes(size)  # made, and not yet filled: it has no name so far
    return _Worker(
        name=data[size:].decode(errors="replace"),
        pid=int(path.name.split("-")[1]),
        passes=tuple(COUNTER.unpack_from(data, i * COUNTER.size)[0] for i in range(count)),
        born=path.stat().st_ctime_ns * 1e-9,
    )


def _is_alive(pid: int) -> bool:
    stat = procfs.stat(pid)
    return stat is not None and stat.state not in "ZX"


def _why(number: int, fault: Fault, workers: Sequence[_Worker]) -> str:
    """Say why a fault never fired."""
    if isinstance(fault.trigger, After):
        if any(fault.hits(worker.name) for worker in workers) or fault.worker == MAIN:
            return "its worker had ended by then, or could not do it"
        names = ", ".join(sorted({worker.name for worker in workers})) or "none"
        return f"no such worker was running then; the workers were: {names}"
    what = f"point {fault.trigger.name!r}" if hasattr(fault.trigger, "name") else str(fault.trigger)
    counts: dict[str, int] = {}
    for worker in workers:
        if worker.passes[number]:
            counts[worker.name] = counts.get(worker.name, 0) + worker.passes[number]
    if not counts:
        return f"{what} was never passed"
    by = ", ".join(f"{_times(count)} by {name}" for name, count in sorted(counts.items()))
    return f"{what} was passed {by}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
