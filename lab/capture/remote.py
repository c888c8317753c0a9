"""What one process's memory adds to its stacks: the objects behind the names, and the globals."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from lab.capture.memory import CannotReadMemoryError, Interpreter, Memory, Objects
from lab.capture.memory.frames import with_shared_variables
from lab.capture.memory.names import Modules
from lab.capture.memory.search import (
    SearchTookTooLongError,
    find_locks,
    local_addresses,
    searchable,
)
from lab.capture.memory.tasks import read_tasks
from lab.capture.memory.walk import gather
from lab.model import Frame, RemoteObject, Task, ThreadStack

_WORD = re.compile(r"[A-Za-z_]\w*")
_STANDARD = re.compile(r"^<|/lib(?:64)?/python3\.\d+t?/(?!site-packages|dist-packages)")
_LONGEST_SOURCE = 1 << 20
_LONGEST_SEARCH_S = 2.0
_MOST_FILES = 300
_TAKES = re.compile(r"\.acquire\(|contextmanager")
_HOLDS = re.compile(r"\bwith self\.|\.acquire\(")
_HOLDS_NOTHING = re.compile(r"/(threading\.py|asyncio/\w+\.py|runpy\.py)$")
"""Of the standard library, what calls programs everywhere, and takes no lock to do so."""


@dataclass(slots=True)
class Facts:
    """What was read of one process; ``error`` says why there is nothing."""

    objects: dict[int, RemoteObject] = field(default_factory=dict)
    globals: dict[str, dict[str, int]] = field(default_factory=dict)
    searched: tuple[str, ...] = ()
    threads: tuple[ThreadStack, ...] = ()
    """The stacks, with the variables added that functions share with those around them."""
    helpers: tuple[str, ...] = ()
    """The program's own files: one of them may take a lock and return with it."""
    tasks: tuple[Task, ...] = ()
    """The asyncio tasks, which are on no stack while they wait."""
    worker: str = ""
    """``multiprocessing.current_process().name``, unless it is no worker of that module."""
    error: str = ""


def is_standard(file: str) -> bool:
    """Whether a file belongs to the standard library (or to no file at all)."""
    return bool(_STANDARD.search(file))


def sources(stacks: Iterable[ThreadStack | Task]) -> dict[str, str]:
    """Return the text of the files outside the standard library that the frames refer to."""
    files = {frame.file for stack in stacks for frame in stack.frames}
    found = {}
    for file in files:
        if not is_standard(file) and (text := _load(file)) is not None:
            found[file] = text
    return found


def library_sources(stacks: Iterable[ThreadStack]) -> dict[str, str]:
    """Return the text of the standard library's files that call the program while it may block.

    They may hold a lock meanwhile, as ``Queue.put`` does when it compares the items.
    """
    files = {file for stack in stacks for file in _around_users(stack.frames)}
    texts = {file: _load(file) for file in files if not _HOLDS_NOTHING.search(file)}
    return {file: text for file, text in texts.items() if text and _HOLDS.search(text)}


def _around_users(frames: Sequence[Frame]) -> Iterator[str]:
    inside = itertools.dropwhile(lambda frame: is_standard(frame.file), frames)
    return (frame.file for frame in inside if is_standard(frame.file))


def helper_sources(facts: Iterable[Facts], known: Mapping[str, str]) -> dict[str, str]:
    """Return the text of the program's other files that may take locks for their callers."""
    files = {file for one in facts for file in one.helpers} - set(known)
    texts = {file: _load(file) for file in sorted(files)}
    return {file: text for file, text in texts.items() if text and _TAKES.search(text)}


def _load(file: str) -> str | None:
    try:
        path = Path(file)
        if path.stat().st_size > _LONGEST_SOURCE:
            return None
        return path.read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):
        return None


def read_facts(
    pid: int,
    interpreter: Interpreter,
    stacks: tuple[ThreadStack, ...],
    texts: dict[str, str],
    keys: Collection[str],
    deadline: float,
) -> Facts:
    """Read what the frames of ``pid`` refer to, and the locks that the kernel names by ``keys``.

    The search for those locks ends at ``deadline``, a moment of :func:`time.monotonic`.

    Never raises: what cannot be read is left out, and ``error`` says why when that is everything.
    """
    if interpreter.layout is None or interpreter.runtime is None:
        return Facts(error=f"objects of Python {interpreter.version} cannot be read from outside")
    try:
        with Memory(pid) as memory:
            objects = Objects(memory, interpreter.layout)
            return _read(objects, interpreter.runtime, stacks, texts, set(keys), deadline)
    except CannotReadMemoryError as error:
        return Facts(error=error.line())


def _read(
    objects: Objects,
    runtime: int,
    stacks: tuple[ThreadStack, ...],
    texts: dict[str, str],
    keys: set[str],
    deadline: float,
) -> Facts:
    modules = Modules(objects, runtime)
    tasks = read_tasks(objects, modules)
    texts = texts | sources(tasks)
    seen: tuple[ThreadStack | Task, ...] = (*stacks, *tasks)
    files = {frame.file for one in seen for frame in one.frames if frame.file in texts}
    words = {word for file in files for word in _WORD.findall(texts[file])}
    names = {file: modules.globals_of(file, words) for file in sorted(files)}
    worker = _worker(objects, modules)
    stacks = with_shared_variables(objects, runtime, stacks)
    known = (address for table in names.values() for address in table.values())
    found = gather(objects, [*_roots(stacks), *known], words)
    if tasks:  # apart: there may be so many of them that nothing else would be reached
        found = {**gather(objects, [*_roots(tasks), *_followed(tasks)], words), **found}
    searched = _search(objects, found, keys, deadline)
    kept = {file: few for file, table in names.items() if (few := _keep(table, found))}
    return Facts(found, kept, searched, stacks, tuple(modules.files(_MOST_FILES)), tasks, worker)


def confirmed_tasks(
    pid: int, interpreter: Interpreter, tasks: tuple[Task, ...]
) -> tuple[Task, ...]:
    """Return ``tasks`` with those marked that a second look does not find in the same wait."""
    if not tasks or interpreter.layout is None or interpreter.runtime is None:
        return tasks
    try:
        with Memory(pid) as memory:
            objects = Objects(memory, interpreter.layout)
            again = read_tasks(objects, Modules(objects, interpreter.runtime))
    except CannotReadMemoryError:
        again = ()
    seen = {place_of(task) for task in again}
    return tuple(msgspec.structs.replace(task, still=place_of(task) in seen) for task in tasks)


def place_of(task: Task) -> tuple[object, ...]:
    """Return where a task is, and what for: the same in two looks at one and the same wait."""
    lines = tuple((frame.file, frame.function, frame.line) for frame in task.frames)
    return task.address, task.waits_for, lines


def _worker(objects: Objects, modules: Modules) -> str:
    """Return the name of the running ``multiprocessing.Process``, as that module knows it."""
    try:
        current = modules.find("multiprocessing.process", "_current_process")
        if current is None or objects.type_of(current).name.endswith("._MainProcess"):
            return ""
        name = objects.attributes(current).get("_name")
        return objects.text(name) if name else ""
    except CannotReadMemoryError:
        return ""


def _followed(tasks: Iterable[Task]) -> Iterator[int]:
    for task in tasks:
        yield from (address for address in (task.waits_for, task.callback) if address)


def _roots(stacks: Iterable[ThreadStack | Task]) -> Iterable[int]:
    frames: Iterable[Frame] = (frame for stack in stacks for frame in stack.frames)
    for frame in frames:
        yield from (local.address for local in frame.locals if local.address)
        yield from itertools.chain.from_iterable(frame.entered or ())


def _keep(table: dict[str, int], found: dict[int, RemoteObject]) -> dict[str, int]:
    """Leave out the globals that were not read, and functions."""
    dull = ("function", "builtin_function_or_method", "NoneType")
    return {name: a for name, a in table.items() if a in found and found[a].type not in dull}


def _search(
    objects: Objects, found: dict[int, RemoteObject], keys: set[str], deadline: float
) -> tuple[str, ...]:
    """Add the locks named by the kernel that the walk did not meet; return what was sought."""
    if not keys or searchable(objects.memory) is None:
        return ()
    seen = {thing.lock.key for thing in found.values() if thing.lock}
    places = local_addresses(objects.memory, keys)
    # A semaphore may have several lock objects in one process; a plain lock has one.
    unmet = {
        at: key for at, key in places.items() if key.startswith("futex:shm:") or key not in seen
    }
    latest = min(deadline, time.monotonic() + _LONGEST_SEARCH_S)
    try:
        for thing in find_locks(objects, unmet, latest) if unmet else ():
            found.setdefault(thing.address, thing)
    except SearchTookTooLongError:
        return ()
    return tuple(sorted(keys))
