"""Faults that a user plants into a program of their own: whom they hit, when, and what is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import registry, runner
from lab.faults import parse_all
from lab.model import Event, Trial, VerdictKind
from lab.scenario import OutcomeKind, StartMethod, Variant, Workers
from tests.integration.lab_command import lab

SERVICE = str(Path(__file__).parent / "service.py")
THREADS = Variant(Workers.THREADS)
FORK = Variant(Workers.PROCESSES, StartMethod.FORK)
SPAWN = Variant(Workers.PROCESSES, StartMethod.SPAWN)
FORKSERVER = Variant(Workers.PROCESSES, StartMethod.FORKSERVER)
LINGER = 0.6
"""Seconds in which the workers are there for sure, so that a time can hit them."""


def run(
    output: Path, variant: Variant, *faults: str, linger: float = 0.0, timeout_s: float = 20.0
) -> tuple[Trial, list[Event]]:
    request = runner.RunRequest(
        found=registry.find(SERVICE),
        variants=(variant,),
        parameters={"linger": linger},
        faults=parse_all(faults),
        timeout_s=timeout_s,
        heap=False,
        output=output,
    )
    events: list[Event] = []
    record = runner.run(request, events.append)
    assert record.result is not None
    return record.result.trials[0], [event for event in events if event.kind == "fault"]


@pytest.mark.parametrize("variant", [FORK, SPAWN, FORKSERVER], ids=str)
@pytest.mark.parametrize(
    "fault", ["kill:worker-2@put#3", "kill:worker-2@call:multiprocessing.queues.Queue.put#2"]
)
def test_a_worker_of_every_start_method_is_hit_at_its_point(
    variant: Variant, fault: str, tmp_path: Path
) -> None:
    trial, events = run(tmp_path, variant, fault)

    (planted,) = trial.faults
    assert (planted.fault, planted.worker) == (fault, "worker-2")
    assert trial.outcome.kind is OutcomeKind.DEADLOCKED  # its items never come
    (event,) = events
    assert event.detail["worker"] == "worker-2"
    assert event.detail["pid"] == planted.pid
    assert event.trial_s is not None
    assert 0 < event.trial_s <= trial.outcome.elapsed_s


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        ("kill:worker@put", OutcomeKind.CRASHED, -9),
        ("term:worker-1@put#2", OutcomeKind.CRASHED, -15),
        ("segv:worker@start", OutcomeKind.CRASHED, -11),
        ("abort:main@start", OutcomeKind.CRASHED, -6),
        ("exit=3:worker@call:queue.Queue.put", OutcomeKind.EXITED, 3),
        ("delay=1ms:worker@put", OutcomeKind.EXITED, 0),
        ("raise=KeyError:main@call:queue.Queue.get#2", OutcomeKind.DEADLOCKED, None),
    ],
)
def test_what_a_fault_does_to_a_program_of_threads(
    fault: str, kind: OutcomeKind, code: int | None, tmp_path: Path
) -> None:
    trial, events = run(tmp_path, THREADS, fault)
    assert (trial.outcome.kind, trial.outcome.exit_code) == (kind, code)
    assert len(events) == 1
    assert not list(tmp_path.rglob("core*"))


def test_a_time_hits_a_named_process_from_outside(tmp_path: Path) -> None:
    faults = ("stop:worker-1@0.1s", "cont:worker-1@0.2s", "term:worker-1@0.3s")
    trial, events = run(tmp_path, SPAWN, *faults, linger=1.0)
    assert [event.detail["fault"] for event in events] == list(faults)
    assert len({event.detail["pid"] for event in events}) == 1
    times = [event.trial_s or 0.0 for event in events]
    assert times == sorted(times)
    assert trial.verdict is not None
    assert all(check.passed for check in trial.verdict.checks if check.name.startswith("fault "))


def test_nothing_is_proved_while_a_fault_is_still_to_come(tmp_path: Path) -> None:
    """The first kill makes a deadlock; the second, later, ends that by ending the main process."""
    trial, events = run(tmp_path, FORK, "kill:worker-1@start", "kill:main@0.5s")
    assert (trial.outcome.kind, trial.outcome.exit_code) == (OutcomeKind.CRASHED, -9)
    assert len(events) == 2


def test_an_exception_comes_into_a_thread_at_a_time(tmp_path: Path) -> None:
    trial, events = run(tmp_path, THREADS, "raise=KeyError:worker-1@0.1s", linger=LINGER)
    assert [(event.detail["worker"], trial.faults[0].pid) for event in events] == [
        ("worker-1", events[0].detail["pid"])
    ]
    (stderr,) = tmp_path.rglob("stderr.txt")
    assert "KeyError" in stderr.read_text()


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("kill:worker@put#5", "point 'put' was passed 4 times by worker-1, 4 times by worker-2"),
        ("kill:worker@get", "point 'get' was never passed"),
        ("kill:worker-3@10ms", "no such worker was running then; the workers were: "),
        ("kill:worker@call:queue.Queue.join", "call:queue.Queue.join was never passed"),
    ],
)
def test_a_fault_that_never_fired_makes_the_run_inconclusive(
    fault: str, reason: str, tmp_path: Path
) -> None:
    trial, events = run(tmp_path, THREADS, fault)
    assert trial.verdict is not None
    assert trial.verdict.kind is VerdictKind.INCONCLUSIVE
    assert events == []
    assert trial.faults[0].reason.startswith(reason)


def test_two_workers_are_hit_once(tmp_path: Path) -> None:
    trial, events = run(tmp_path, FORK, "exit:worker@start", "exit:worker@start")
    assert len(events) == 2
    assert len({event.detail["pid"] for event in events}) == 2
    assert trial.outcome.kind is OutcomeKind.DEADLOCKED


def test_a_thread_inside_a_worker_process_can_be_named(tmp_path: Path) -> None:
    fault = "exit:QueueFeederThread@call:multiprocessing.queues.Queue._feed"
    trial, events = run(tmp_path, FORK, fault)
    assert [event.detail["worker"] for event in events] == ["QueueFeederThread"]
    assert trial.outcome.kind is OutcomeKind.DEADLOCKED  # it was a worker's, whose items are lost


def test_limits_bind(tmp_path: Path) -> None:
    trial, _ = run(tmp_path, FORK, "files=0:worker-1@start")
    assert trial.outcome.kind is OutcomeKind.DEADLOCKED
    (stderr,) = tmp_path.rglob("stderr.txt")
    assert "Too many open files" in stderr.read_text()


def test_the_command_plants_replaces_and_says_so(tmp_path: Path) -> None:
    words = ("--variant", "processes", "--no-heap", "--output", tmp_path)
    done = lab("run", SERVICE, "--fault", "kill:worker@put#3", *words)
    assert done.code == 1
    assert "--fault 'kill:worker@put#3'" in done.out
    assert "kill:worker@put#3 hit worker-" in done.out

    assert lab("run", SERVICE, "--fault", "none", *words).code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--fault", "kil:worker@put"], "no kind of fault 'kil'; wanted: did you mean 'kill'"),
        (["--fault", "none", "--fault", "kill:worker@put"], "--fault none with another fault"),
        (["--fault", "kill:w@call:queue.Queue.putt"], "there is no 'putt' in Queue"),
        (["--fault", "raise=ValueErr:w@put"], "wanted: did you mean 'ValueError'"),
    ],
)
def test_a_bad_fault_is_wrong_usage(words: list[str], said: str) -> None:
    done = lab("run", SERVICE, *words)
    assert done.code == 2
    assert said in done.complaint


def test_help_has_every_kind() -> None:
    shown = lab("faults").out
    for word in ("kill", "memory=SIZE", "exit[=STATUS]", "WORKER", "call:"):
        assert word in shown
