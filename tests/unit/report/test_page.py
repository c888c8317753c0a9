"""The page as text: whole, self-contained, small, and deaf to what hostile records try."""

from __future__ import annotations

import itertools
import re
import time
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.model import (
    CaptureReport,
    CaptureStatus,
    Check,
    Evidence,
    Footprint,
    NoHolder,
    Outcome,
    RunRecord,
    Trial,
    Verdict,
    VerdictKind,
)
from lab.report import html
from lab.report.html import render
from lab.scenario import OutcomeKind, StartMethod, Variant, Workers
from tests.unit.report import hostile, runs
from tests.unit.report.strategies import actor, resource
from tests.unit.report.structure import Structure, structure

LIMIT_BYTES = 500_000


@pytest.fixture
def deadlock(tmp_path: Path) -> RunRecord:
    return runs.deadlock_run(tmp_path)


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", " ".join(structure(page).text))


def changed(trial: Trial, **changes: object) -> Trial:
    return msgspec.structs.replace(trial, **changes)


def references(page: Structure) -> list[str]:
    """Return everything that a browser could follow or load."""
    names = ("src", "href", "xlink:href", "srcset", "data", "action", "poster", "background")
    return [value for name in names for value in page.all(name)]


def assert_sound(page: str) -> Structure:
    """Check what holds of every page, and return its structure."""
    found = structure(page)
    tags = {tag for tag, _ in found.elements}
    assert not tags & {"script", "img", "iframe", "object", "embed", "form", "base"}
    assert not [name for _, name, _ in found.values if name.startswith("on")]
    outside = [r for r in references(found) if not r.startswith(("#", "./", "data:,"))]
    assert not outside
    assert not re.search(r"url\((?!#)", page)
    assert "@import" not in page
    assert "default-src 'none'" in page
    ids = found.all("id")
    assert len(ids) == len(set(ids))
    named = [
        name
        for attribute in ("aria-labelledby", "aria-describedby")
        for value in found.all(attribute)
        for name in value.split()
    ]
    assert set(named) <= set(ids)
    assert {r[1:] for r in references(found) if r.startswith("#")} <= set(ids)
    assert len(page.encode()) < LIMIT_BYTES
    return found


def test_the_page_of_a_deadlock_says_what_matters(deadlock: RunRecord) -> None:
    page = render(deadlock)
    assert_sound(page)
    text = text_of(page)
    for said in (
        "Two locks taken in opposite orders",
        "Deadlocked, proved",
        "worker-1 and worker-2 each hold a threading.Lock that the other one waits for.",
        "worker-1 and worker-2 each hold a multiprocessing.Lock that the other one waits for.",
        f"deadlock.py:{runs.WANTS}",
        f"deadlock.py:{runs.HOLDS}",
        "held since here by worker-1 and worker-2",
        "wanted here by worker-1 and worker-2",
        "49 ms",
        "7 of 7",
        "6 of 7",
        "130 KiB",
        "2.5 MiB",
        "summed RSS says 41.4 MiB",
        "futex_do_wait",
        deadlock.header.rerun,
        "seed 20261122",
        "db166c21f8aa",
        "3.13.0, with GIL",
        deadlock.header.scenario.cure,
        "Which of the two took its lock first",
    ):
        assert said in text, said


def test_every_artifact_is_linked_with_its_hash(deadlock: RunRecord) -> None:
    page = structure(render(deadlock))
    links = page.all("href")
    assert deadlock.result is not None
    for name, digest in deadlock.result.hashes.items():
        assert f"./{name}" in links
        assert digest.removeprefix("sha256:") in page.text
    assert {"./run.json", "./history.jsonl", "./result.json"} <= set(links)
    for link in links:
        if link.startswith("./"):
            assert (Path(deadlock.directory) / link).is_file(), link


def test_headings_do_not_skip_a_level(deadlock: RunRecord) -> None:
    levels = [int(t[1]) for t, _ in structure(render(deadlock)).elements if re.match("h[1-6]$", t)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_it_is_made_in_under_a_second(deadlock: RunRecord) -> None:
    began = time.perf_counter()
    render(deadlock)
    assert time.perf_counter() - began < 1.0


def test_nothing_is_left_to_compile_when_it_was_made_ready(
    deadlock: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    html.environment.cache_clear()
    html.compile_templates("report.html.j2")
    monkeypatch.setattr(html.environment(), "compile", lambda *_, **__: pytest.fail("compiled"))
    assert "</html>" in render(deadlock)
    html.environment.cache_clear()


def test_it_is_the_same_every_time(deadlock: RunRecord) -> None:
    assert render(deadlock) == render(deadlock)


def test_hostile_texts_stay_texts() -> None:
    page = render(hostile.record())
    found = assert_sound(page)
    assert "<script>alert(1)</script>" in " ".join(found.text)
    assert "{{ 7*7 }}" in page
    assert "\x00" not in page
    assert "\u202e" not in page
    assert "\\u202e" in page


def test_files_outside_the_run_are_not_linked() -> None:
    links = structure(render(hostile.record())).all("href")
    assert not [link for link in links if "passwd" in link or ".." in link or "script" in link]


def test_hostile_stacks_stay_texts(tmp_path: Path) -> None:
    trial = runs.deadlocked(runs.THREADS)
    stacks = {trial.id: hostile.snapshot()}
    record = runs.write(tmp_path, [trial], snapshots=stacks)
    page = render(record)
    assert_sound(page)
    assert "&lt;script&gt;alert(1)" in page


BENIGN = Counter(structure(render(hostile.record("word"))).elements)


@settings(max_examples=20, deadline=None)
@given(
    st.text(st.characters(codec="utf-8", exclude_characters="`"), min_size=1, max_size=30).filter(
        str.strip
    )
)
def test_no_text_changes_what_the_page_is_made_of(text: str) -> None:
    nasty = f"<b {text}></p>'\"{text}"
    page = render(hostile.record(nasty))
    assert Counter(assert_sound(page).elements) == BENIGN


def test_an_unfinished_run_says_how_far_it_came(tmp_path: Path) -> None:
    trial = runs.deadlocked(runs.THREADS)
    page = render(runs.write(tmp_path, [trial], finished=False))
    assert_sound(page)
    text = text_of(page)
    assert "This run did not finish." in text
    assert "Its last event is “done” of trial threads-1" in text
    assert "No result was written for this variant." in text
    assert "The stacks of 3 threads" in text, "what was captured by then is shown"


def test_a_run_that_wrote_its_header_only(tmp_path: Path) -> None:
    page = render(runs.write(tmp_path, [], finished=False))
    assert_sound(page)
    assert "before the first trial began" in text_of(page)


def test_a_damaged_snapshot_costs_only_the_stacks(tmp_path: Path) -> None:
    record = runs.write(tmp_path, [runs.deadlocked(runs.THREADS)])
    (Path(record.directory) / "captures/threads-1/snapshot.json").write_text("{")
    page = render(record)
    assert_sound(page)
    assert "Deadlocked, proved" in page


def test_a_failed_capture_gives_its_reason(tmp_path: Path) -> None:
    failed = CaptureReport(
        name="stacks",
        tool="py-spy 0.4.3",
        status=CaptureStatus.FAILED,
        seconds=2.0,
        reason="permission denied: kernel.yama.ptrace_scope is 3",
    )
    checks = (Check(name="cause", passed=None, seen="no diagnosis", wanted="lock-cycle"),)
    trial = changed(
        runs.deadlocked(runs.THREADS),
        captures=(failed,),
        diagnosis=None,
        debuggability=None,
        experiment=None,
        footprint=None,
        verdict=Verdict(kind=VerdictKind.INCONCLUSIVE, checks=checks),
    )
    page = render(runs.write(tmp_path, [trial]))
    assert_sound(page)
    text = text_of(page)
    assert "permission denied: kernel.yama.ptrace_scope is 3" in text
    assert "Inconclusive" in text
    assert "No footprint was recorded." in text


@pytest.mark.parametrize(
    ("kind", "code", "said"),
    [
        (OutcomeKind.EXITED, 0, "exit status 0"),
        (OutcomeKind.CRASHED, -11, "signal SIGSEGV"),
        (OutcomeKind.NEVER_READY, None, "Never ready"),
        (OutcomeKind.TIMED_OUT, None, "Timed out"),
        (OutcomeKind.QUIET, None, "Quiet, not proved"),
    ],
)
def test_other_outcomes(tmp_path: Path, kind: OutcomeKind, code: int | None, said: str) -> None:
    waits = runs.waits(runs.THREADS) if kind is OutcomeKind.QUIET else ()
    outcome = Outcome(kind=kind, elapsed_s=0.4, exit_code=code, last_waits=waits)
    trial = changed(
        runs.deadlocked(runs.THREADS),
        outcome=outcome,
        diagnosis=None,
        debuggability=None,
        experiment=None,
        captures=(),
        corrected=True,
    )
    head = runs.header(corrected=True, variants=(runs.THREADS,))
    page = render(runs.write(tmp_path, [trial], head))
    assert_sound(page)
    text = text_of(page)
    assert said in text
    assert "corrected version" in text
    assert "asked of a program that hung" in text


def test_a_wait_without_a_live_holder(tmp_path: Path) -> None:
    trial = runs.deadlocked(runs.THREADS)
    assert trial.diagnosis is not None
    edge = msgspec.structs.replace(
        trial.diagnosis.edges[0], holder=None, no_holder=NoHolder.DEAD_PROCESS
    )
    diagnosis = msgspec.structs.replace(trial.diagnosis, edges=(edge,), cycles=())
    page = render(runs.write(tmp_path, [changed(trial, diagnosis=diagnosis)]))
    assert_sound(page)
    assert "no live holder: its holder is dead" in text_of(page)


def test_repeats_are_summed_up_and_each_can_be_reached(tmp_path: Path) -> None:
    trials = [
        runs.deadlocked(variant, repeat, took_s=0.03 + repeat / 1000)
        for repeat in range(1, 31)
        for variant in (runs.THREADS, runs.FORK)
    ]
    timed_out = Outcome(kind=OutcomeKind.TIMED_OUT, elapsed_s=30.0, reason="still running")
    trials[8] = changed(
        trials[8],
        outcome=timed_out,
        verdict=runs.verdict(runs.THREADS, VerdictKind.DEVIATED),
    )
    page = render(runs.write(tmp_path, trials, runs.header(repeat=30)))
    found = assert_sound(page)
    text = text_of(page)
    assert "Deadlocked, proved: 29 of 30; Timed out: 1 of 30" in text
    assert "Deadlocked, proved: 30 of 30" in text
    assert "median 46 ms (31 ms to 60 ms)" in text
    assert "1 of 30 deviated, 29 of 30 as expected" in text
    ids = found.all("id")
    assert all(f"trial-{trial.id}" in ids for trial in trials)
    assert "#trial-threads-5" in found.all("href"), "the one that deviated is shown whole"


def test_memory_that_could_not_be_measured_is_said_to_be_so(tmp_path: Path) -> None:
    trial = changed(runs.deadlocked(runs.THREADS), footprint=Footprint(samples=(), workers=2))
    page = render(runs.write(tmp_path, [trial]))
    assert_sound(page)
    assert "No footprint was recorded." in text_of(page)


def ring_of(size: int) -> Trial:
    """Return a trial in which ``size`` workers wait for each other in a circle."""
    trial = runs.deadlocked(runs.THREADS)
    assert trial.diagnosis is not None
    model = trial.diagnosis.edges[0]
    edges = tuple(
        msgspec.structs.replace(
            model,
            waiter=f"7/{i}",
            resource=f"r{i}",
            holder=f"7/{(i + 1) % size}",
            evidence=Evidence.SOURCE,
        )
        for i in range(size)
    )
    diagnosis = msgspec.structs.replace(
        trial.diagnosis,
        actors=tuple(actor(i, f"worker-{i + 1}") for i in range(size)),
        resources=tuple(resource(i, "theirs") for i in range(size)),
        edges=edges,
        story=tuple(f"worker-{i + 1} waits." for i in range(size)),
        cycles=(tuple(f"7/{i}" for i in range(size)),),
    )
    return changed(trial, diagnosis=diagnosis, workers=size)


def test_sixty_four_workers_still_fit(tmp_path: Path) -> None:
    page = render(runs.write(tmp_path, [ring_of(64)]))
    assert_sound(page)
    text = text_of(page)
    assert "worker-10" in text
    assert "and 58 more" in text
    assert "wanted here by worker-1, worker-2, worker-3, worker-4, worker-5" in text
    assert "and 58 more" in text
    assert "40 more waits are in the records beside this page." in text


def test_hundreds_of_trials_still_fit(tmp_path: Path) -> None:
    variants = (runs.THREADS, *(Variant(Workers.PROCESSES, method) for method in StartMethod))
    trials = [runs.deadlocked(variant, n) for n in range(1, 31) for variant in variants]
    page = render(runs.write(tmp_path, trials, runs.header(repeat=30, variants=variants)))
    assert_sound(page)
