"""Collecting never raises: whatever lies in the directory becomes a figure or a reason."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab import procfs
from lab.capture import heap, heapfile
from lab.capture.tracker import SIGNAL
from lab.errors import UsageError
from lab.model import CaptureStatus

LIMIT_S = 120.0
BLOCK = 3 << 20


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    """A sound memray capture of a program that holds BLOCK bytes."""
    path = tmp_path_factory.mktemp("capture") / "sound.bin"
    code = f"import memray, sys\nwith memray.Tracker(sys.argv[1]): block = bytearray({BLOCK})"
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, timeout=LIMIT_S)
    return path


@pytest.fixture
def trial(tmp_path):
    """A trial's directory, and a function that puts a process's files into it."""
    heap.wrapper_for(tmp_path)
    folder = tmp_path / heap.FOLDER

    def put(pid, *, tool="memray", error="", label="", **files):
        note = {"pid": pid, "label": label or f"worker-{pid}", "tool": tool, "error": error}
        (folder / f"heap-{pid}.note").write_text(json.dumps(note))
        for kind, content in files.items():
            path = folder / f"heap-{pid}.{kind}"
            path.write_bytes(content if isinstance(content, bytes) else content.encode())

    return tmp_path, put


def gather(directory, *, deadline_s=LIMIT_S, flamegraphs=False):
    return heap.collect(
        directory, run_root=directory, deadline_s=deadline_s, flamegraphs=flamegraphs
    )


def only(reports):
    (report,) = reports
    return report


def test_a_sound_capture_gives_its_figures(trial, capture):
    directory, put = trial
    put(7, bin=capture.read_bytes())
    (use,), (report,) = gather(directory)
    assert BLOCK <= use.peak_bytes < BLOCK + (1 << 20)
    assert use.allocations > 0
    assert use.artifact == report.artifacts[0] == "heap/heap-7.bin"
    assert report.bytes == capture.stat().st_size
    assert report.status is CaptureStatus.OK


def test_the_main_process_comes_first_and_ten_after_nine(trial):
    directory, put = trial
    for pid, label in enumerate(["worker-10", "worker-9", "main", "7"], 1):
        put(pid, label=label, error="planted")
    _, reports = gather(directory)
    names = ["heap of main", "heap of worker-9", "heap of worker-10", "heap of 7"]
    assert sorted(report.name for report in reports) == sorted(names)
    order = [report.name for report in reports if report.name != "heap of 7"]
    assert order == names[:3]


def test_an_empty_directory_is_a_reason(tmp_path):
    for directory in (tmp_path, tmp_path / "absent"):
        uses, reports = gather(directory)
        assert uses == ()
        assert only(reports).status is CaptureStatus.FAILED
        assert "no process left a note" in only(reports).reason


def test_an_error_in_the_target_is_the_reason(trial):
    directory, put = trial
    put(7, error="when it began: RuntimeError: full moon")
    assert "full moon" in only(gather(directory)[1]).reason


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b'{"pid": "x"}', b"\xff\xfe", b"null"]
)
def test_a_damaged_note_is_a_reason(trial, content):
    directory, _ = trial
    for name in ("heap-7.note", "heap-none.note"):
        (directory / heap.FOLDER / name).write_bytes(content)
    uses, reports = gather(directory)
    assert uses == ()
    assert len(reports) == 2
    assert all("note is damaged" in report.reason for report in reports)


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b'{"peak": "much"}', b"\0" * 4096])
def test_damaged_figures_are_a_reason(trial, content):
    directory, put = trial
    put(7, tool="tracemalloc", **({} if content is None else {"figures": content}))
    uses, reports = gather(directory)
    assert uses == ()
    assert only(reports).status is CaptureStatus.FAILED
    assert only(reports).reason


def test_figures_that_the_target_could_not_make_say_why(trial):
    directory, put = trial
    put(7, tool="tracemalloc", figures='{"error": "MemoryError: "}')
    assert "MemoryError" in only(gather(directory)[1]).reason


def test_a_missing_an_empty_and_a_foreign_capture_are_reasons(trial):
    directory, put = trial
    put(1)
    put(2, bin=b"")
    put(3, bin=b"this is no capture" * 100)
    uses, reports = gather(directory, flamegraphs=True)
    assert uses == ()
    assert [report.status for report in reports] == [CaptureStatus.FAILED] * 3
    assert all(report.reason for report in reports)


def test_damaged_captures_hurt_nothing(trial, capture):
    """Cut off at every tenth, and with bytes changed: each is read up to there, or refused."""
    directory, put = trial
    sound, chance = capture.read_bytes(), random.Random(8)
    for tenth in range(1, 10):
        put(tenth, bin=sound[: len(sound) * tenth // 10])
    for pid in range(10, 20):
        spoilt = bytearray(sound)
        for _ in range(20):
            spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
        put(pid, bin=bytes(spoilt))
    put(20, bin=sound)
    uses, reports = gather(directory)
    assert len(reports) == 20
    assert all(report.reason for report in reports if report.status is CaptureStatus.FAILED)
    assert {use.label: use for use in uses}["worker-20"].peak_bytes >= BLOCK


@pytest.fixture
def reader(monkeypatch, tmp_path):
    """Return a function that puts a program of its own in the reader's place."""

    def replace(code):
        path = tmp_path / "reader.py"
        path.write_text(code)
        monkeypatch.setattr(heap, "_READER", str(path))

    return replace


def test_a_reader_that_hangs_is_ended_at_the_deadline(trial, reader):
    directory, put = trial
    reader("import time; time.sleep(600)")
    for pid in range(1, 5):
        put(pid, bin=b"x")
    before = set(procfs.children(os.getpid()))
    uses, reports = gather(directory, deadline_s=0.3)
    assert uses == ()
    assert len(reports) == 4
    assert all("time left" in report.reason for report in reports)
    assert not set(procfs.children(os.getpid())) - before


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import os; os.kill(os.getpid(), 11)", "was ended by SIGSEGV"),
        ("import sys; sys.exit('out of luck')", "status 1: out of luck"),
        ("print('no figures')", "ended with status 0"),
        ("pass", "ended with status 0"),
        ("import os; os.write(1, b'\\xff' * 100)", "ended with status 0"),
        ("print('[1]')", "ended with status 0"),
    ],
)
def test_a_reader_that_fails_is_a_reason(trial, reader, code, reason):
    directory, put = trial
    reader(code)
    put(7, bin=b"x")
    assert reason in only(gather(directory)[1]).reason


def test_a_flame_graph_that_fails_leaves_the_figures(trial, capture, reader):
    directory, put = trial
    reader(
        "import sys\n"
        "if sys.argv[1] == 'flamegraph': open(sys.argv[4], 'w').close(); sys.exit('no ink')\n"
        "print('{\"peak\": 5}')\n"
    )
    put(7, bin=capture.read_bytes())
    (use,), (figures, drawn) = gather(directory, flamegraphs=True)
    assert (use.peak_bytes, use.flamegraph) == (5, "")
    assert figures.status is CaptureStatus.OK
    assert drawn.status is CaptureStatus.FAILED
    assert "no ink" in drawn.reason
    assert not list(directory.rglob("*.html"))


def test_threads_are_parts_with_nothing_for_those_that_held_nothing(trial, reader):
    directory, put = trial
    share = '{"name": "worker-10", "peak": 3, "largest": [["a.py:1 (f)", 3]]}'
    reader(f"""print('{{"peak": 4, "threads": [{share}]}}')""")
    put(7, label="main", bin=b"x", threads="worker-10\nworker-9\n")
    uses, _ = gather(directory)
    assert [(use.label, use.part_of, use.peak_bytes) for use in uses] == [
        ("main", "", 4),
        ("worker-9", "main", 0),
        ("worker-10", "main", 3),
    ]


def test_a_process_with_one_thread_has_no_parts(trial, capture):
    directory, put = trial
    put(7, bin=capture.read_bytes())
    assert len(gather(directory)[0]) == 1


def test_without_memray_here_a_capture_is_kept_and_not_read(trial, capture, monkeypatch, tmp_path):
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "memray.py").write_text("raise ImportError('none here')\n")
    monkeypatch.setenv("PYTHONPATH", str(blocked))
    directory, put = trial
    put(7, bin=capture.read_bytes())
    assert "none here" in only(gather(directory)[1]).reason


def test_the_folder_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot make"):
        heap.wrapper_for(tmp_path / "file")


def test_a_process_that_does_not_handle_the_signal_is_not_sent_it(trial):
    directory, put = trial
    with subprocess.Popen([sys.executable, "-I", "-c", "input()"], stdin=subprocess.PIPE) as other:
        put(other.pid, tool="tracemalloc")
        heap.request([other.pid, 0x7FFFFFF0], directory=directory, deadline_s=0.0)
        other.communicate(b"\n", timeout=LIMIT_S)
    assert other.returncode == 0


def test_one_that_does_not_answer_is_waited_for_until_the_deadline_only(trial):
    directory, put = trial
    code = f"import signal; signal.signal({SIGNAL}, lambda *_: None); print(flush=True); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-I", "-c", code], **pipes) as silent:
        silent.stdout.readline()
        put(silent.pid, tool="tracemalloc")
        began = time.monotonic()
        heap.request([silent.pid], directory=directory, deadline_s=0.2)
        assert time.monotonic() - began >= 0.2
        silent.communicate(b"\n", timeout=LIMIT_S)
    assert silent.returncode == 0


def test_the_reader_says_what_it_cannot_read_in_its_answer(tmp_path):
    done = subprocess.run(
        [sys.executable, "-P", heapfile.__file__, "figures", str(tmp_path / "absent"), "60"],
        capture_output=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 1
    assert "absent" in json.loads(done.stdout.splitlines()[-1])["error"]


def test_the_reader_limits_its_own_processor_time(tmp_path):
    """What the lab's death would leave running ends by itself."""
    script = shutil.copy(heapfile.__file__, tmp_path / "heapfile_copy.py")
    code = (
        "import runpy, sys, types\n"
        "module = runpy.run_path(sys.argv[1])\n"
        "module['_limit_resources'](1)\n"
        "while True: pass\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, script], capture_output=True, timeout=LIMIT_S, check=False
    )
    assert done.returncode < 0


def test_of_a_large_crew_only_the_first_are_drawn(trial, reader):
    directory, put = trial
    reader(
        "import sys\nif sys.argv[1] == 'flamegraph': open(sys.argv[4], 'w').close()\nprint('{}')\n"
    )
    crew = heap.FLAMEGRAPHS_AT_MOST + 2
    for pid in range(1, crew + 1):
        put(pid, label="main" if pid == crew else f"worker-{pid}", bin=b"x")
    uses, reports = gather(directory, flamegraphs=True)
    assert [bool(use.flamegraph) for use in uses] == [True] * (crew - 2) + [False] * 2
    skipped = [report for report in reports if report.status is CaptureStatus.SKIPPED]
    assert len(skipped) == 2
    assert all("memray flamegraph --no-web heap/heap-" in report.reason for report in skipped)


def test_an_interrupt_does_not_wait_for_what_has_not_begun(trial, monkeypatch):
    directory, put = trial
    for pid in range(1, 30):
        put(pid, bin=b"x")
    begun = []

    def interrupt(job):
        begun.append(job)
        raise KeyboardInterrupt

    monkeypatch.setattr(heap, "_collect_one", interrupt)
    with pytest.raises(KeyboardInterrupt):
        gather(directory)
    assert begun


@pytest.mark.parametrize("inside", ["as it is", "made otherwise"])
def test_a_page_is_drawn_whatever_memray_is_like_inside(capture, tmp_path, inside):
    """Only what draws is imported where that is possible; else all of memray's commands."""
    page = tmp_path / "page.html"
    script = [
        f"import sys; sys.path.insert(0, {str(Path(heapfile.__file__).parent)!r})",
        "import heapfile, memray.reporters.flamegraph",
        "if sys.argv[1] == 'made otherwise': heapfile.argparse = None",
        f"print(heapfile.draw({str(capture)!r}, {str(page)!r}))",
        "print('textual' in sys.modules)",
    ]
    done = subprocess.run(
        [sys.executable, "-P", "-c", "\n".join(script), inside],
        capture_output=True, text=True, timeout=LIMIT_S, check=True,
    )  # fmt: skip
    assert "flamegraph" in page.read_text()
    assert done.stdout.splitlines()[-1] == str(inside == "made otherwise")
