"""Sets of results for the tests of comparisons, without running or measuring anything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from lab.comparison import ResultSet
from lab.model import (
    ClaimsResult,
    ClaimVerdict,
    ClaimVerdictKind,
    Figure,
    Measurements,
    RunRecord,
    Series,
    Trial,
)
from lab.report.comparison_page import render_contrast, render_pair
from lab.scenario import StartMethod, Variant, Workers
from tests.unit.report import hostile, runs

SPAWN = Variant(Workers.PROCESSES, StartMethod.SPAWN)


def record(root: Path, name: str = "deadlock", *trials: Trial, **changes: object) -> RunRecord:
    """Return a run that was written below ``root`` under the name of a scenario."""
    head = runs.header(**changes)
    scenario = msgspec.structs.replace(head.scenario, name=name)
    head = msgspec.structs.replace(head, scenario=scenario)
    return runs.write(root, list(trials) or [runs.deadlocked(v) for v in head.variants], head)


def measurements() -> Measurements:
    """Return memory over the number of workers, as three variants might have it."""
    sizes = {runs.THREADS: 30_000, runs.FORK: 1_500_000, SPAWN: 7_000_000}
    series = [
        Series(
            program="memory-per-worker",
            variant=variant,
            parameters={"workers": workers},
            name=figure,
            unit="bytes",
            samples=(9e6 + each * workers, 9e6 + each * workers + 4096),
        )
        for variant, each in sizes.items()
        for workers in (1, 8, 32)
        for figure in ("PSS of all", "RSS of all", "USS a worker")
    ]
    return Measurements(
        schema_version=1, started_at="", quick=True, machine=runs.machine(), series=tuple(series)
    )


def claims(*verdicts: ClaimVerdictKind, directory: str = "") -> ClaimsResult:
    """Return a claim with each of ``verdicts``."""
    figures = (
        Figure(name="speed-up", median=1.8, low=1.7, high=1.9, samples=5, decides=True),
        Figure(name="start-up", median=0.02, low=0.02, high=0.02, unit="s", samples=1),
    )
    made = [
        ClaimVerdict(
            id=f"P{number}",
            claim="Processes run in parallel.",
            verdict=verdict,
            reason="as far as `measured`",
            threshold="holds from 1.5 on",
            figures=figures,
            evidence="measurements.json",
        )
        for number, verdict in enumerate(verdicts, 1)
    ]
    return ClaimsResult(
        schema_version=1,
        id="claims",
        started_at="2026-01-01T00:00:00Z",
        finished_at="",
        elapsed_s=1.0,
        quick=True,
        machine=runs.machine(),
        claims=tuple(made),
        directory=directory,
    )


def whole(root: Path, *verdicts: ClaimVerdictKind) -> ResultSet:
    """Return a set with two scenarios, claims and measurements."""
    records = (record(root, "deadlock"), record(root, "other"))
    return ResultSet(str(root), records, claims(*verdicts or ClaimVerdictKind), measurements())


def comparison(root: Path) -> str:
    """Return the page of one set."""
    return render_contrast(whole(root), root)


def pairing(root: Path) -> str:
    """Return the page of two sets that differ."""
    (root / "b").mkdir()
    after = whole(root / "b", *reversed(ClaimVerdictKind))
    slower = [runs.deadlocked(v, took_s=0.5) for v in (runs.THREADS, runs.FORK)]
    (root / "c").mkdir()
    changed = (record(root / "c", "deadlock", *slower), record(root / "c", "third"))
    after = ResultSet(after.name, changed, after.claims, after.measurements)
    return render_pair(whole(root), after, root)


def nasty(root: Path) -> str:
    """Return the page of a set in which every text tries to break out."""
    poisoned = hostile.poison(claims(*ClaimVerdictKind))
    kinds = zip(poisoned.claims, ClaimVerdictKind, strict=True)
    poisoned = msgspec.structs.replace(
        poisoned,
        claims=tuple(msgspec.structs.replace(claim, verdict=kind) for claim, kind in kinds),
        directory="",
    )
    results = ResultSet(hostile.NASTY, (hostile.record(),), poisoned, measurements())
    return render_contrast(results, root)


def bare(root: Path) -> str:
    """Return the page of a set that has claims only."""
    return render_contrast(ResultSet("bare", (), claims(ClaimVerdictKind.HOLDS)), root)


PAGES: dict[str, Callable[[Path], str]] = {
    "comparison": comparison,
    "pair": pairing,
    "nasty-comparison": nasty,
    "bare-comparison": bare,
}
