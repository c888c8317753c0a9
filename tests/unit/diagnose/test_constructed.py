"""Diagnoses of snapshots made by hand: what no real program can be made to show reliably."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.diagnose import diagnose
from lab.model import (
    Evidence,
    Frame,
    Local,
    LockState,
    NoHolder,
    ProcessCapture,
    ProcessInfo,
    RemoteObject,
    Snapshot,
    ThreadStack,
    ThreadWait,
)
from lab.scenario import Cause

SOURCE = "def work(mine, theirs):\n    with mine:\n        with theirs:\n            pass\n"
A, B = 0x1000, 0x2000
KEYS = {A: "futex:1:a0", B: "futex:1:b0"}


def lock(address: int, **state: Any) -> RemoteObject:
    fields = {"kind": "lock", "key": KEYS[address], "locked": True, **state}
    kinds = {
        "lock": "_thread.lock",
        "rlock": "_thread.RLock",
        "semlock": "_multiprocessing.SemLock",
    }
    kind = kinds[str(fields["kind"])]
    return RemoteObject(address=address, type=kind, lock=LockState(**fields))


def thread(tid: int, mine: int, theirs: int, line: int = 3, **fields: Any) -> ThreadStack:
    frame = Frame(
        function="work",
        file="/app/work.py",
        line=line,
        locals=(
            Local(name="mine", text="", address=mine),
            Local(name="theirs", text="", address=theirs),
        ),
    )
    return ThreadStack(
        pid=1, tid=tid, ident=tid * 100, name=f"worker-{tid - 1}", frames=(frame,), **fields
    )


def wait(tid: int, key: str, **fields: Any) -> ThreadWait:
    given = {"state": "S", "syscall": "futex", "closed": True, **fields}
    return ThreadWait(pid=1, tid=tid, comm="python", key=key, **given)


def snapshot(
    threads: tuple[ThreadStack, ...],
    waits: tuple[ThreadWait, ...],
    objects: tuple[RemoteObject, ...] = (lock(A), lock(B)),
    **fields: Any,
) -> Snapshot:
    process = ProcessCapture(
        process=ProcessInfo(pid=1, ppid=0, python="3.13.0", label="main"),
        threads=threads,
        waits=waits,
        objects={one.address: one for one in objects},
        searched=tuple(wait.key for wait in waits),
        **fields,
    )
    return Snapshot(taken_s=0.0, processes=(process,), sources={"/app/work.py": SOURCE})


CROSSED = (thread(2, A, B), thread(3, B, A))
BOTH_WAIT = (wait(2, KEYS[B]), wait(3, KEYS[A]))


def test_crossed() -> None:
    found = diagnose(snapshot(CROSSED, BOTH_WAIT))
    assert found.cause is Cause.LOCK_CYCLE
    assert found.headline == (
        "worker-1 holds `mine` (work.py:2) and waits for `theirs` (work.py:3), which worker-2 has"
        " held since work.py:2. worker-2 in turn waits for `theirs`, which worker-1 holds."
    )
    assert [edge.evidence for edge in found.edges] == [Evidence.SAME_OBJECT] * 2
    assert found.actors[0].at is not None
    assert found.actors[0].at.text == "with theirs:"
    assert found.resources[0].kind == "threading.Lock"


def test_locks_that_the_kernel_does_not_name_as_in_3_14() -> None:
    keys = {A: "mutex:1:1010", B: "mutex:1:2010"}
    objects = tuple(lock(address, key=key) for address, key in keys.items())
    waits = (wait(2, "futex:1:7ffc00"), wait(3, "futex:1:7ffd00"))
    found = diagnose(snapshot(CROSSED, waits, objects))
    assert found.cause is Cause.LOCK_CYCLE
    assert [edge.holder for edge in found.edges] == ["1/3", "1/2"]


def test_a_word_that_is_not_the_lock_s_is_not_taken_for_it() -> None:
    waits = (wait(2, "futex:1:7ffc00"), wait(3, KEYS[A]))
    found = diagnose(snapshot(CROSSED, waits))
    assert [edge.waiter for edge in found.edges] == ["1/3"]
    assert found.cycles == ()


def test_a_native_thread_that_runs_may_yet_end_a_wait() -> None:
    join = Frame(
        function="Event.wait",
        file="/usr/lib/python3.13/threading.py",
        line=1,
        locals=(Local(name="self", text="", address=0x3000),),
    )
    waiting = ThreadStack(pid=1, tid=1, ident=1, name="MainThread", frames=(join,))
    alone = snapshot((waiting,), (wait(1, "futex:1:c0"),))
    assert diagnose(alone).cause is Cause.UNSATISFIED_WAIT
    busy = snapshot((waiting,), (wait(1, "futex:1:c0"), wait(9, "", state="R", closed=False)))
    assert diagnose(busy).cause is Cause.UNKNOWN


def test_a_wait_with_a_time_out_is_in_no_cycle() -> None:
    waits = (wait(2, KEYS[B], timed=True, closed=False), BOTH_WAIT[1])
    found = diagnose(snapshot(CROSSED, waits))
    assert found.cycles == ()
    assert found.cause is Cause.NONE


def test_a_thread_that_moved_is_in_no_cycle_and_waits_for_nothing() -> None:
    moved = (msgspec.structs.replace(CROSSED[0], still=False), CROSSED[1])
    found = diagnose(snapshot(moved, BOTH_WAIT))
    assert found.cycles == ()
    assert [edge.waiter for edge in found.edges] == ["1/3"]
    assert found.edges[0].holder is None  # and may have let go meanwhile


def test_a_lock_that_was_free_when_it_was_read_is_not_lost() -> None:
    objects = (lock(A), lock(B, locked=False))
    found = diagnose(snapshot((thread(2, A, B),), (wait(2, KEYS[B]),), objects))
    assert found.edges[0].no_holder is None
    assert found.cause is Cause.UNKNOWN


def test_a_thread_that_moved_within_its_hold_still_holds() -> None:
    later = (Frame(function="work", file="/app/work.py", line=4),)
    moved = (msgspec.structs.replace(CROSSED[0], still=False, later=later), CROSSED[1])
    found = diagnose(snapshot(moved, BOTH_WAIT))
    assert [edge.holder for edge in found.edges] == ["1/2"]
    assert found.cause is Cause.NONE


def test_two_that_seem_to_hold_one_lock_are_not_named() -> None:
    threads = (thread(2, A, B), thread(3, B, A), thread(4, B, A))
    waits = (*BOTH_WAIT, wait(4, KEYS[A]))
    found = diagnose(snapshot(threads, waits))
    edge = next(edge for edge in found.edges if edge.waiter == "1/2")
    assert (edge.holder, edge.evidence) == (None, Evidence.UNKNOWN)
    assert "worker-2, worker-3" in edge.because


def test_memory_outranks_the_source() -> None:
    """The source says that thread 3 holds B, the RLock itself that thread 4 does."""
    objects = (lock(A), lock(B, kind="rlock", owner_ident=400, count=1))
    threads = (*CROSSED, thread(4, A, A, line=1))
    found = diagnose(snapshot(threads, (*BOTH_WAIT, wait(4, "")), objects))
    edge = next(edge for edge in found.edges if edge.waiter == "1/2")
    assert (edge.holder, edge.evidence, edge.held_at) == ("1/4", Evidence.CONFIRMED, None)


@pytest.mark.parametrize(("forked", "verdict"), [(False, NoHolder.LEAKED), (True, None)])
def test_an_owner_that_is_no_thread_any_more(forked: bool, verdict: NoHolder | None) -> None:
    objects = (lock(A), lock(B, kind="rlock", owner_ident=9900, count=1))
    found = diagnose(snapshot((thread(2, A, B),), (wait(2, KEYS[B]),), objects, forked=forked))
    assert found.edges[0].no_holder is verdict
    assert found.cause is (Cause.ABANDONED_LOCK if verdict else Cause.UNKNOWN)


def test_a_lock_that_nobody_seems_to_hold_while_something_cannot_be_followed() -> None:
    text = SOURCE.replace("with mine:", "with hidden(mine):")
    shot = snapshot(CROSSED, BOTH_WAIT)
    found = diagnose(msgspec.structs.replace(shot, sources={"/app/work.py": text}))
    assert {edge.evidence for edge in found.edges} == {Evidence.UNKNOWN}
    assert found.cause is Cause.UNKNOWN
    assert not any(edge.no_holder for edge in found.edges)


def test_without_source_nothing_is_named() -> None:
    found = diagnose(msgspec.structs.replace(snapshot(CROSSED, BOTH_WAIT), sources={}))
    assert [edge.holder for edge in found.edges] == [None, None]
    assert not any(edge.no_holder for edge in found.edges)


def test_without_objects_the_printed_addresses_of_locals_still_tell() -> None:
    text = {A: f"<_thread.lock at {A:#x}>", B: f"<_thread.lock at {B:#x}>"}
    threads = tuple(
        msgspec.structs.replace(
            one,
            frames=tuple(
                msgspec.structs.replace(
                    frame,
                    locals=tuple(
                        msgspec.structs.replace(local, text=text[local.address or 0])
                        for local in frame.locals
                    ),
                )
                for frame in one.frames
            ),
        )
        for one in CROSSED
    )
    found = diagnose(snapshot(threads, BOTH_WAIT, objects=()))
    assert found.cause is Cause.LOCK_CYCLE
    assert [edge.evidence for edge in found.edges] == [Evidence.SAME_OBJECT] * 2


def test_without_objects_nothing_is_named() -> None:
    found = diagnose(snapshot(CROSSED, BOTH_WAIT, objects=()))
    assert found.edges == ()
    assert found.cause is Cause.UNKNOWN
    assert len(found.unknowns) == 2


def test_a_semlock_that_two_processes_call_theirs_is_not_decided() -> None:
    objects = (lock(A), lock(B, kind="semlock", count=1, limit=1, owner_ident=300))
    one = snapshot(CROSSED, BOTH_WAIT, objects).processes[0]
    info = ProcessInfo(pid=2, ppid=1, python="3.13.0", label="fork 2")
    two = msgspec.structs.replace(one, process=info, threads=(), waits=())
    shot = Snapshot(taken_s=0.0, processes=(one, two), sources={"/app/work.py": SOURCE})
    edge = next(edge for edge in diagnose(shot).edges if edge.waiter == "1/2")
    assert (edge.holder, edge.evidence) == (None, Evidence.UNKNOWN)


def test_a_taken_semlock_is_abandoned_only_if_every_process_was_searched() -> None:
    objects = (lock(A), lock(B, kind="semlock", count=0, limit=1))
    one = snapshot((thread(2, A, B),), (wait(2, KEYS[B]),), objects).processes[0]
    whole = Snapshot(taken_s=0.0, processes=(one,), sources={"/app/work.py": SOURCE})
    assert diagnose(whole).edges[0].no_holder is NoHolder.DEAD_PROCESS
    partly = msgspec.structs.replace(whole, processes=(msgspec.structs.replace(one, searched=()),))
    assert diagnose(partly).edges[0].no_holder is None
    assert diagnose(partly).cause is Cause.UNKNOWN


def test_a_semaphore_is_never_abandoned() -> None:
    objects = (lock(A), lock(B, kind="semlock", count=0, limit=5))
    found = diagnose(snapshot((thread(2, A, B),), (wait(2, KEYS[B]),), objects))
    assert found.edges[0].no_holder is None


def test_an_empty_snapshot() -> None:
    found = diagnose(Snapshot(taken_s=0.0, processes=()))
    assert (found.cause, found.edges) == (Cause.UNKNOWN, ())


def test_a_process_that_could_not_be_read_is_said_to_be_unknown() -> None:
    capture = ProcessCapture(
        process=ProcessInfo(pid=5, ppid=1, python="3.9", label="main"), error="no py-spy"
    )
    found = diagnose(Snapshot(taken_s=0.0, processes=(capture,)))
    assert found.unknowns == ("main (5): no stacks: no py-spy",)


numbers = st.integers(0, 6)


@settings(deadline=None)  # the machine may be busy
@given(
    st.lists(st.tuples(st.sampled_from([A, B]), st.sampled_from([A, B]), numbers), max_size=4),
    st.lists(st.tuples(st.integers(1, 6), st.sampled_from([*KEYS.values(), "", "x"])), max_size=5),
    st.booleans(),
)
def test_any_snapshot_gives_a_diagnosis_that_hangs_together(
    threads: list[tuple[int, int, int]], waits: list[tuple[int, str]], forked: bool
) -> None:
    shot = snapshot(
        tuple(thread(i, a, b, line) for i, (a, b, line) in enumerate(threads, 1)),
        tuple(wait(tid, key) for tid, key in dict(waits).items()),
        forked=forked,
    )
    found = diagnose(shot)
    actors = {actor.id for actor in found.actors}
    resources = {resource.id for resource in found.resources}
    for edge in found.edges:
        assert edge.waiter in actors
        assert edge.resource in resources
        assert edge.holder is None or edge.holder in actors
        assert edge.because
        assert not (edge.holder and edge.no_holder)
        assert edge.holder or edge.no_holder or edge.evidence is Evidence.UNKNOWN
    for cycle in found.cycles:
        assert set(cycle) <= actors
    assert found.headline.endswith(".")
    assert all(sentence.endswith(".") for sentence in found.story)
