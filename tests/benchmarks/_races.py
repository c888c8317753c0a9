"""Races among the scenarios: what chance shows in each variant, and what hunts with each seed find.

``chance`` is violations of tries in all repeats. ``hunted`` counts the seeds with which a hunt
of 2,000 executions found the fault, ``mean`` and ``worst`` are executions until then, ``replayed``
the schedules of them that failed again in 20 of 20 replays, and ``silent`` the hunts of the
corrected test that found nothing.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from lab.hunt import HuntResult, Settings, hunt, replay
from lab.model import RunRecord
from lab.racing import counted_violations
from lab.registry import Found

HEADINGS = ("race", "variant", "chance", "hunted", "mean", "worst", "replayed", "silent", "models")
WIDTHS = (24, 11, 18, 7, 6, 6, 9, 7, 20)
EXECUTIONS = 2000


def heading() -> str:
    """Return the table's first line."""
    return _row(HEADINGS)


def race_rows(found: Found, faulty: RunRecord, seeds: int) -> Iterator[str]:
    """Yield a line for each variant of a race; none for a scenario that is no race."""
    if "race" not in found.scenario.tags or faulty.result is None:
        return
    hunted = _hunted(found, seeds)
    for variant in faulty.header.variants:
        trials = [each for each in faulty.result.trials if each.variant == variant]
        counts = [each for each in map(counted_violations, trials) if each is not None]
        shown, tries = sum(k for k, _ in counts), sum(n for _, n in counts)
        name = str(variant.start_method or variant.workers)
        yield _row((found.scenario.name, name, f"{shown}/{tries}", *hunted))


def _hunted(found: Found, seeds: int) -> tuple[str, ...]:
    body, mended = found.scenario.hunted, found.scenario.hunted_corrected
    if body is None or mended is None:
        return ("-",) * 6
    results = [hunt(body, _settings(found, seed)) for seed in range(seeds)]
    silent = sum(not hunt(mended, _settings(found, seed)).found for seed in range(seeds))
    hits = [each for each in results if each.found]
    needed = [each.executions for each in hits] or [0]
    again = sum(_replays(found, each) for each in hits)
    models = {name for each in hits for name, said in each.models.items() if said == "found"}
    return (
        f"{len(hits)}/{seeds}",
        f"{statistics.mean(needed):.0f}",
        str(max(needed)),
        f"{again}/{len(hits)}",
        f"{silent}/{seeds}",
        " ".join(sorted(models)),
    )


def _replays(found: Found, result: HuntResult) -> bool:
    body = found.scenario.hunted
    assert body is not None
    asked = _settings(found, result.seed)
    return replay(body, result.schedule or "", asked, times=20).failed == 20


def _settings(found: Found, seed: int) -> Settings:
    return Settings(executions=EXECUTIONS, seed=seed, trace=(found.module,))


def _row(cells: Sequence[str]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, WIDTHS, strict=True)).rstrip()
