"""The grammar of planted faults."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.armed import FaultPlanError, code_of, exception_of
from lab.errors import UsageError
from lab.faults import KINDS, TRIGGERS, After, Call, Fault, FaultKind, Point, parse
from lab.scenario import OutcomeKind, Scenario, Truth

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")

names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_-]{0,8}", fullmatch=True)
dotted = st.lists(st.from_regex(r"[a-zA-Z_]\w{0,5}", fullmatch=True), min_size=2, max_size=4).map(
    ".".join
)
workers = st.text(min_size=1, max_size=12).filter(
    lambda text: text == text.strip() and not set(text) & set(":@\r\n")
)
times = st.floats(min_value=0, max_value=86400, allow_nan=False)
counts = st.integers(min_value=1, max_value=10**6)
triggers = st.one_of(
    st.builds(After, times), st.builds(Point, names, counts), st.builds(Call, dotted, counts)
)
VALUES = {
    "": st.none(),
    "STATUS": st.integers(min_value=0, max_value=255),
    "EXCEPTION": st.sampled_from(["RuntimeError", "ValueError", "queue.Empty"]),
    "SIZE": st.integers(min_value=0, max_value=1 << 40),
    "COUNT": st.integers(min_value=0, max_value=999_999),
    "DURATION": times,
}


@st.composite
def faults(draw: st.DrawFn) -> Fault:
    kind = draw(st.sampled_from(FaultKind))
    trigger = draw(triggers)
    if kind is FaultKind.CONT:
        trigger = After(draw(times))
    elif kind is FaultKind.DELAY and isinstance(trigger, After):
        trigger = Point("put")
    return Fault(kind, draw(workers), trigger, draw(VALUES[KINDS[kind].value]))


@settings(deadline=None)
@given(faults())
def test_what_is_written_is_read_as_the_same(fault: Fault) -> None:
    assert parse(str(fault)) == fault


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_other_text_is_read_or_refused_with_what_is_possible(text: str) -> None:
    try:
        fault = parse(text)
    except UsageError as error:
        answer = error
    else:
        assert parse(str(fault)) == fault
        return
    assert answer.seen
    assert answer.wanted
    assert "\n" not in answer.line()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("kill:worker@put#3", Fault(FaultKind.KILL, "worker", Point("put", 3))),
        ("stop:worker-1@2s", Fault(FaultKind.STOP, "worker-1", After(2.0))),
        ("exit:main@start", Fault(FaultKind.EXIT, "main", Point("start"), 1)),
        ("memory=16MiB:worker@20ms", Fault(FaultKind.MEMORY, "worker", After(0.02), 1 << 24)),
        (
            "raise=queue.Empty:Thread-1 (get)@call:queue.Queue.get",
            Fault(FaultKind.RAISE, "Thread-1 (get)", Call("queue.Queue.get"), "queue.Empty"),
        ),
    ],
)
def test_examples(text: str, fault: Fault) -> None:
    assert parse(text) == fault


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kil:worker@put", "no kind of fault 'kil'; wanted: did you mean 'kill'"),
        ("kill:@put", "no worker in '@put'; wanted: KIND[=VALUE]:WORKER@TRIGGER"),
        ("kill:worker", "no trigger; wanted: @ and one of"),
        ("kill=9:worker@put", "kill with the value '9'; wanted: kill:WORKER@TRIGGER"),
        ("memory:worker@put", "memory without a value; wanted: memory=SIZE"),
        ("memory=lots:worker@put", "memory=lots; wanted: memory=SIZE: bytes, such as 4096"),
        ("exit=256:worker@put", "exit=256; wanted: exit=STATUS: a whole number from 0 to 255"),
        ("kill:worker@put#0", "pass '0' of put; wanted: a whole number from 1"),
        ("kill:worker@2 s", "no trigger '2 s'; wanted: one of 0.5s, 20ms, put"),
        ("kill:worker@call:put", "no function 'put'; wanted: call:module.function"),
        ("cont:worker@put", "a stopped worker passes no point; wanted: a time such as 2s"),
        ("delay=1s:worker@2s", "nobody outside can make a worker sleep"),
        ("kill:worker@90000s", "90000s; wanted: a day at most"),
    ],
)
def test_what_cannot_be_read_is_answered_by_what_is_possible(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        parse(text)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("queue.Queue.putt", "no 'putt' in Queue; wanted: did you mean 'put'"),
        ("time.sleep", "time.sleep is a builtin_function_or_method; wanted: a function written"),
        ("no_such_module.f", "no module 'no_such_module'"),
    ],
)
def test_a_function_that_is_not_there_is_refused(function: str, said: str) -> None:
    with pytest.raises(FaultPlanError, match=re.escape(said)):
        code_of(function)


def test_only_an_exception_can_be_raised() -> None:
    assert exception_of("queue.Empty").__name__ == "Empty"
    with pytest.raises(FaultPlanError, match="dict is no exception"):
        exception_of("dict")


def test_a_scenario_with_a_bad_fault_is_refused() -> None:
    def program(kit: object) -> None: ...

    def truth() -> Truth:
        return Truth(OutcomeKind.EXITED)

    with pytest.raises(UsageError, match="no trigger"):
        Scenario("bad", "Bad", "p.", "w.", "c.", program, program, truth, faults=("kill:worker",))


def test_the_readme_has_the_same_table() -> None:
    rows = re.findall(r"^\| `([a-z-]+)(?:\[?=([A-Z]+)\]?)?` \| (.*) \|$", README, re.MULTILINE)
    found = {kind: (value, does) for kind, value, does in rows if kind in list(FaultKind)}
    assert found == {str(kind): (info.value, info.does) for kind, info in KINDS.items()}
    for trigger, meaning in TRIGGERS.items():
        assert f"| `{trigger}` | {meaning} |" in README
