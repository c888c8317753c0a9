"""The table of an interleaving: what is shown of a trace, and in which words."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from lab.hunt import HuntResult
from lab.hunt.outcome import Failure
from lab.hunt.recorder import Step
from lab.hunt.records import Explored
from lab.hunts.folder import HuntHeader, HuntRecord
from lab.hunts.orders import Reply
from lab.report.highlight import highlighted
from lab.report.interleaving import table_of, users_traceback, where_words
from lab.report.interleaving_page import render
from lab.report.interleaving_terminal import print_hunt
from lab.report.interleaving_text import WIDTH, failure_text

SOURCE = "def f(self):\n    seen = self.v  # <b>&\n    self.v = seen + 1\n"


def step(thread: int, line: int, action: str, what: str, value: str = "", **more) -> Step:
    known = {"shared": action in ("read", "write"), "switch": "", **more}
    return Step(
        thread=thread, name=f"T{thread}", file="/x/a.py", line=line, function="f",
        source=SOURCE.splitlines()[line - 1].strip(), action=action, what=what, value=value,
        **known,
    )  # fmt: skip


STEPS = (
    step(0, 1, "thread", "start"),
    step(1, 2, "read", "self.v", "0", switch="T0 blocked on the end of T1"),
    step(2, 1, "jump", "", switch="T1 preempted"),
    step(2, 2, "read", "self.v", "0"),
    step(2, 3, "test", "seen + 1"),
    step(2, 3, "write", "self.v", "1"),
    step(1, 3, "test", "seen + 1", switch="T2 ended"),
    step(1, 3, "write", "self.v", "1"),
    step(0, 1, "test", "<b>"),
)


def result(**more) -> HuntResult:
    known = {
        "found": True, "kind": "assertion", "message": "AssertionError: <b>1 == 2</b>",
        "model": "free-threaded", "executions": 3, "executions_to_failure": 3, "seconds": 0.1,
        "executions_per_second": 30.0, "switches": 1, "schedule": "lab1.x",
        "explored": Explored(schedules=3, threads=3), "models": {"free-threaded": "found"},
        "strategy": "pct", "seed": 0, "target": "a.py:f", "steps": STEPS,
        "failure": Failure("assertion", "m", "main", "p", "Traceback <script>"),
    }  # fmt: skip
    return HuntResult(**{**known, **more})


def record(of: HuntResult) -> HuntRecord:
    header = HuntHeader(id="i", reference="a.py:f", wishes={}, command="lab hunt", python="CPython")
    return HuntRecord(header=header, result=of, sources={"/x/a.py": SOURCE})


def test_steps_of_a_line_are_one_row_and_noise_is_left_out():
    rows = table_of(STEPS).rows
    assert [(row.thread, row.line) for row in rows] == [
        (1, 2), (2, 1), (2, 2), (2, 3), (1, 3), (0, 1),
    ]  # fmt: skip
    assert rows[3].effects == ("writes self.v = 1",)
    assert rows[0].effects == ("reads self.v → 0",)


def test_a_preemption_says_what_the_stopped_thread_was_about_to_do():
    switch = table_of(STEPS).rows[1]
    assert switch.preempted
    assert switch.arrival == "T1 preempted"
    assert switch.stopped == "a.py:3, before it writes self.v = 1"


def test_hand_overs_that_had_to_come_are_not_called_switches():
    assert [row.preempted for row in table_of(STEPS).rows] == [
        False, True, False, False, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize("steps", [(), STEPS[:1], STEPS])
def test_any_trace_gives_a_table(steps):
    table = table_of(steps)
    assert all(table.column(row) < len(table.threads) for row in table.rows)


@pytest.mark.parametrize(
    ("models", "said"),
    [
        ({"free-threaded": "found", "gil": "found"}, "with the GIL (every CPython build)"),
        ({"free-threaded": "found", "gil": "not found in 9 executions"}, "not found in 9"),
        ({"free-threaded": "found"}, "not asked for"),
        ({"gil": "found"}, "with the GIL"),
        ({}, "unknown"),
    ],
)
def test_where_it_can_happen_follows_from_the_models(models, said):
    assert said in where_words(result(models=models))


def test_the_text_has_everything_and_stays_narrow():
    text = failure_text(result(), "lab replay lab1.x a.py:f")
    lines = text.splitlines()
    assert lines[0].startswith("a.py:f: assertion: AssertionError")
    assert lines[-1] == "replay: lab replay lab1.x a.py:f"
    assert all(len(line) <= WIDTH + 5 for line in lines if "│" in line)


def test_the_page_escapes_what_it_shows_and_loads_nothing():
    page = render(record(result()), "lab replay lab1.x a.py:f")
    assert "<b>1" not in page
    assert "Traceback &lt;script&gt;" in page
    assert page.count("<script>") == 1
    assert "script-src 'sha256-" in page
    assert "src=" not in page
    assert "▶ switch: T1 preempted" in page


def test_the_page_of_nothing_found_is_no_proof():
    nothing = result(found=False, kind=None, message=None, schedule=None, steps=(), failure=None)
    page = render(record(nothing), "")
    assert "Nothing found is not a proof" in page
    assert "The interleaving" not in page


def test_the_terminal_obeys_no_color(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    out = io.StringIO()
    console = Console(file=out, width=100, force_terminal=True)
    print_hunt(Reply(result=result()), "", "lab replay lab1.x a.py:f", None, console)
    assert "\x1b[3" not in out.getvalue()
    assert "▶ switch: T1" in out.getvalue()


def test_frames_of_the_lab_are_left_out_of_a_traceback():
    import lab.hunt.engine as engine

    detail = (
        "Traceback (most recent call last):\n"
        f'  File "{engine.__file__}", line 1, in run\n    body()\n    ~~~~^^\n'
        '  File "/x/a.py", line 2, in f\n    assert 0\nAssertionError: no\n  more'
    )
    assert users_traceback(detail) == (
        "Traceback (most recent call last):\n"
        '  File "/x/a.py", line 2, in f\n    assert 0\nAssertionError: no\n  more'
    )


@pytest.mark.parametrize(
    "source", ["", "def f(:\n '", 'x = """a\n<b>\n"""\n', "f'{x!r}'", "\tx\n y"]
)
def test_any_source_is_highlighted_line_by_line(source):
    lines = highlighted(source)
    assert len(lines) == len(source.splitlines())
    assert "<b>" not in "".join(lines)
