"""How often each scenario shows what it plants, in each variant, and is diagnosed by its truth.

``right`` counts the trials whose outcome and diagnosis both agreed with the ground truth; ``who``
says what became of the question who holds the thing, of which ``hidden`` is the honest answer where
nothing outside the program records it. ``left`` counts what was still there after a trial.

Races are listed in a table of their own as well: what chance shows of them, and what hunts find.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from lab import registry, runner
from lab.model import AnswerKind, RunRecord, Trial, VerdictKind
from lab.registry import Found
from lab.scenario import OutcomeKind, Workers
from tests.benchmarks._races import heading, race_rows
from tests.integration.scenarios.running import SMALL

HOLDER = 4
"""The number of the question who holds it."""
HEADINGS = (
    "scenario", "variant", "outcome", "proved", "right", "who", "left", "corrected", "left", "ms",
)  # fmt: skip
WIDTHS = (20, 11, 15, 7, 7, 13, 5, 10, 5, 6)


def main(arguments: list[str]) -> None:
    """Print the table; ``arguments``: the number of repeats (default 20), then names of scenarios.

    Without names every registered scenario is run.
    """
    repeats = int(arguments[0]) if arguments else 20
    names = arguments[1:] or [entry.name for entry in registry.installed() if not entry.error]
    began = time.monotonic()
    print(_row(HEADINGS))
    deviations: list[str] = []
    races: list[str] = []
    for name in names:
        found = registry.find(name)
        with tempfile.TemporaryDirectory() as scratch:
            faulty = run(found, Path(scratch), repeats, corrected=False)
            corrected = run(found, Path(scratch), repeats, corrected=True)
            print("\n".join(rows(found, faulty, corrected)), flush=True)
            deviations += [*complaints(faulty), *complaints(corrected)]
            races += race_rows(found, faulty, repeats)
    if races:
        print("\n".join(("", heading(), *races)))
    print(f"\n{len(names)} scenarios, {repeats} repeats, {time.monotonic() - began:.0f} s")
    for line in deviations:
        print(line)


def run(found: Found, output: Path, repeats: int, *, corrected: bool) -> RunRecord:
    """Run one version of a scenario in all its variants."""
    scenario = found.scenario
    methods = scenario.start_methods if Workers.PROCESSES in scenario.variants else ()
    request = runner.RunRequest(
        found=found,
        variants=runner.choose_variants(scenario.variants, "all", methods, scenario.start_methods),
        parameters=scenario.arguments(SMALL.get(scenario.name, {})),
        corrected=corrected,
        repeat=repeats,
        heap=False,
        hunt=0,
        output=output,
    )
    return runner.run(request, lambda _event: None)


def rows(found: Found, faulty: RunRecord, corrected: RunRecord) -> Iterator[str]:
    """Yield a line for each variant."""
    for variant in faulty.header.variants:
        bad = [t for t in _trials(faulty) if t.variant == variant]
        good = [t for t in _trials(corrected) if t.variant == variant]
        kinds = Counter(str(t.outcome.kind) for t in bad)
        healthy = [t for t in good if t.outcome.kind is OutcomeKind.EXITED and _is_right(t)]
        yield _row(
            (
                found.scenario.name,
                str(variant.start_method or variant.workers),
                " ".join(
                    f"{kind}" if n == len(bad) else f"{kind} {n}" for kind, n in kinds.items()
                ),
                f"{sum(t.outcome.proof is not None for t in bad)}/{len(bad)}",
                f"{sum(map(_is_right, bad))}/{len(bad)}",
                _holders(faulty, bad),
                str(sum(map(_left_behind, bad))),
                f"{len(healthy)}/{len(good)}",
                str(sum(map(_left_behind, good))),
                f"{_proof_ms(bad):.0f}",
            )
        )


def complaints(record: RunRecord) -> Iterator[str]:
    """Yield what was not as expected, or could not be compared."""
    for trial in _trials(record):
        version = "corrected" if record.header.corrected else "faulty"
        for check in trial.verdict.checks if trial.verdict else ():
            if check.passed is not True:
                yield (
                    f"{record.header.scenario.name} ({version}) {trial.id}: {check.name}: "
                    f"saw {check.seen}, wanted {check.wanted}"
                )


def _trials(record: RunRecord) -> Sequence[Trial]:
    assert record.result is not None
    return record.result.trials


def _is_right(trial: Trial) -> bool:
    return trial.verdict is not None and trial.verdict.kind is VerdictKind.AS_EXPECTED


def _holders(record: RunRecord, trials: Sequence[Trial]) -> str:
    """Say how the question who holds it was answered: right, or hidden where nobody can know."""
    hidden = any(wait.hidden for wait in next(iter(record.header.expectations.values())).waits)
    answers = Counter(
        "hidden" if hidden and answer.kind is not AnswerKind.WRONG else str(answer.kind)
        for trial in trials
        if trial.debuggability
        for answer in trial.debuggability.answers
        if answer.number == HOLDER
    )
    return " ".join(f"{kind} {count}" for kind, count in sorted(answers.items())) or "-"


def _left_behind(trial: Trial) -> int:
    """Count processes that live on, and named things that were found and are still there."""
    if trial.reaped is None:
        return 0
    still = sum(Path(path).exists() for path in trial.reaped.leftovers)
    return len(trial.reaped.survivors) + still


def _proof_ms(trials: Sequence[Trial]) -> float:
    """Return the median time from the last progress to the proof."""
    proofs = [t.outcome.proof for t in trials if t.outcome.proof]
    times = sorted((proof.proved_s - proof.last_progress_s) * 1e3 for proof in proofs)
    return times[len(times) // 2] if times else float("nan")


def _row(cells: Sequence[str]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, WIDTHS, strict=True)).rstrip()
