"""Detection power with default settings, and silence on correct programs.

If an execution of a program shows its bug with probability p, a hunt of n executions misses it with
(1 - p)^n. Over 5 or 6 seeds the mean of executions to the first failure was at most 27 for each
program here, so p is about 1/27; were it a third of that, a miss in 2,000 executions would still
have a chance below 1e-10.
"""

from __future__ import annotations

import pytest

from lab.hunt import Settings, hunt, replay
from tests.quality.hunt.programs.correct import CORRECT
from tests.quality.hunt.programs.races import RACY

SEEDS = (0, 1, 2)


@pytest.mark.parametrize("name", RACY)
def test_a_race_is_found_with_default_settings(name):
    for seed in SEEDS:
        result = hunt(RACY[name], Settings(model="free-threaded", seed=seed))
        assert result.found, seed
        assert result.kind in ("assertion", "exception", "deadlock")
        assert result.switches <= 4


@pytest.mark.parametrize("name", RACY)
def test_its_schedule_replays_every_time(name):
    result = hunt(RACY[name], Settings(model="free-threaded", seed=11))
    again = replay(RACY[name], result.schedule, times=20)
    assert (again.failed, again.difference) == (20, "")


@pytest.mark.parametrize("model", ["free-threaded", "gil"])
@pytest.mark.parametrize("name", CORRECT)
def test_a_correct_program_is_passed_over_in_silence(name, model):
    result = hunt(CORRECT[name], Settings(model=model, executions=400))
    assert result.kind is None, (result.message, result.failure)
    assert result.conclusive
    assert result.explored.cut_off == 0


# 40 hunts with 40 seeds needed this many executions after the first, plain one to find the lost
# update: random 80, PCT of depth 3 486, POS 136, SURW 43, directed 73. So PCT, the least likely,
# finds it with p = 1/12 in an execution, and misses it in 300 with a chance of 5e-12.
@pytest.mark.parametrize("strategy", ["random", "pct", "pos", "surw", "directed"])
def test_each_strategy_finds_a_lost_update(strategy):
    for seed in range(5):
        asked = Settings(model="free-threaded", strategy=strategy, seed=seed, executions=300)
        assert hunt(RACY["lost_update"], asked).found, seed


@pytest.mark.parametrize("name", ["lost_update", "two_stages_under_two_locks"])
def test_the_exhaustive_search_misses_nothing_within_its_bound(name):
    asked = Settings(model="free-threaded", strategy="exhaustive", bound=1, executions=20_000)
    assert hunt(RACY[name], asked).found


def test_the_exhaustive_search_ends_and_says_how_far_it_went():
    asked = Settings(model="free-threaded", strategy="exhaustive", bound=1, executions=20_000)
    result = hunt(CORRECT["locks_in_one_order"], asked)
    assert result.explored.complete
    assert result.explored.bound == 1
    assert "complete up to 1 preemptions" in result.closing_line()
