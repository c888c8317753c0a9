"""Charts, source excerpts, files: the page's smaller parts."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from lab.model import Footprint, FootprintSample, Outcome, Output, VerdictKind
from lab.report.charts import added_chart, over_time_chart
from lab.report.columns import choose, columns_of
from lab.report.files import describe, trial_files
from lab.report.memory import sweeps, tree_pss
from lab.report.sources import excerpts, sources_of, stacks
from lab.scenario import OutcomeKind
from tests.unit.report import runs
from tests.unit.report.structure import structure


def test_charts_are_bare_and_named(tmp_path: Path) -> None:
    columns = columns_of(runs.deadlock_run(tmp_path))
    drawn = [added_chart(columns, "one"), over_time_chart(columns, "two")]
    for chart in drawn:
        assert chart is not None
        found = structure(chart)
        assert not {tag for tag, _ in found.elements} & {"script", "style", "a", "desc", "title"}
        assert "http" not in chart
        assert len(found.all("id")) == 1
        assert found.all("role") == ["img"]
        assert len(chart) < 12_000
    assert drawn[0] is not None
    assert "Processes (fork)" in "".join(structure(drawn[0]).text)


def test_charts_need_figures(tmp_path: Path) -> None:
    trial = msgspec.structs.replace(runs.deadlocked(runs.THREADS), footprint=None)
    columns = columns_of(runs.write(tmp_path, [trial]))
    assert added_chart(columns, "one") is None
    assert over_time_chart(columns, "two") is None


def test_a_chart_bears_a_figure_that_is_missing(tmp_path: Path) -> None:
    trial = runs.deadlocked(runs.THREADS)
    partly = Footprint(samples=(), workers=1, added_pss_bytes=0, added_rss_bytes=2**20)
    columns = columns_of(runs.write(tmp_path, [msgspec.structs.replace(trial, footprint=partly)]))
    assert added_chart(columns, "one") is not None


def sample(at: float, pid: int, pss: int | None) -> FootprintSample:
    return FootprintSample(
        at_s=at,
        pid=pid,
        label="",
        rss_bytes=0,
        pss_bytes=pss,
        uss_bytes=None,
        threads=1,
        fds=None,
    )


def test_samples_are_summed_sweep_by_sweep() -> None:
    mib = 2**20
    samples = [sample(0.1, 1, mib), sample(0.2, 1, mib), sample(0.201, 2, 2 * mib)]
    samples += [sample(0.3, 1, mib), sample(0.301, 2, None)]
    assert [len(sweep) for sweep in sweeps(samples)] == [1, 2, 2]
    assert tree_pss(samples) == [(0.1, 1.0), (0.2, 3.0)], "what is not known is not drawn"


def test_the_culprit_lines_are_marked_in_their_source() -> None:
    diagnosis = runs.diagnosis(runs.THREADS)
    found = excerpts(diagnosis, {runs.FILE: runs.SOURCE})
    marks = {line.number: line.marks for each in found for line in each.lines if line.marks}
    assert marks[runs.HOLDS] == (("held", "held since here by worker-1 and worker-2"),)
    assert marks[runs.WANTS] == (("wanted", "wanted here by worker-1 and worker-2"),)
    first = found[0]
    assert first.lines[0].number <= runs.HOLDS - 1
    assert first.lines[-1].number >= runs.WANTS + 1
    lines = runs.SOURCE.splitlines()
    assert all(line.text == lines[line.number - 1] for each in found for line in each.lines)


def test_without_the_source_the_line_that_was_kept_is_shown() -> None:
    found = excerpts(runs.diagnosis(runs.THREADS), {})
    texts = [line.text for each in found for line in each.lines]
    assert "with theirs:  # lab: wants" in texts


def test_sources_of_a_run_include_the_scenario_itself() -> None:
    scenario = runs.header().scenario
    assert sources_of(None, scenario) == {runs.FILE: runs.SOURCE}


def test_stacks_have_the_names_that_people_know() -> None:
    views = stacks(runs.snapshot(runs.FORK), runs.diagnosis(runs.FORK))
    assert [view.title for view in views] == ["worker-1", "worker-2", "main"]
    own = [frame for view in views for frame in view.frames if frame.own]
    assert {frame.frame.file for frame in own} == {runs.FILE}
    waiting = [frame for frame in own if frame.frame.line == runs.WANTS]
    assert [frame.marks for frame in waiting] == [("wanted",), ("wanted",)]
    assert stacks(None, None) == []


def test_the_trial_that_needs_a_look_is_chosen() -> None:
    trials = [runs.deadlocked(runs.THREADS, n) for n in range(1, 5)]
    for index, kind in ((1, VerdictKind.INCONCLUSIVE), (3, VerdictKind.DEVIATED)):
        verdict = runs.verdict(runs.THREADS, kind)
        trials[index] = msgspec.structs.replace(trials[index], verdict=verdict)
    assert choose(trials) is trials[3]
    assert choose(trials[:2]) is trials[1]
    assert choose(trials[:1]) is trials[0]
    assert choose([]) is None
    assert choose([msgspec.structs.replace(trials[0], verdict=None)]) is not None


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../run.json", "captures/../../x", "no/such", "a\0b"]
)
def test_what_is_not_in_the_run_has_no_link(tmp_path: Path, name: str) -> None:
    file = describe(runs.deadlock_run(tmp_path), name)
    assert file.href == ""
    assert file.bytes is None


def test_odd_names_are_quoted_in_links(tmp_path: Path) -> None:
    record = runs.deadlock_run(tmp_path)
    name = 'captures/threads-1/javascript:"x y"#?.txt'
    (Path(record.directory) / name).write_text("x")
    assert describe(record, name).href == "./captures/threads-1/javascript%3A%22x%20y%22%23%3F.txt"


def test_a_trial_s_files_come_once_each(tmp_path: Path) -> None:
    record = runs.deadlock_run(tmp_path)
    assert record.result is not None
    names = [file.path for file in trial_files(record, [record.result.trials[0], None])]
    assert len(names) == len(set(names)) == 4
    assert all(name.startswith("captures/threads-1/") for name in names)


def test_a_form_feed_in_the_source_moves_no_line() -> None:
    source = "\x0c" + runs.SOURCE.replace("\n", "\u2028\n", 1)
    (excerpt, *_) = excerpts(runs.diagnosis(runs.THREADS), {runs.FILE: source})
    shown = {line.number: line.text for line in excerpt.lines}
    assert shown[runs.WANTS] == runs.SOURCE.split("\n")[runs.WANTS - 1]


@pytest.mark.parametrize(
    ("artifact", "said"),
    [("captures/t/stderr.txt", "ValueError: 3"), ("../secret.txt", ""), ("gone.txt", ""), ("", "")],
)
def test_the_last_words_come_from_the_run_and_from_nowhere_else(tmp_path, artifact, said):
    ended = Outcome(kind=OutcomeKind.EXITED, elapsed_s=1.0, exit_code=1)
    output = (Output(stream="stderr", artifact=artifact),)
    trial = msgspec.structs.replace(
        runs.deadlocked(runs.THREADS), outcome=ended, diagnosis=None, output=output
    )
    record = runs.write(tmp_path, [trial])
    folder = Path(record.directory)
    (folder / "captures/t").mkdir()
    (folder / "captures/t/stderr.txt").write_text("Traceback\nValueError: 3\n\n")
    (folder.parent / "secret.txt").write_text("secret")
    assert columns_of(record)[0].last_words == said
