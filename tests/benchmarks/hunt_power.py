"""Detection power: executions to the first failure, beside the figure published for SURW.

``python -m tests.benchmarks hunt_power -- DIRECTORY [SEEDS]``. Each module of ``DIRECTORY`` has a
``run()`` that starts threads and fails when its bug shows; those in ``DIRECTORY/correct`` have no
bug. All are hunted with default settings, 2,000 executions at most, once for each seed. The
published figures are means over 20 trials on C programs of the same names (Zhao and others,
ASPLOS 2025, artifact): where their decision points lie differs from ours, so they are a yardstick.
"""

from __future__ import annotations

import importlib.util
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

from lab.hunt import HuntResult, Settings, hunt, replay
from lab.hunt.strategies.portfolio import RHYTHM

EXECUTIONS = 2000
PUBLISHED = {
    "account_bad": 6,
    "bluetooth_driver_bad": 70,
    "bounded_buffer": 9,
    "circular_buffer_bad": 3,
    "deadlock01_bad": 2,
    "queue_bad": 2,
    "reorder_10_bad": 17,
    "reorder_3_bad": 7,
    "reorder_5_bad": 10,
    "stack_bad": 5,
    "twostage_20_bad": 6,
    "twostage_bad": 8,
    "workstealqueue": 6,
    "wronglock_bad": 7,
}
REASON = (
    f"after a plain first execution the portfolio gives SURW {RHYTHM.count('surw')} of every "
    f"{len(RHYTHM)}; what only SURW finds soon takes {len(RHYTHM) / RHYTHM.count('surw'):.1f} "
    "times its executions, and what others find sooner takes fewer"
)


def load(path: Path) -> Callable[[], object]:
    """Return the ``run`` of the module at ``path``."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    run: Callable[[], object] = module.run
    return run


def hunts(path: Path, seeds: int, model: str) -> list[HuntResult]:
    """Hunt one program with each seed, in the directory's own scope."""
    run = load(path)
    return [
        hunt(run, Settings(model=model, seed=seed, executions=EXECUTIONS)) for seed in range(seeds)
    ]


def racy(path: Path, seeds: int) -> bool:
    """Print the line of a program with a bug; say whether a reason is due."""
    run = load(path)
    results = hunts(path, seeds, "free-threaded")
    found = [result for result in results if result.found]
    mean = statistics.fmean([result.executions_to_failure or 0 for result in found] or [0])
    switches = max((result.switches or 0 for result in found), default=0)
    failed = sum(replay(run, result.schedule, times=100).failed for result in found)
    wanted = PUBLISHED.get(path.stem)
    above = wanted is not None and mean > wanted
    beside = f"{wanted:>5}  {mean / wanted:4.1f}x{' above' if above else ''}" if wanted else ""
    print(
        f"{path.stem:26}{len(found):>3} of {seeds}  mean {mean:6.1f}  {switches} switches  "
        f"replayed {failed} of {100 * len(found)}  {beside}",
        flush=True,
    )
    return above


def correct(path: Path, seeds: int) -> None:
    """Print the line of a program without a bug: it must stay silent in both models."""
    silent = {
        model: sum(result.kind is None for result in hunts(path, seeds, model))
        for model in ("gil", "free-threaded")
    }
    said = ", ".join(f"{count} of {seeds} under {model}" for model, count in silent.items())
    print(f"correct/{path.stem:26} silent: {said}", flush=True)


def main(options: list[str]) -> None:
    """Print a line a program, then the reason for those above the published figure."""
    if not options:
        print("which directory? python -m tests.benchmarks hunt_power -- DIRECTORY [SEEDS]")
        return
    folder, seeds = Path(options[0]), int(options[1]) if len(options) > 1 else 20
    print(f"{'program':26}found, mean executions to the first failure; SURW's mean, ours over it")
    above = [racy(path, seeds) for path in sorted(folder.glob("*.py"))]
    if any(above):
        print(f"above: {REASON}")
    for path in sorted((folder / "correct").glob("*.py")):
        correct(path, seeds)
