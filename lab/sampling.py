"""The footprint samples of one trial: when to take them, and what they add up to."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from lab.capture import footprint
from lab.model import Footprint, FootprintSample, Snapshot


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

    def summary(self, workers: int) -> Footprint | None:
        """Return what the samples say of ``workers`` workers; ``None`` if there are none."""
        if not self._samples:
            return None
        return footprint.summarise(
            self._samples,
            baseline_s=self._baseline_s,
            loaded_s=self._loaded_s or _fullest(self._samples),
            workers=workers,
        )


def pauses() -> Iterator[float]:
    """Yield the pauses between footprint samples, in seconds: dense at first, then once a second.

    Reading ``smaps_rollup`` takes the target's memory lock, so a long run is sampled sparsely.
    """
    pause = 0.02
    while True:
        yield pause
        pause = min(pause * 2, 1.0)


def _fullest(samples: list[FootprintSample]) -> float:
    """Return the time at which the tree held most memory: its workers were all there then."""
    totals: dict[float, int] = {}
    for sample in samples:
        totals[sample.at_s] = totals.get(sample.at_s, 0) + (sample.pss_bytes or sample.rss_bytes)
    return max(totals, key=lambda at_s: totals[at_s])
