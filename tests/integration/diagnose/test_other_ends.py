"""Waits on sockets, selectors and other programs: who is at the other end, who only seems so."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from lab.model import Edge, Evidence
from lab.scenario import Cause

CYCLES = [
    # file, program, waiter, its line, the other, its line
    ("sockets.py", "both_receive", "main", "client-receives", "server", "server-receives"),
    ("sockets.py", "handler_thread", "main", "to-handler", "handler in server", "from-client"),
    ("sockets.py", "both_send", "main", "main-sends", "sender", "child-sends"),
    ("sockets.py", "selector_on_two", "main", "selects", "quiet", "kept-receives"),
    ("children.py", "unread_pipe", "main", "unread-waits", "python", ""),
    ("children.py", "unread_pipe_of_a_shell", "main", "cat-waits", "cat", ""),
    ("children.py", "unread_pipe_beside_a_heartbeat", "main", "unread-waits", "python", ""),
    ("children.py", "unclosed_input", "main", "input-waits", "cat", ""),
    ("children.py", "unread_terminal", "main", "terminal-waits", "cat", ""),
    ("children.py", "raw_wait", "main", "raw-waits", "fork", "forked-reads"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "program", "waiter", "at", "other", "there"), CYCLES)
def test_each_waits_for_the_other(
    look: Callable, file: str, program: str, waiter: str, at: str, other: str, there: str
) -> None:
    seen = look(file, program, at_most_s=1.0 if "heartbeat" in program else 5.0)

    assert seen.diagnosis.cause is Cause.WAIT_CYCLE, seen.diagnosis.story
    (cycle,) = seen.diagnosis.cycles
    by_label = {seen.label(actor) or "": actor for actor in cycle}
    (name,) = by_label.keys() - {waiter}
    assert name.startswith(other)
    assert seen.edge(waiter, at).holder == by_label[name]
    if there:
        assert seen.edge(name, there).holder == by_label[waiter]


def _only(seen, waiter: str) -> Edge:
    (edge,) = (one for one in seen.diagnosis.edges if seen.label(one.waiter) == waiter)
    return edge


def test_a_connection_that_is_never_accepted(look: Callable) -> None:
    seen = look("sockets.py", "not_accepted")

    assert seen.diagnosis.cause is Cause.UNSATISFIED_WAIT
    assert seen.diagnosis.headline.startswith("server waits for threading.Event")
    edge = seen.edge("main", "unaccepted-receives")
    assert seen.label(edge.holder) == "server"
    assert "not accepted yet" in edge.because


def test_a_server_that_asks_itself(look: Callable) -> None:
    seen = look("sockets.py", "asks_itself")

    assert seen.diagnosis.cause is Cause.WAIT_CYCLE
    assert [[seen.label(actor) for actor in one] for one in seen.diagnosis.cycles] == [["server"]]
    assert seen.holder("main", "asks") == ("server", None)
    assert seen.holder("server", "asks") == ("server", None)


def test_a_listener_to_which_nobody_connects(look: Callable) -> None:
    seen = look("sockets.py", "accept_nobody")

    assert seen.diagnosis.cause is Cause.OUTSIDE_WAIT
    assert seen.edge("main", "accepts").holder is None


def test_a_pipe_whose_other_end_is_with_nobody_else(look: Callable) -> None:
    seen = look("sockets.py", "poll_on_pipe")

    assert seen.diagnosis.cause is Cause.UNSATISFIED_WAIT
    edge = seen.edge("main", "polls")
    assert edge.holder is None
    assert "nobody but itself" in edge.because


@pytest.fixture
def port() -> Iterator[int]:
    """The port of a server that accepts and never answers: this very process."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_the_other_end_is_outside_the_tree(look: Callable, port: int) -> None:
    seen = look("sockets.py", "outside_receive", str(port))

    assert seen.diagnosis.cause is Cause.OUTSIDE_WAIT
    edge = seen.edge("main", "outside-receives")
    assert edge.holder is None
    assert f"127.0.0.1:{port}" in seen.diagnosis.headline
    assert "outside the tree" in edge.because


def test_a_slow_answer_is_no_hang(look: Callable) -> None:
    seen = look("sockets.py", "slow_answer")

    assert seen.diagnosis.cause is Cause.NONE
    assert seen.holder("main", "patient-receives") == ("server", None)


def test_another_thread_of_the_server_will_answer(look: Callable) -> None:
    seen = look("sockets.py", "answered_by_another_thread")

    assert seen.diagnosis.cause is Cause.NONE
    assert seen.diagnosis.cycles == ()
    holder = seen.label(seen.edge("main", "crossed-receives").holder)
    assert holder in (None, "Thread-1 (answer) in server")


def test_a_client_with_a_time_out_is_in_no_cycle(look: Callable) -> None:
    seen = look("sockets.py", "impatient_client")

    assert seen.diagnosis.cause is Cause.NONE
    assert seen.diagnosis.cycles == ()


@pytest.mark.parametrize(
    ("program", "marker", "child"),
    [
        ("sleeping_child", "sleeper-waits", "sleep"),
        ("communicating", "communicates", "sleep"),
        ("shell_between", "shell-waits", "sh"),
    ],
)
def test_a_child_that_only_takes_its_time(
    look: Callable, program: str, marker: str, child: str
) -> None:
    seen = look("children.py", program)

    assert seen.diagnosis.cause is Cause.NONE
    assert seen.diagnosis.cycles == ()
    edge = seen.edge("main", marker)
    assert (seen.label(edge.holder) or "").startswith(f"{child} ")
    assert edge.evidence is Evidence.CONFIRMED


def test_the_command_of_a_child_is_told(look: Callable) -> None:
    seen = look("children.py", "sleeping_child")
    assert "(`sleep 3600`)" in seen.diagnosis.headline


def test_a_thread_that_reads_what_the_child_writes(look: Callable) -> None:
    seen = look("children.py", "read_by_a_thread")

    assert seen.diagnosis.cause is Cause.NONE
    assert (seen.label(_only(seen, "reader").holder) or "").startswith("sleep ")
