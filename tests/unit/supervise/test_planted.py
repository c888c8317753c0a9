"""The lab's side of planted faults, with a worker that is not there, or not ours to touch."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from lab import harm
from lab.armed import COUNTER
from lab.faults import Fault, parse
from lab.supervise.planted import Planted


def planted(directory: Path, *texts: str) -> Planted:
    found = Planted([parse(text) for text in texts], directory)
    found.go(0.0)
    return found


def register(directory: Path, name: str, pid: int, *passes: int) -> None:
    counters = b"".join(COUNTER.pack(count) for count in passes)
    (directory / f"worker-{pid}-1").write_bytes(counters + name.encode())


def test_a_time_is_pending_until_it_has_come(tmp_path: Path) -> None:
    faults = planted(tmp_path / "f", "kill:worker@2s", "kill:worker@put")
    assert faults.pending(1.9)
    assert not faults.pending(2.1)


def test_a_worker_that_comes_late_is_hit_when_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hit: list[tuple[str, int]] = []
    monkeypatch.setattr(harm, "from_outside", lambda fault, pid: hit.append((str(fault), pid)))
    faults = planted(tmp_path / "f", "term:worker-1@1s")
    faults.carry_out(1, 1.5)
    assert (hit, faults.news()) == ([], [])
    register(tmp_path / "f", "worker-1", os.getpid(), 0)
    faults.carry_out(1, 1.6)
    faults.carry_out(1, 1.6)
    assert [(one.worker, one.pid, one.at_s) for one in faults.news()] == [
        ("worker-1", os.getpid(), 1.6)
    ]
    faults.carry_out(1, 1.7)
    assert hit == [("term:worker-1@1s", os.getpid())]
    assert faults.finish()[0].worker == "worker-1"
    assert not (tmp_path / "f").exists()


def test_what_the_kernel_refuses_never_fired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_fault: Fault, _pid: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(harm, "from_outside", refuse)
    faults = planted(tmp_path / "f", "kill:main@1s")
    faults.carry_out(os.getpid(), 2.0)
    (one,) = faults.finish()
    assert one.at_s is None
    assert one.reason == "the kernel refused it to main: Operation not permitted"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("kill:worker@put#3", "point 'put' was passed once by worker-1, 2 times by worker-2"),
        ("kill:worker@call:queue.Queue.get#9", "call:queue.Queue.get#9 was passed once by"),
        (
            "kill:worker-9@1s",
            "no such worker was running then; the workers were: worker-1, worker-2",
        ),
        ("kill:worker-1@1s", "its worker had ended by then"),
    ],
)
def test_a_fault_that_never_fired_says_why(text: str, reason: str, tmp_path: Path) -> None:
    faults = planted(tmp_path / "f", text)
    register(tmp_path / "f", "worker-1", 4194305, 1)  # beyond the largest pid that Linux gives
    register(tmp_path / "f", "worker-2", 4194306, 2)
    faults.carry_out(1, 5.0)
    assert faults.finish()[0].reason.startswith(reason)


def test_a_note_that_is_half_written_is_not_read(tmp_path: Path) -> None:
    faults = planted(tmp_path / "f", "kill:worker@put")
    note = json.dumps({"worker": "worker-1", "pid": 7, "at": 3.0})
    (tmp_path / "f" / "fired-0").write_text(note[:10])
    assert faults.news() == []
    (tmp_path / "f" / "fired-0").write_text(note)
    assert [one.worker for one in faults.news()] == ["worker-1"]
