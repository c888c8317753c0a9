"""Real trackers in real programs: every kind of worker, killed in the middle of its wait."""

from __future__ import annotations

import shutil

import pytest

from lab import procfs
from lab.capture import heap
from lab.capture.tracker import INSTRUMENT_THREAD
from lab.model import CaptureStatus

MIB = 1 << 20
SLACK = 2 * MIB
"""What a worker may hold beside the memory that it was told to take."""
PROCESSES = ["fork", "forkserver", "spawn"]
VARIANTS = ["threads", *PROCESSES]


def within(use, mebibytes):
    return mebibytes * MIB <= use.peak_bytes <= mebibytes * MIB + SLACK


@pytest.mark.parametrize("method", VARIANTS)
def test_memray_tells_each_worker_of_a_killed_program(start, collect, method):
    program = start(method, 5, "hang", tool="memray")
    program.wait_ready()
    program.kill()
    uses, reports = collect(program)
    assert {report.status for report in reports.values()} == {CaptureStatus.OK}, reports
    assert within(uses["worker-1"], 5)
    assert within(uses["worker-2"], 10)
    assert any("program.py" in line and "work" in line for line, _ in uses["worker-2"].largest)
    assert uses["worker-1"].tool.startswith("memray ")
    assert uses["worker-1"].part_of == ("main" if method == "threads" else "")


@pytest.mark.parametrize("method", PROCESSES)
def test_tracemalloc_answers_before_the_kill(start, collect, method):
    program = start(method, 5, "hang", tool="tracemalloc")
    program.wait_ready()
    heap.request(program.tree, directory=program.directory, deadline_s=60)
    program.kill()
    uses, reports = collect(program)
    assert {report.status for report in reports.values()} == {CaptureStatus.OK}, reports
    assert within(uses["worker-1"], 5)
    assert within(uses["worker-2"], 10)
    assert "program.py" in uses["worker-2"].largest[0][0]


def test_tracemalloc_has_one_figure_for_all_threads(start, collect):
    program = start("threads", 5, "hang", tool="tracemalloc")
    program.wait_ready()
    heap.request(program.tree, directory=program.directory, deadline_s=60)
    program.kill()
    uses, _ = collect(program)
    assert within(uses["main"], 15)


def test_both_tools_agree_on_a_large_allocation(start, collect):
    peaks = []
    for tool in ("memray", "tracemalloc"):
        program = start("spawn", 20, "finish", tool=tool)
        assert program.wait() == (0, "")
        uses, _ = collect(program)
        peaks.append(uses["worker-2"].peak_bytes)
    assert 0.9 < peaks[0] / peaks[1] < 1.1


@pytest.mark.parametrize("method", VARIANTS)
@pytest.mark.parametrize("tool", ["memray", "tracemalloc"])
def test_a_program_that_ends_by_itself_is_measured_too(start, collect, method, tool):
    program = start(method, 5, "finish", tool=tool)
    assert program.wait() == (0, "")
    uses, reports = collect(program)
    assert {report.status for report in reports.values()} == {CaptureStatus.OK}, reports
    whole = "main" if method == "threads" else "worker-2"
    assert uses[whole].peak_bytes >= 10 * MIB


def test_tracemalloc_without_a_request_says_why_there_is_nothing(start, collect):
    program = start("fork", 1, "hang", tool="tracemalloc")
    program.wait_ready()
    program.kill()
    uses, reports = collect(program)
    assert not uses
    assert len(reports) == 3
    for report in reports.values():
        assert report.status is CaptureStatus.FAILED
        assert "keeps inside the process" in report.reason


def test_a_worker_that_leaves_by_os_exit_keeps_its_memray_capture(start, collect):
    program = start("fork", 5, "exit", tool="memray")
    program.wait()
    uses, _ = collect(program)
    assert within(uses["worker-2"], 10)


def test_workers_that_are_not_wrapped_leave_no_trace(start, collect):
    program = start("fork", 5, "unmeasured", tool="memray")
    program.wait_ready()
    program.kill()
    uses, reports = collect(program)
    assert set(uses) == {"main"}
    assert uses["main"].peak_bytes < 5 * MIB
    assert set(reports) == {"heap of main"}


def test_without_memray_the_target_falls_back_and_says_so(start, collect, tmp_path):
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "memray.py").write_text("raise ImportError('not here')\n")
    program = start("spawn", 5, "hang", PYTHONPATH=str(blocked))
    program.wait_ready()
    heap.request(program.tree, directory=program.directory, deadline_s=60)
    program.kill()
    uses, reports = collect(program, flamegraphs=True)
    assert within(uses["worker-2"], 10)
    assert reports["heap of main"].tool == "tracemalloc"
    assert "memray cannot be imported in the target: not here" in reports["heap of main"].reason
    assert not any(name.startswith("flame graph") for name in reports)


def test_memray_that_was_asked_for_and_is_missing_is_a_failure(start, collect, tmp_path):
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "memray.py").write_text("raise ImportError('not here')\n")
    program = start("fork", 1, "finish", tool="memray", PYTHONPATH=str(blocked))
    assert program.wait() == (0, "")
    uses, reports = collect(program)
    assert not uses
    assert {report.status for report in reports.values()} == {CaptureStatus.FAILED}
    assert "not here" in reports["heap of main"].reason


def test_flame_graphs_load_nothing_from_the_network(start, collect):
    program = start("fork", 2, "hang", tool="memray")
    program.wait_ready()
    program.kill()
    uses, reports = collect(program, flamegraphs=True)
    assert reports["flame graph of worker-1"].status is CaptureStatus.OK
    assert reports["flame graph of worker-1"].artifacts == (uses["worker-1"].flamegraph,)
    page = program.directory / uses["worker-1"].flamegraph
    requests, errors, text = opened(page)
    assert requests == [page.as_uri()]
    assert not errors
    assert "bytearray(number * mebibytes" in text


def opened(path):
    """Open a page in a browser without a network; return what it asked for, errors, and text."""
    browsers = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium")
    requests, errors = [], []
    with browsers.sync_playwright() as kind:
        browser = kind.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_context(offline=True).new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(path.as_uri())
        page.wait_for_selector("#chart svg")
        text = page.content()
        browser.close()
    return [url for url in requests if not url.startswith("data:")], errors, text


def thread_names(program):
    return [procfs.stat(pid, tid).comm for pid in program.tree for tid in procfs.thread_ids(pid)]


def test_tracemalloc_adds_no_thread(start):
    program = start("fork", 1, "hang", tool="tracemalloc")
    program.wait_ready()
    assert len(thread_names(program)) == 3


def test_the_only_thread_that_memray_adds_is_named(start):
    program = start("fork", 1, "hang", tool="memray")
    program.wait_ready()
    names = thread_names(program)
    assert names.count(INSTRUMENT_THREAD) == 3
    assert len(names) == 6


def test_a_tracker_that_cannot_write_leaves_the_program_alone(start, collect):
    program = start("fork", 1, "vanished", tool="memray")
    status, errors = program.wait()
    assert status == 0
    assert "cannot write" in errors
    uses, reports = collect(program)
    assert not uses
    assert "no process left a note" in reports["heap"].reason


def test_an_exception_of_the_program_passes_through(start, collect):
    program = start("threads", 1, "raise", tool="memray")
    status, errors = program.wait()
    assert status == 1
    assert "ZeroDivisionError" in errors
    assert "tracker" not in errors.splitlines()[-1]
    uses, _ = collect(program)
    assert uses["main"].peak_bytes > 0


def test_a_fork_that_leaves_the_block_spoils_nothing(start, collect):
    program = start("threads", 5, "forks", tool="memray")
    assert program.wait() == (0, "")
    uses, reports = collect(program)
    assert reports["heap of main"].status is CaptureStatus.OK
    assert uses["main"].peak_bytes >= 10 * MIB


def test_a_program_that_stops_tracemalloc_has_no_figures(start, collect):
    program = start("fork", 1, "stops", tool="tracemalloc")
    assert program.wait() == (0, "")
    _, reports = collect(program)
    assert reports["heap of main"].status is CaptureStatus.OK
    assert reports["heap of worker-1"].status is CaptureStatus.FAILED
    assert "the program had stopped tracemalloc" in reports["heap of worker-1"].reason


@pytest.mark.parametrize("tool", ["memray", "tracemalloc"])
def test_warnings_that_are_errors_are_none_because_of_the_tracker(start, collect, tool):
    program = start("fork", 5, "finish", tool=tool, PYTHONWARNINGS="error")
    assert program.wait() == (0, "")
    uses, _ = collect(program)
    assert within(uses["worker-2"], 10)
    assert uses["worker-2"].tool.startswith(tool)


@pytest.mark.parametrize("tool", ["memray", "tracemalloc"])
@pytest.mark.parametrize("method", ["threads", "fork"])
def test_a_disk_that_takes_no_more_does_not_stop_the_program(start, collect, tool, method):
    program = start(method, 1, "limited", tool=tool)
    status, _ = program.wait()
    assert status == 0
    _, reports = collect(program)
    assert all(report.reason for report in reports.values() if report.status == "failed")


@pytest.mark.parametrize("method", ["threads", "fork"])
def test_the_tracker_is_not_among_what_it_measures(start, collect, method):
    program = start(method, 0, "hang", tool="memray")
    program.wait_ready()
    program.kill()
    uses, _ = collect(program)
    for label in ("worker-1", "worker-2"):
        lines = [line for line, _ in uses[label].largest]
        assert not [line for line in lines if "tracker.py" in line or "pathlib" in line], lines
