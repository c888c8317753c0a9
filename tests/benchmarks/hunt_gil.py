"""The gil model's table, in full: each pattern 2 x 1,000,000 times on this interpreter.

``python -m tests.benchmarks hunt_gil -- [TIMES]``. What the model calls impossible must not lose;
what it calls possible must lose something, or be one of the calls that stop looking for a switch
request once they are specialised, which are tried with fresh code as well.
"""

from __future__ import annotations

import sys

from tests.quality.hunt.gil_library import PATTERNS
from tests.quality.hunt.gil_patterns import COLD_ONLY, IMPOSSIBLE, POSSIBLE
from tests.quality.hunt.gil_stress import lost_updates, lost_when_cold, warm

_COLD_TRIES = 4_000


def main(options: list[str]) -> None:
    """Print a line a pattern, and at the end how many disagree."""
    times = int(options[0]) if options else 1_000_000
    wrong = 0
    print(sys.version)
    for name, verdict, step in PATTERNS:
        if verdict == COLD_ONLY:
            warm(step)
        lost = lost_updates(step, times)
        agrees = (lost > 0) == (verdict == POSSIBLE)
        wrong += not agrees
        cold = f", {lost_when_cold(step, _COLD_TRIES)} while cold" if verdict == COLD_ONLY else ""
        mark = "" if agrees else "   <- disagrees"
        print(f"{name:40}{verdict:22}{lost:>9} lost of 2 x {times}{cold}{mark}", flush=True)
    print(f"{wrong} of {len(PATTERNS)} disagree; {IMPOSSIBLE} means none may be lost")


if __name__ == "__main__":
    main(sys.argv[1:])
