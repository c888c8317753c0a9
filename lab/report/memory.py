"""Sums over footprint samples, sweep by sweep."""

from __future__ import annotations

from collections.abc import Sequence

from lab.model import FootprintSample
from lab.report.words import mebibytes


def tree_pss(samples: Sequence[FootprintSample]) -> list[tuple[float, float]]:
    """Return (second, MiB) of all processes together, for each sweep over the tree."""
    return [
        (sweep[0].at_s, mebibytes(sum(sample.pss_bytes or 0 for sample in sweep)))
        for sweep in sweeps(samples)
        if all(sample.pss_bytes is not None for sample in sweep)
    ]


def sweeps(samples: Sequence[FootprintSample]) -> list[list[FootprintSample]]:
    """Return the samples sweep by sweep: a new one begins when a process comes up again."""
    found: list[list[FootprintSample]] = []
    for sample in sorted(samples, key=lambda each: each.at_s):
        if not found or sample.pid in {each.pid for each in found[-1]}:
            found.append([])
        found[-1].append(sample)
    return found
