"""What GitHub Actions is told: nothing from a target becomes a command, a property or markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from lab.hunt.recorder import Step
from lab.model import Diagnosis, Dump, Edge, Evidence, SourceLine, ThreadMoment
from lab.model.moment import Motion
from lab.report import github, markdown
from lab.report.github import Annotation, announce, culprits, error_line, relative
from lab.report.interleaving import first_preemption
from lab.scenario import Cause
from tests.unit.report.hostile import NASTY
from tests.unit.report.strategies import any_diagnosis, rings

ACTIONS = {"GITHUB_ACTIONS": "true"}
EVIL = [
    "::error::x", "\n::set-env name=A::b", "%0A::error::", "a,file=/etc/passwd", "`|`", "a|b",
    "<script>", "</pre></details>", "**x** _y_ [z](http://e.x)", "&lt;", "# x", "1. x", "\r\n::x",
    NASTY,
]  # fmt: skip
texts = st.sampled_from(EVIL) | st.text(max_size=60)

UNTIMED = settings(deadline=None)
"""How long an example takes says nothing on a busy machine."""


def dump(diagnosis, **changes) -> Dump:
    given = {
        "schema_version": 1, "pid": 7, "taken_at": "", "looks": 1, "interval_s": 1.0,
        "state": "deadlocked", "proof": None, "processes": (), "threads": (),
        "diagnosis": diagnosis, "captures": (),
    }  # fmt: skip
    return Dump(**{**given, **changes})


class Shown(HTMLParser):
    """What a browser shows: the text of the page, and the names of its elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.tags = "", set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        assert not attrs, (tag, attrs)

    def handle_data(self, data):
        self.text += data


def rendered(text: str) -> Shown:
    return Shown(MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(text))


def shown_of(text: str) -> str:
    """What must be seen of ``text``: on one line, with what hides or reorders made visible."""
    return markdown.shorten(" ".join(markdown.visible(text).split()), 400)


@UNTIMED
@given(texts)
def test_escaped_text_is_shown_as_it_is(text):
    shown = rendered(f"x{markdown.escaped(text)}")
    assert shown.tags == {"p"}
    assert shown.text.removesuffix("\n") == f"x{shown_of(text)}".rstrip()


@UNTIMED
@given(st.lists(st.lists(texts, min_size=3, max_size=3), min_size=1, max_size=4))
def test_a_cell_stays_in_its_column(rows):
    escaped = [[markdown.code(cell) for cell in row] for row in rows]
    html = (
        MarkdownIt("gfm-like", {"linkify": False})
        .enable("html_inline")
        .render(markdown.table(("a", "b", "c"), escaped))
    )
    cells = [Shown(cell).text for cell in re.findall(r"<td>(.*?)</td>", html)]
    assert [cell.strip() for cell in cells] == [shown_of(c).strip() for row in rows for c in row]


@UNTIMED
@given(st.lists(texts, min_size=1, max_size=5))
def test_folded_lines_do_not_unfold(lines):
    shown = rendered(markdown.details("Proof", lines))
    assert shown.tags <= {"details", "summary", "pre", "p"}
    assert markdown.details("Proof", lines).count("</") == 3


@UNTIMED
@given(title=texts, message=texts, file=texts)
def test_a_command_is_one_line_and_says_what_was_given(title, message, file):
    line = error_line(Annotation(title, message, file, 3))
    assert len(line.splitlines()) == 1
    properties, said = re.fullmatch(r"::error ((?:[^,:]+=[^,:]*,?)*)::(.*)", line).groups()
    found = dict(part.split("=", 1) for part in properties.split(","))
    assert set(found) == ({"file", "line", "title"} if file else {"title"})
    assert unquote(found["title"]) == github.shorten(github.visible(title), 4000)
    assert "%" not in re.sub("%(25|0A|0D)", "", said)


@UNTIMED
@given(any_diagnosis(texts), texts)
def test_any_dump_gives_at_most_ten_single_line_commands(diagnosis, command):
    lines = github.dump_notice(dump(diagnosis), command, {}).errors
    assert len(lines) >= 1
    assert all(line.startswith("::error ") and len(line.splitlines()) == 1 for line in lines)


@UNTIMED
@given(any_diagnosis(texts), texts)
def test_any_summary_holds_no_markup_of_the_target(diagnosis, command):
    thread = ThreadMoment(actor="7/7", label=command, pid=7, tid=7, at=None, wait=None,
                          motion=Motion.UNKNOWN,
                          stack=(SourceLine(file=command, line=1, function=command),))  # fmt: skip
    text = "".join(github.dump_summary(dump(diagnosis, threads=(thread,)), command))
    own = {"p", "h3", "em", "code", "table", "thead", "tbody", "tr", "th", "td", "details",
           "summary", "pre", "br"}  # fmt: skip
    parts = github.dump_summary(dump(diagnosis, threads=(thread,)), command)
    assert rendered("\n\n".join(parts)).tags <= own
    assert "<script" not in text


def far(number: int, file: Path) -> Edge:
    at = SourceLine(file=str(file), line=number + 1)
    return Edge(waiter="7/1", resource="r", at=at, evidence=Evidence.SOURCE, because="")


def test_ten_annotations_and_the_summary_are_all_there_is(tmp_path, capsys):
    file = tmp_path / "a.py"
    file.touch()
    many = Diagnosis(cause=Cause.UNKNOWN, headline="stuck",
                     edges=tuple(far(number, file) for number in range(30)))  # fmt: skip
    summary = tmp_path / "summary.md"
    environ = {**ACTIONS, "GITHUB_WORKSPACE": str(tmp_path), "GITHUB_STEP_SUMMARY": str(summary)}
    announce(dump(many), command="pytest", environ=environ)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == github.MOST_ANNOTATIONS
    assert lines[0].startswith("::error file=a.py,line=1,title=Cause unknown%3A pytest::stuck%0A")
    assert "<code>pytest</code>" in summary.read_text()


def test_elsewhere_nothing_is_printed_or_written(tmp_path, capsys):
    summary = tmp_path / "summary.md"
    found = dump(Diagnosis(cause=Cause.UNKNOWN, headline="stuck"))
    announce(found, command="pytest", environ={"GITHUB_STEP_SUMMARY": str(summary)})
    assert capsys.readouterr().out == ""
    assert not summary.exists()


@UNTIMED
@given(rings())
def test_a_file_outside_the_workspace_is_not_named_as_one_inside(diagnosis):
    (remark, *_) = culprits(dump(diagnosis), "pytest", "/nonexistent/workspace")
    assert remark.file == ""
    assert "stuck" in remark.message


@pytest.mark.parametrize("name", ["<string>", "", "gone.py", "/etc/passwd", "a\nb", "\0"])
def test_what_is_no_file_of_the_workspace_is_not_relative_to_it(tmp_path, name):
    assert relative(name, str(tmp_path)) == ""


def test_a_file_of_the_workspace_is_named_from_its_root(tmp_path):
    file = tmp_path / "src" / "a.py"
    file.parent.mkdir()
    file.touch()
    assert relative(str(file), str(tmp_path)) == "src/a.py"


def test_a_summary_is_cut_between_paragraphs_and_says_so(tmp_path):
    path = tmp_path / "summary.md"
    path.write_bytes(b"x" * (github.SUMMARY_BYTES - 1000))
    notice = github.Notice((), tuple(f"{number} {'é' * 100}" for number in range(50)))
    github.publish([notice], environ={"GITHUB_STEP_SUMMARY": str(path)})
    text = path.read_bytes().decode()
    assert len(text.encode()) <= github.SUMMARY_BYTES
    assert text.endswith("*The rest was cut: a job summary holds 1 MiB.*\n\n")
    assert "\n\n2 é" in text
    github.publish([notice], environ={"GITHUB_STEP_SUMMARY": str(path)})
    assert path.stat().st_size <= github.SUMMARY_BYTES


def step(thread: int, line: int, switch: str = "") -> Step:
    return Step(thread=thread, name=f"T{thread}", file="a.py", line=line, function="f",
                source="x", action="read", what="x", value="1", shared=True,
                switch=switch)  # fmt: skip


def test_the_first_preemption_is_at_the_line_that_the_stopped_thread_was_about_to_run():
    steps = [step(0, 1), step(1, 5, "T0 blocked"), step(1, 6), step(2, 5, "T1 preempted"),
             step(2, 6), step(1, 7, "T2 ended")]  # fmt: skip
    assert first_preemption(steps) == steps[-1]
    assert first_preemption(steps[:3]) is None
