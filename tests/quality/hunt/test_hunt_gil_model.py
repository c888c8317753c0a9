"""The gil model against the interpreter that runs this: what it rules out never happens here.

For each pattern of :mod:`gil_patterns` and :mod:`gil_library` the exhaustive search with one
preemption says whether an update can be lost, and two free threads with a switch interval of 1 µs
say whether one is, in 2 x 1,000,000 increments in one go: in a short burst the first thread can be
done before a busy machine has woken the second. Where both run, the rarest possible pattern loses
more than 1 in 10, and ten bursts are tried before "none was lost" is believed.
``python -m tests.benchmarks hunt_gil`` prints the table.
"""

from __future__ import annotations

import sysconfig
import threading

import pytest

from lab.hunt import Settings, hunt
from tests.quality.hunt.gil_library import PATTERNS
from tests.quality.hunt.gil_patterns import COLD_ONLY, IMPOSSIBLE, POSSIBLE, State
from tests.quality.hunt.gil_stress import lost_updates, warm

_FREE = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
pytestmark = pytest.mark.skipif(_FREE, reason="this interpreter has no GIL")

_ASKED = Settings(model="gil", strategy="exhaustive", bound=1, executions=5000)
_TIMES = 1_000_000
_BURSTS = 10
_NAMES = [name for name, _, _ in PATTERNS]


def body_of(step):
    def body():
        state = State()
        threads = [threading.Thread(target=step, args=(state,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert state.total() == 2

    return body


def test_the_table_has_twenty_patterns_of_each_kind_together():
    verdicts = [verdict for _, verdict, _ in PATTERNS]
    assert len(verdicts) >= 20
    assert {IMPOSSIBLE, POSSIBLE} <= set(verdicts)


@pytest.mark.parametrize(("name", "verdict", "step"), PATTERNS, ids=_NAMES)
def test_the_model_says_what_the_table_says(name, verdict, step):
    result = hunt(body_of(step), _ASKED)
    assert result.found == (verdict != IMPOSSIBLE)
    if not result.found:
        assert result.explored.complete
        assert result.explored.bound == 1


@pytest.mark.parametrize(("name", "verdict", "step"), PATTERNS, ids=_NAMES)
def test_the_interpreter_does_what_the_table_says(name, verdict, step):
    if verdict == COLD_ONLY:
        warm(step)
    if verdict != POSSIBLE:
        assert lost_updates(step, _TIMES) == 0
        return
    assert any(lost_updates(step, _TIMES) for _ in range(_BURSTS))


@pytest.mark.parametrize(
    "step", [step for _, verdict, step in PATTERNS if verdict == IMPOSSIBLE],
    ids=[name for name, verdict, _ in PATTERNS if verdict == IMPOSSIBLE],
)  # fmt: skip
def test_without_a_gil_every_pattern_could_lose(step):
    result = hunt(body_of(step), Settings(model="free-threaded", executions=500))
    assert result.found
