"""``lab run deadlock``: proved, diagnosed as the ground truth says, recorded, nothing left."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import msgspec
import pytest

from lab import store
from lab.model import SCHEMAS, AnswerKind, CaptureStatus, Evidence, Purpose, VerdictKind
from lab.scenario import OutcomeKind
from tests.integration.lab_command import LIMIT_S, another_user, command, lab

METHODS = ["--start-method", "fork", "--start-method", "forkserver", "--start-method", "spawn"]


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    """One run of every variant, with stacks and heap."""
    output = tmp_path_factory.mktemp("reports")
    done = lab("run", "deadlock", *METHODS, "--json", "--output", output)
    assert done.code == 0, done.err
    return store.load(Path(done.json["directory"]))


def stack_trials(record):
    return [trial for trial in record.result.trials if trial.purpose is Purpose.STACKS]


def test_every_variant_is_as_expected(faulty):
    assert faulty.result.verdict is VerdictKind.AS_EXPECTED
    labels = [trial.variant.label for trial in stack_trials(faulty)]
    assert labels == [
        "threads",
        "processes (fork)",
        "processes (forkserver)",
        "processes (spawn)",
    ]


def test_every_deadlock_is_proved_with_its_evidence(faulty):
    for trial in faulty.result.trials:
        assert trial.outcome.kind is OutcomeKind.DEADLOCKED
        proof = trial.outcome.proof
        assert proof is not None
        assert all(thread.closed and thread.because for thread in proof.threads)
        assert trial.outcome.elapsed_s < faulty.header.timeout_s


def test_both_holders_are_named_with_their_lines(faulty):
    source = faulty.header.scenario.source.splitlines()
    for trial in stack_trials(faulty):
        diagnosis = trial.diagnosis
        assert diagnosis is not None
        labels = {actor.id: actor.label for actor in diagnosis.actors}
        cycle = [labels[actor] for actor in diagnosis.cycles[0]]
        assert sorted(cycle) == ["worker-1", "worker-2"]
        edges = [edge for edge in diagnosis.edges if edge.waiter in diagnosis.cycles[0]]
        assert len(edges) == 2
        for edge in edges:
            assert "# lab: wants" in source[edge.at.line - 1]
            assert "# lab: holds" in source[edge.held_at.line - 1]
            assert edge.evidence in (Evidence.CONFIRMED, Evidence.SAME_OBJECT)


def test_the_lock_of_a_process_is_confirmed_from_memory(faulty):
    for trial in stack_trials(faulty)[1:]:
        stuck = {actor for cycle in trial.diagnosis.cycles for actor in cycle}
        grades = {e.evidence for e in trial.diagnosis.edges if e.waiter in stuck}
        assert grades == {Evidence.CONFIRMED}, trial.id


def test_nothing_is_left_behind(faulty):
    for trial in faulty.result.trials:
        assert trial.reaped is not None
        assert trial.reaped.survivors == ()


def test_the_stop_experiment_tells_threads_from_processes(faulty):
    threads, *processes = stack_trials(faulty)
    assert threads.experiment.whole_process_died
    for trial in processes:
        assert not trial.experiment.whole_process_died
        assert trial.experiment.others_finished == 0, "the lock of a killed holder is lost"


def test_the_questions_are_answered_for_every_variant(faulty):
    for trial in stack_trials(faulty):
        kinds = [answer.kind for answer in trial.debuggability.answers]
        assert kinds == [AnswerKind.RIGHT] * 7, trial.id


def test_memory_is_measured_per_worker(faulty):
    for trial in stack_trials(faulty):
        footprint = trial.footprint
        assert footprint.workers == 2
        assert footprint.loaded_pss_bytes > 0
    threads, fork, _, spawn = (t.footprint.added_pss_bytes for t in stack_trials(faulty))
    assert threads < fork < spawn


def test_heaps_are_profiled_in_passes_of_their_own(faulty):
    heaps = [trial for trial in faulty.result.trials if trial.purpose is Purpose.HEAP]
    slugs = ["threads", "processes-fork", "processes-forkserver", "processes-spawn"]
    assert [trial.id for trial in heaps] == [
        *(f"{slug}-heap" for slug in slugs),
        *(f"{slug}-heap-check" for slug in slugs),
    ]
    for trial in heaps:
        tool = "tracemalloc" if trial.id.endswith("check") else "memray"
        assert trial.heap, trial.captures
        assert all(use.tool.startswith(tool) for use in trial.heap)
        assert trial.heap[0].peak_bytes > 0, "the main process allocates; an idle worker may not"
        assert not [c for c in trial.captures if c.name.startswith("stacks")]


def test_no_capture_failed(faulty):
    failed = [
        (trial.id, capture)
        for trial in faulty.result.trials
        for capture in trial.captures
        if capture.status is CaptureStatus.FAILED
    ]
    assert failed == []


def test_every_artifact_exists_and_is_hashed(faulty):
    root = Path(faulty.directory)
    named = {
        path
        for trial in faulty.result.trials
        for capture in trial.captures
        for path in capture.artifacts
    }
    assert named <= set(faulty.result.hashes)
    for path in faulty.result.hashes:
        assert (root / path).is_file()


def test_the_history_goes_through_the_states_in_order(faulty):
    for trial in stack_trials(faulty):
        states = [
            event.detail["state"]
            for event in faulty.history
            if event.trial == trial.id and event.kind == "state"
        ]
        assert states == [
            "starting",
            "running",
            "stalled",
            "capturing",
            "probing",
            "reaping",
            "checking",
            "done",
        ]


def test_the_files_fit_their_schemas(faulty):
    root = Path(faulty.directory)
    kinds = {"run.json": "run", "result.json": "result"}
    for name, kind in kinds.items():
        raw = (root / name).read_bytes()
        read = msgspec.json.decode(raw, type=SCHEMAS[kind], strict=True)
        assert msgspec.json.decode(raw) == msgspec.json.decode(msgspec.json.encode(read))


def test_the_report_is_there_and_can_be_rebuilt(faulty):
    page = Path(faulty.directory) / store.REPORT
    assert page.stat().st_size < 500_000
    page.unlink()
    done = lab("report", faulty.directory)
    assert done.code == 0
    assert done.out.strip() == str(page)
    assert page.is_file()


def test_the_corrected_version_ends_healthy(tmp_path):
    done = lab(
        "run", "deadlock", "--corrected", *METHODS, "--no-heap", "--json", "--output", tmp_path
    )
    assert done.code == 0, done.err
    trials = done.json["result"]["trials"]
    assert [trial["outcome"]["kind"] for trial in trials] == ["exited"] * 4
    assert [trial["verdict"]["kind"] for trial in trials] == ["as-expected"] * 4


def test_five_philosophers_close_the_circle(tmp_path):
    done = lab(
        "run", "deadlock", "--workers", "5", "--variant", "threads", "--no-heap", "--json",
        "--output", tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    (trial,) = done.json["result"]["trials"]
    assert len(trial["diagnosis"]["cycles"][0]) == 5


def test_the_terminal_shows_both_sides_and_where_the_report_is(tmp_path):
    done = lab("run", "deadlock", "--output", tmp_path, NO_COLOR="1", COLUMNS="100")
    assert done.code == 0, done.err
    for word in ("threads", "processes", "proved", "worker-1", "deadlock.py:", "report.html"):
        assert word in done.out.lower()
    assert "\x1b" not in done.out + done.err


def test_the_command_that_is_recorded_runs_again(faulty):
    words = faulty.header.rerun.split()
    assert words[:3] == ["lab", "run", "deadlock"]
    done = lab(*words[1:], "--variant", "threads", "--help")
    assert done.code == 0


@another_user
def test_another_user_gets_the_same(common):
    done = subprocess.run(
        command("run", "deadlock", "--no-heap", "--output", str(common)),
        user="nobody",
        group="nogroup",
        extra_groups=[],
        env={**os.environ, "HOME": str(common), "TMPDIR": str(common)},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
