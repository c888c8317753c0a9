"""The footprint samples of one trial: when to take them, and what they add up to."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from lab.capture import footprint
from lab.model import Footprint, FootprintSample, Snapshot
from lab.scenario import Workers


class Samples:
    """Footprint samples of a process tree in the order in which they were taken."""

    def __init__(self) -> None:
        self._samples: list[FootprintSample] = []
        self._baseline_s = self._loaded_s = 0.0

    def take(self, pids: list[int], at_s: float) -> None:
        """Take one of each process."""
        self._samples += footprint.sample(pids, at_s=at_s)

    def take_baseline(self, pids: list[int], at_s: float) -> None:
        """Take the one before any worker was there."""
        self.take(pids, at_s)
        self._baseline_s = at_s

    def take_loaded(self, pids: list[int], at_s: float) -> None:
        """Take the one at which all workers are there."""
        self.take(pids, at_s)
        self._loaded_s = at_s

    def relabel(self, snapshot: Snapshot) -> None:
        """Give the samples the names that the stacks showed their processes to have."""
        labels = {p.process.pid: p.process.label for p in snapshot.processes if p.process.label}
        self._samples = [
            msgspec.structs.replace(sample, label=labels.get(sample.pid, sample.label))
            for sample in self._samples
        ]

    def summary(self, kind: Workers) -> Footprint | None:
        """Return what each worker of this ``kind`` added; ``None`` if there are no samples.

        The workers are those that were seen: a program need not have as many as it was told.
        """
        if not self._samples:
            return None
        loaded_s = self._loaded_s or self._fullest(kind)
        return footprint.summarise(
            self._samples,
            baseline_s=self._baseline_s,
            loaded_s=loaded_s,
            workers=self._workers(loaded_s, kind),
        )

    def _fullest(self, kind: Workers) -> float:
        """Return the time at which most workers were seen, and of those times the heaviest.

        Memory alone would not do: what threads have taken stays with the process when they end.
        """
        totals: dict[float, int] = {}
        for one in self._samples:
            totals[one.at_s] = totals.get(one.at_s, 0) + (one.pss_bytes or one.rss_bytes)
        return max(totals, key=lambda at_s: (self._workers(at_s, kind), totals[at_s]))

    def _workers(self, loaded_s: float, kind: Workers) -> int:
        return footprint.count_workers(
            self._samples, baseline_s=self._baseline_s, loaded_s=loaded_s, kind=kind
        )


def pauses() -> Iterator[float]:
    """Yield the pauses between footprint samples, in seconds: dense at first, then once a second.

    Reading ``smaps_rollup`` takes the target's memory lock, so a long run is sampled sparsely.
    """
    pause = 0.02
    while True:
        yield pause
        pause = min(pause * 2, 1.0)
