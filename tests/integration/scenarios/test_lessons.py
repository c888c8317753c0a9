"""What every built-in scenario says about itself: markers, truth, parameters, words."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

from lab import registry
from lab.expectation import expect
from lab.markers import find_markers
from lab.model import ExpectedWait
from lab.registry import Found
from lab.scenario import Cause, OutcomeKind, Workers

CLAIMS = {f"P{i}" for i in range(1, 8)} | {f"T{i}" for i in range(1, 9)} | {"G1"}
LONGEST = 160
"""Lines of a lesson."""

NAMES = sorted(entry.name for entry in registry.installed() if not entry.error)


@pytest.fixture(params=NAMES)
def found(request: pytest.FixtureRequest) -> Found:
    return registry.find(request.param)


def lines_of(wait: ExpectedWait) -> set[int]:
    return {line.line for line in (wait.at, wait.held_at) if line is not None}


def test_no_entry_point_is_broken() -> None:
    assert [entry.name for entry in registry.installed() if entry.error] == []


def test_it_goes_by_the_name_of_its_entry_point() -> None:
    assert [registry.find(name).scenario.name for name in NAMES] == NAMES


def test_the_truth_uses_every_marker_and_no_other(found: Found) -> None:
    source = found.source_file.read_text(encoding="utf-8")
    values = found.scenario.arguments({})
    used: set[int] = set()
    for variant in found.scenario.all_variants:
        expected = expect(found.scenario, found.source_file, values, variant)
        used = used.union(*map(lines_of, expected.waits))
    assert used == set(find_markers(source).values())


def test_the_truth_is_whole(found: Found) -> None:
    values = found.scenario.arguments({})
    for variant in found.scenario.all_variants:
        truth = expect(found.scenario, found.source_file, values, variant)
        hangs = truth.outcome in (OutcomeKind.DEADLOCKED, OutcomeKind.QUIET)
        assert hangs == bool(truth.waits) == (truth.cause is not Cause.NONE)
        for wait in truth.waits:
            assert wait.held_at is None or wait.holder is not None
            assert not wait.hidden or wait.holder is not None or wait.no_holder is not None
            assert wait.no_holder is None or wait.holder is None


def test_the_truth_follows_the_parameters_to_their_limits(found: Found) -> None:
    for limit in ("minimum", "maximum"):
        values = found.scenario.arguments({})
        for parameter in found.scenario.parameters:
            assert parameter.check(parameter.default) == parameter.default
            assert parameter.help
            if (value := getattr(parameter, limit)) is not None:
                values[parameter.name] = type(parameter.default)(value)
        for variant in found.scenario.all_variants:
            expect(found.scenario, found.source_file, values, variant)
            expect(found.scenario, found.source_file, values, variant, corrected=True)


def test_its_words_are_sentences(found: Found) -> None:
    scenario = found.scenario
    for text in (scenario.plants, scenario.why, scenario.cure):
        assert text.endswith((".", "?"))
        assert re.match(r"[A-Z]|\w+\(\) ", text)  # a call keeps its own spelling
    assert not scenario.title.endswith(".")
    assert scenario.tags
    assert set(scenario.claims) <= CLAIMS
    assert scenario.claims


def test_it_says_why_another_variant_has_no_such_fault(found: Found) -> None:
    words = {Workers.THREADS: "[Tt]hreads", Workers.PROCESSES: "[Pp]rocess(es)?"}
    for kind in set(Workers) - set(found.scenario.variants):
        assert re.search(words[kind], found.scenario.why), f"{found.scenario.name}: {kind}"


def test_it_is_short_and_needs_the_standard_library_only(found: Found) -> None:
    source = found.source_file.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= LONGEST
    tree = ast.parse(source)
    assert ast.get_docstring(tree)
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    outside = {str(name).partition(".")[0] for name in modules} - sys.stdlib_module_names
    assert outside == {"lab"}
    assert "lab" in modules  # and none of its inner modules
    assert not any(str(name).startswith("lab.") for name in modules)


def test_it_sleeps_nowhere(found: Found) -> None:
    calls = ast.walk(ast.parse(Path(found.source_file).read_text(encoding="utf-8")))
    sleeps = [n for n in calls if isinstance(n, ast.Call) and ast.unparse(n.func) == "time.sleep"]
    assert not sleeps, "what has to happen is made to happen, and not waited for"
