"""The terminal's summary: compact, complete, plain where it must be."""

from __future__ import annotations

import io
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from lab.model import CaptureReport, CaptureStatus, RunRecord, VerdictKind
from lab.report.terminal import print_summary
from tests.unit.report import hostile, runs


def printed(
    record: RunRecord, width: int = 80, report: Path | None = None, **options: object
) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, color_system=None, **options)  # type: ignore[arg-type]
    print_summary(record, console, report)
    return out.getvalue()


def test_it_names_everything_that_a_reader_needs(tmp_path: Path) -> None:
    record = runs.deadlock_run(tmp_path)
    text = printed(record, report=tmp_path / "report.html")
    for said in (
        "✓ as expected",
        "Deadlocked, proved",
        "49 ms",
        "130 KiB PSS, 115 KiB USS",
        "2.5 MiB PSS, 1.5 MiB USS",
        "403 KiB",
        "nothing",
        "7 of 7",
        "6 of 7",
        f"worker-1 waits at deadlock.py:{runs.WANTS} for threading.Lock theirs",
        f"held by worker-2 since deadlock.py:{runs.HOLDS} [same object]",
        f"worker-2 waits at deadlock.py:{runs.WANTS} for multiprocessing.Lock theirs",
        "pause 0 ms",
        record.header.rerun,
    ):
        assert said in text, said
    assert f"report  {tmp_path / 'report.html'}\n" in text, "the path is on one line, to be copied"


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_but_the_last_ones_is_wider_than_the_terminal(tmp_path: Path, width: int) -> None:
    text = printed(runs.deadlock_run(tmp_path), width)
    body = text.partition("\nagain")[0]
    assert max(map(len, body.splitlines())) <= width


def test_one_variant_has_one_column(tmp_path: Path) -> None:
    head = runs.header(variants=(runs.THREADS,))
    text = printed(runs.write(tmp_path, [runs.deadlocked(runs.THREADS)], head))
    assert "Threads" in text
    assert "Processes" not in text


def test_repeats_are_summed_up(tmp_path: Path) -> None:
    trials = [runs.deadlocked(runs.THREADS, n, took_s=0.04 + n / 1000) for n in range(1, 30)]
    trials[3] = msgspec.structs.replace(
        trials[3], verdict=runs.verdict(runs.THREADS, VerdictKind.DEVIATED)
    )
    head = runs.header(variants=(runs.THREADS,), repeat=30)
    text = printed(runs.write(tmp_path, trials, head), 100)
    assert "✗ deviated: 1 of 29" in text
    assert "✓ as expected: 28 of 29" in text
    assert "Deadlocked, proved: 29 of 29" in text
    assert "median 55 ms (41 ms to 69 ms)" in text


def test_an_unfinished_run_has_no_verdict(tmp_path: Path) -> None:
    text = printed(runs.write(tmp_path, [runs.deadlocked(runs.THREADS)], finished=False))
    assert "unfinished, no verdict" in text
    assert "no trial of it was finished" in text
    assert "as expected" not in text


def test_a_failed_capture_is_named(tmp_path: Path) -> None:
    failed = CaptureReport(
        name="stacks",
        tool="py-spy",
        status=CaptureStatus.FAILED,
        seconds=0.1,
        reason="[Errno 1] not permitted",
    )
    trial = msgspec.structs.replace(
        runs.deadlocked(runs.THREADS), captures=(failed,), diagnosis=None, debuggability=None
    )
    text = printed(runs.write(tmp_path, [trial]))
    assert "1 failed" in text
    assert "capture stacks failed: [Errno 1] not permitted" in text


def test_markup_and_control_characters_of_a_run_are_not_obeyed() -> None:
    text = printed(hostile.record(), 200)
    assert "[bold red]" in text
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_no_colour_when_the_user_wants_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=True, color_system="truecolor")
    print_summary(runs.deadlock_run(tmp_path), console, None)
    assert "\x1b[3" not in out.getvalue(), "no foreground colour"
