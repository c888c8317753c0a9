"""Sums over footprint samples, and which of them are measurements at all."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from lab.model import Footprint, FootprintSample
from lab.report.words import mebibytes


def measured(footprint: Footprint) -> Footprint:
    """Return the footprint without what was not measured.

    A program that ended before a second look was taken has no figure with its workers: the
    difference of the first sweep with itself would be a 0 that nobody measured.
    """
    if len(sweeps(footprint.samples)) > 1 or not footprint.samples:
        return footprint
    return msgspec.structs.replace(
        footprint,
        loaded_pss_bytes=None,
        added_pss_bytes=None,
        added_uss_bytes=None,
        added_rss_bytes=None,
    )


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
