"""Thirty repeats of the deadlock in every variant: each proved, each diagnosed rightly.

Nothing here is random: the program deadlocks on every run, so every repeat has to be right.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.integration.lab_command import lab

REPEATS = 30
METHODS = ["fork", "forkserver", "spawn"]
LABELS = ["threads", *METHODS]


def run(output, *options):
    words = ["run", "deadlock", "--no-heap", "--json", "--repeat", str(REPEATS)]
    for method in METHODS:
        words += ["--start-method", method]
    done = lab(*words, "--output", output, *options, limit_s=900)
    return done, done.json["result"]["trials"]


def count(trials, fact):
    """How many trials of each variant have ``fact``."""
    right = Counter()
    for trial in trials:
        variant = trial["variant"]
        right[variant["start_method"] or variant["workers"]] += bool(fact(trial))
    return dict(right)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    return run(tmp_path_factory.mktemp("faulty"))


def test_every_repeat_is_proved_and_diagnosed_with_the_right_lines_and_holders(faulty):
    done, trials = faulty
    assert count(trials, lambda t: t["outcome"].get("proof")) == dict.fromkeys(LABELS, REPEATS)
    wrong = [t for t in trials if t["verdict"]["kind"] != "as-expected"]
    checks = [(t["id"], c) for t in wrong for c in t["verdict"]["checks"] if not c["passed"]]
    assert checks == []
    assert done.code == 0


def test_nothing_is_left_behind_by_any(faulty):
    _, trials = faulty
    assert [t["id"] for t in trials if t["reaped"]["survivors"]] == []


def test_the_corrected_version_is_healthy_every_time(tmp_path):
    done, trials = run(tmp_path, "--corrected")
    healthy = count(trials, lambda t: t["verdict"]["kind"] == "as-expected")
    assert healthy == dict.fromkeys(LABELS, REPEATS)
    assert done.code == 0
