"""Which results stand beside each other: the newest run of each scenario, and the newest claims.

A set of results comes from one place: a directory full of runs, a single run, or the claims. Two
sets are two machines, two interpreters, or the time before and after a change.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab import store
from lab.errors import InconclusiveError, UsageError
from lab.model import ClaimsResult, Measurements, RunRecord


@dataclass(frozen=True)
class ResultSet:
    """What was found in one place. ``runs`` are finished, of the faulty versions, by name."""

    name: str
    runs: tuple[RunRecord, ...]
    claims: ClaimsResult | None = None
    measurements: Measurements | None = None


def gather(place: Path) -> ResultSet:
    """Return the results in ``place``: a directory of runs, one run, or the claims.

    Of the runs of a scenario the newest that finished counts, and so with the claims. Raises
    :class:`UsageError` when ``place`` is no directory, and :class:`InconclusiveError` when nothing
    in it finished.
    """
    if not place.is_dir():
        raise UsageError(
            f"{place} is no directory",
            wanted="a run, or a directory of runs",
            next_step="lab run --all; lab claims",
        )
    runs = newest(store.find_runs(place))
    claims, measurements = store.newest_claims(place)
    if not runs and claims is None:
        raise InconclusiveError(
            f"{place} holds no finished run of a faulty version and no claims",
            next_step="lab run --all; lab claims",
        )
    return ResultSet(str(place), runs, claims, measurements)


def of_runs(name: str, records: Sequence[RunRecord], place: Path) -> ResultSet:
    """Return ``records``, which were just made, with the newest claims of ``place``, if any."""
    claims, measurements = store.newest_claims(place)
    return ResultSet(name, newest(records), claims, measurements)


def newest(records: Iterable[RunRecord]) -> tuple[RunRecord, ...]:
    """Return the newest finished run of each scenario's faulty version, sorted by name."""
    found: dict[str, RunRecord] = {}
    for record in records:
        name = record.header.scenario.name
        if record.result is None or record.header.corrected:
            continue
        if name not in found or record.header.started_at > found[name].header.started_at:
            found[name] = record
    return tuple(found[name] for name in sorted(found))
