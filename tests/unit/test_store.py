"""The run directory: written in phases, whole or absent, readable however far a run came."""

import errno
import os

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab import store
from lab.errors import LabError, UsageError
from lab.model import Event, RunResult, Snapshot, VerdictKind
from tests.unit.records import header


@pytest.fixture
def run(tmp_path):
    directory = store.RunDirectory.create(tmp_path, header())
    yield directory
    directory.close()


def result(**changes):
    fields = {
        "schema_version": 1,
        "id": "x",
        "finished_at": "",
        "elapsed_s": 1.0,
        "verdict": VerdictKind.AS_EXPECTED,
        "trials": (),
        "hashes": {},
    }
    return RunResult(**fields | changes)


def test_a_run_that_did_not_finish_is_read_as_such(run):
    run.append(Event(at_s=0.5, kind="ready"))
    record = store.load(run.root)
    assert record.result is None
    assert [event.kind for event in record.history] == ["ready"]
    assert record.header == header()


def test_a_finished_run_comes_back_as_it_was(run):
    run.finish(result(elapsed_s=2.5))
    assert store.load(run.root).result == result(elapsed_s=2.5)


def test_a_history_that_was_cut_off_is_read_up_to_there(run):
    for number in range(3):
        run.append(Event(at_s=number, kind="tick"))
    path = run.root / store.HISTORY
    path.write_bytes(path.read_bytes()[:-5])
    assert [event.at_s for event in store.load(run.root).history] == [0, 1]


@given(cut=st.integers(min_value=0, max_value=400))
def test_whatever_a_kill_leaves_of_the_history_is_readable(tmp_path_factory, cut):
    run = store.RunDirectory.create(tmp_path_factory.mktemp("run"), header())
    for number in range(5):
        run.append(Event(at_s=number, kind="tick", detail={"text": "ü\n"}))
    run.close()
    path = run.root / store.HISTORY
    path.write_bytes(path.read_bytes()[:cut])
    times = [event.at_s for event in store.load(run.root).history]
    assert times == list(range(len(times)))


def test_snapshots_and_hashes(run):
    path = run.save_snapshot("threads-1", Snapshot(taken_s=1.0, processes=()))
    assert path == "captures/threads-1/snapshot.json"
    assert store.load_snapshot(run.root, "threads-1") == Snapshot(taken_s=1.0, processes=())
    assert store.load_snapshot(run.root, "threads-2") is None
    assert run.hashes()[path].startswith("sha256:")


def test_a_full_disk_says_so_and_leaves_no_half_result(run, monkeypatch):
    def full(fd):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LabError, match="no space left"):
        run.finish(result())
    assert not (run.root / store.RESULT).exists()
    assert not list(run.root.glob(".*"))


def test_a_history_on_a_full_device_says_so(run):
    os.close(run._history)
    run._history = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(LabError, match="no space left to record"):
        run.append(Event(at_s=0, kind="tick"))


def test_a_place_that_cannot_be_written_is_a_usage_error(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(UsageError, match="cannot write"):
        store.RunDirectory.create(blocked, header())


def test_a_directory_without_a_run_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match=r"holds no run\.json"):
        store.load(tmp_path)


def test_a_damaged_result_is_named(run):
    (run.root / store.RESULT).write_text('{"schema_version": "x"}')
    with pytest.raises(UsageError, match=r"result\.json"):
        store.load(run.root)


def test_a_newer_schema_asks_for_a_newer_lab(run):
    newer = msgspec.structs.replace(header(), schema_version=99)
    (run.root / store.HEADER).write_bytes(msgspec.json.encode(newer))
    with pytest.raises(UsageError, match="a newer lab"):
        store.load(run.root)


def test_the_version_is_looked_at_before_the_fields_that_it_may_lack(run):
    for version, remedy in ((99, "a newer lab"), (0, "the lab that wrote it")):
        (run.root / store.HEADER).write_text(f'{{"schema_version": {version}}}')
        with pytest.raises(UsageError, match=f"schema version {version}; wanted: 1; .*{remedy}"):
            store.load(run.root)


@pytest.mark.parametrize("data", [b"garbage", b"\xff\xfe", b"[]", b"null", b""])
def test_what_is_no_record_is_named_with_the_schema_that_describes_it(run, data):
    (run.root / store.HEADER).write_bytes(data)
    with pytest.raises(UsageError, match=r"cannot read .*run\.json.*lab schema run"):
        store.load(run.root)


def test_a_file_in_place_of_a_directory_holds_no_run(tmp_path):
    (tmp_path / "page.html").write_text("")
    with pytest.raises(UsageError, match=r"holds no run\.json"):
        store.load(tmp_path / "page.html")


def test_claims_that_cannot_be_read_are_left_out(tmp_path):
    for name, data in (("old", b'{"schema_version": 0}'), ("torn", b"{")):
        (tmp_path / name).mkdir()
        (tmp_path / name / store.CLAIMS).write_bytes(data)
    assert store.newest_claims(tmp_path) == (None, None)
