"""Objects read from memory, held against what the interpreter itself says of them.

The process that is read is this one: what the reader sees from outside must be what is inside.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.capture.memory import CannotReadMemoryError, Memory, Objects, find_interpreter
from lab.capture.memory.locks import read_lock
from lab.capture.memory.names import Modules
from lab.capture.memory.search import (
    SearchTookTooLongError,
    find_locks,
    local_addresses,
    searchable,
)
from lab.capture.memory.walk import gather

A_GLOBAL_LOCK = threading.Lock()


@pytest.fixture(scope="module")
def interpreter():
    found = find_interpreter(os.getpid())
    assert found is not None
    if found.layout is None:
        pytest.skip(f"no layout is known for {found.version}")
    return found


@pytest.fixture
def objects(interpreter) -> Iterator[Objects]:
    with Memory(os.getpid()) as memory:
        yield Objects(memory, interpreter.layout)


class Plain:
    of_the_class = threading.Lock()

    def __init__(self) -> None:
        self.first = 1
        self.second = "two"


class Rebuilt(Plain):
    """An instance whose attributes have moved into a dictionary of their own."""

    def __init__(self) -> None:
        super().__init__()
        vars(self)["third"] = 3
        for i in range(40):
            setattr(self, f"more_{i}", i)


@dataclass(slots=True)
class Slotted:
    left: int
    right: str


class BelowSlotted(Slotted):
    __slots__ = ("extra",)


class RaisedError(ValueError):
    """Has its dictionary at an offset of a type written in C."""


def test_the_version_is_read_from_the_interpreter(interpreter) -> None:
    assert interpreter.version == ".".join(map(str, sys.version_info[:3]))


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (1, "int"),
        ("a", "str"),
        ([], "list"),
        (None, "NoneType"),
        (threading.Lock(), "_thread.lock"),
        (threading.RLock(), "_thread.RLock"),
        (threading.Event(), "threading.Event"),
        (queue.Queue(), "queue.Queue"),
        (Plain(), f"{__name__}.Plain"),
    ],
)
def test_type_names_are_qualified(objects: Objects, value: object, name: str) -> None:
    assert objects.type_of(id(value)).name == name


def test_the_bases_come_nearest_first_without_object(objects: Objects) -> None:
    assert objects.type_of(id(Rebuilt())).bases == (f"{__name__}.Rebuilt", f"{__name__}.Plain")


@pytest.mark.parametrize(
    "value",
    [
        0,
        1,
        -1,
        2**30,
        -(2**30) - 7,
        2**61 + 12345,
        -(2**90),
        True,
        None,
        "",
        "ascii",
        "é",
        "€",
        "🔒",
    ],
)
def test_values(objects: Objects, value: object) -> None:
    assert objects.text(id(value)) == str(value)


@settings(deadline=None)  # the machine may be busy
@given(st.integers(-(2**200), 2**200))
def test_integers(value: int) -> None:
    found = find_interpreter(os.getpid())
    assert found is not None
    assert found.layout is not None
    with Memory(os.getpid()) as memory:
        assert Objects(memory, found.layout).text(id(value)) == str(value)


def test_a_long_text_is_cut(objects: Objects) -> None:
    assert objects.text(id("x" * 100_000)) == "x" * 200


def test_items(objects: Objects) -> None:
    one, two, many = object(), object(), list(range(1000))
    pair, single = [one, two], (two,)
    table = {"a": one, "gone": one, 7: two, None: one}
    del table["gone"]
    # All of it is made before the first read: a reader sees one moment.
    assert objects.items(id(pair)) == {"[0]": id(one), "[1]": id(two)}
    assert objects.items(id(single)) == {"[0]": id(two)}
    assert objects.items(id(table)) == {"['a']": id(one), "[7]": id(two)}
    assert len(objects.items(id(many))) == 64


@pytest.mark.parametrize("thing", [Plain(), Rebuilt()])
def test_attributes(objects: Objects, thing: Plain) -> None:
    expected = {name: id(value) for name, value in vars(thing).items()}  # this moves them, too
    assert objects.attributes(id(thing)) == expected


def test_attributes_that_no_dictionary_was_made_for(objects: Objects) -> None:
    thing = Plain()
    found = objects.attributes(id(thing))
    assert found == {"first": id(thing.first), "second": id(thing.second)}


def test_attributes_in_slots_and_in_exceptions(objects: Objects) -> None:
    below, more, raised = BelowSlotted(1, "r"), BelowSlotted(3, "s"), RaisedError()
    more.extra = below
    raised.why = "because"
    assert objects.attributes(id(below)) == {"left": id(below.left), "right": id(below.right)}
    assert objects.attributes(id(more))["extra"] == id(below)
    assert objects.attributes(id(raised)) == {"why": id(raised.why)}


def test_a_plain_lock(objects: Objects) -> None:
    lock = threading.Lock()
    assert read_lock(objects, id(lock), "_thread.lock").locked is False
    with lock:
        with Memory(os.getpid()) as memory:
            state = read_lock(Objects(memory, objects.layout), id(lock), "_thread.lock")
        assert (state.kind, state.locked, state.owner_ident) == ("lock", True, None)


def test_a_reentrant_lock_names_its_owner(objects: Objects) -> None:
    lock = threading.RLock()
    with lock, lock:
        state = read_lock(objects, id(lock), "_thread.RLock")
    assert (state.owner_ident, state.count, state.locked) == (threading.get_ident(), 2, True)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_shared_lock_is_known_by_its_mapping(objects: Objects, method: str) -> None:
    lock = multiprocessing.get_context(method).Lock()
    with lock, Memory(os.getpid()) as memory:
        state = read_lock(
            Objects(memory, objects.layout), id(lock._semlock), "_multiprocessing.SemLock"
        )
    assert state.key.startswith("futex:shm:")
    assert (state.count, state.limit, state.locked) == (1, 1, True)
    assert state.owner_ident == threading.get_ident()


def test_a_shared_semaphore_is_not_taken_for_a_lock(objects: Objects) -> None:
    semaphore = multiprocessing.get_context("fork").Semaphore(3)
    state = read_lock(objects, id(semaphore._semlock), "_multiprocessing.SemLock")
    assert state.limit != 1


def test_a_lock_is_found_by_the_word_that_it_waits_on(objects: Objects) -> None:
    if objects.layout.lock_is_mutex:
        pytest.skip("a lock is no pointer in this version")
    lock = threading.Lock()
    key = read_lock(objects, id(lock), "_thread.lock").key
    places = local_addresses(objects.memory, {key})
    assert searchable(objects.memory)
    found = list(find_locks(objects, places, time.monotonic() + 30))
    assert id(lock) in [one.address for one in found]
    assert {one.lock.key for one in found if one.lock} == {key}
    with pytest.raises(SearchTookTooLongError):
        list(find_locks(objects, places, time.monotonic() - 1))


def test_globals_of_a_source_file(objects: Objects, interpreter) -> None:
    modules = Modules(objects, interpreter.runtime)
    assert modules.globals_of(__file__, {"A_GLOBAL_LOCK", "missing"}) == {
        "A_GLOBAL_LOCK": id(A_GLOBAL_LOCK)
    }
    assert modules.globals_of("/no/such/file.py", {"A_GLOBAL_LOCK"}) == {}
    current = modules.find("multiprocessing.process", "_current_process")
    assert current == id(multiprocessing.current_process())


class Holder:
    def __init__(self) -> None:
        self.guard = threading.Lock()
        self.secret = "not for the record"
        self.shelf = {"a": [threading.Lock()]}


def test_the_walk_keeps_what_leads_to_locks_and_nothing_else(objects: Objects) -> None:
    holder = Holder()
    found = gather(objects, [id(holder), id("data"), id([1, 2])], {"guard", "shelf", "secret"})
    kept = found[id(holder)].attributes
    assert kept["guard"] == id(holder.guard)
    assert found[kept["guard"]].lock is not None
    shelf = found[kept["shelf"]].attributes["['a']"]
    assert found[found[shelf].attributes["[0]"]].lock is not None
    assert id("data") not in found
    assert {one.type for one in found.values()} <= {
        f"{__name__}.Holder", "_thread.lock", "dict", "list", "str"
    }  # fmt: skip


@settings(deadline=None)  # the machine may be busy
@given(st.integers(0, 2**64 - 1), st.binary(max_size=16))
def test_garbage_is_unreadable_and_never_a_crash(address: int, noise: bytes) -> None:
    found = find_interpreter(os.getpid())
    assert found is not None
    assert found.layout is not None
    buffer = bytearray(noise + bytes(64))
    with Memory(os.getpid()) as memory:
        objects = Objects(memory, found.layout)
        for place in (address, id(buffer) + 8, id(noise) + 24):
            assert isinstance(gather(objects, [place], {"a"}), dict)
            for read in (objects.type_of, objects.text, objects.items, objects.attributes):
                try:
                    read(place)
                except CannotReadMemoryError:
                    continue


def test_a_process_that_is_gone_cannot_be_read() -> None:
    with pytest.raises(CannotReadMemoryError):
        Memory(2**22 + 1)
