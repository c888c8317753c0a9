"""What the tools saw: stacks, objects, footprints, heaps, and how each capture went."""

from __future__ import annotations

import enum
import re

import msgspec

from lab.model.base import Record
from lab.model.channel import Channel, LockedFile
from lab.model.tree import ProcessInfo, ThreadWait


class Local(Record, frozen=True, kw_only=True):
    """One local variable of a frame: its printed value and its address in the target."""

    name: str
    text: str
    address: int | None = None
    argument: bool = False


_FORKS = re.compile("/(?:multiprocess|billiard)/")
"""Packages that are forks of ``multiprocessing``, file by file."""


class Frame(Record, frozen=True, kw_only=True):
    """One Python (or native) frame."""

    function: str
    file: str
    line: int
    locals: tuple[Local, ...] = ()
    module: str | None = None
    entered: tuple[tuple[int, ...], ...] | None = None
    """The address of each context manager that it is inside of, outermost first, followed by those
    of what the manager's generator is inside of; ``None`` where that was not read."""

    def is_in(self, file: str, function: str) -> bool:
        """Whether this is ``function`` of the module whose path ends in ``file``."""
        own = self.function == function
        return own and _FORKS.sub("/multiprocessing/", f"/{self.file}").endswith("/" + file)


class ThreadStack(Record, frozen=True, kw_only=True):
    """One thread's frames, innermost first."""

    pid: int
    tid: int
    ident: int
    """``threading.get_ident()``: the pthread handle, unique within one process only."""
    name: str
    frames: tuple[Frame, ...]
    owns_gil: bool = False
    active: bool = False
    still: bool | None = None
    """Whether it was never given a CPU while it was captured and, if there was a second dump,
    showed the same frames in it; ``None`` when that is not known."""
    native: tuple[str, ...] = ()
    """The C functions inside its innermost Python frame, innermost first, if they were read."""
    later: tuple[Frame, ...] = ()
    """Of a thread that moved: the frames of the second dump, without their locals."""


class LockState(Record, frozen=True, kw_only=True):
    """What the target's memory says of one lock object.

    ``key`` is its identity, comparable across the processes of a tree. ``owner_ident`` is the
    thread that owns it where the object records that (RLock; SemLock with ``count`` > 0).
    """

    kind: str
    """``lock``, ``rlock`` or ``semlock``."""
    key: str
    locked: bool | None = None
    owner_ident: int | None = None
    count: int | None = None
    limit: int | None = None
    """Of a semlock: the highest value it can have; 1 for a lock, more for a semaphore."""


class RemoteObject(Record, frozen=True, kw_only=True):
    """An object of the target that a frame refers to, read from its memory without stopping it."""

    address: int
    type: str
    """The type's qualified name, such as ``threading.Thread`` or ``_thread.lock``."""
    bases: tuple[str, ...] = ()
    """The qualified names of its base classes, nearest first, without ``object``."""
    text: str = ""
    """The value, for a ``str`` or an ``int``."""
    attributes: dict[str, int] = msgspec.field(default_factory=dict)
    """Attribute (or ``[index]``, ``['key']``) to address, for what matters to a wait."""
    lock: LockState | None = None


class Task(Record, frozen=True, kw_only=True):
    """An asyncio task that has not ended, with the frames of its suspended coroutine."""

    address: int
    name: str
    frames: tuple[Frame, ...]
    """Innermost first; empty while it runs, when they are on its thread's stack."""
    waits_for: int | None
    """The address of the future or task that it awaits."""
    loop_ident: int | None
    """``threading.get_ident()`` of the thread that runs its loop."""
    running: bool = False
    still: bool = True
    """Whether a second look found it in the same wait."""
    callback: int | None = None
    """The address of the first callback that is called when it ends."""


class Gil(Record, frozen=True, kw_only=True):
    """The global interpreter lock of a process: where it lies, who has it, if it changed hands."""

    start: int
    end: int
    holder_ident: int | None
    """``threading.get_ident()`` of the thread that holds it; ``None`` when nobody does."""
    switches: int
    """How often it has been given to another thread."""
    kept_s: float = 0.0
    """For how long it was watched, when all that time one thread had it; else 0."""
    waiters: tuple[int, ...] = ()
    """The thread ids that were then seen to wait for it."""


class ProcessCapture(Record, frozen=True, kw_only=True):
    """All that was seen of one process at one moment."""

    process: ProcessInfo
    threads: tuple[ThreadStack, ...] = ()
    waits: tuple[ThreadWait, ...] = ()
    objects: dict[int, RemoteObject] = msgspec.field(default_factory=dict)
    globals: dict[str, dict[str, int]] = msgspec.field(default_factory=dict)
    """Source file to ``{global name: address}``, for names that the frames' lines mention."""
    searched: tuple[str, ...] = ()
    """Keys of the locks for which all of its memory was searched: what ``objects`` does not show
    of them, it does not have."""
    channels: dict[int, Channel] = msgspec.field(default_factory=dict)
    """What is behind the descriptors that its threads wait on, by number."""
    tasks: tuple[Task, ...] = ()
    """Its asyncio tasks; empty also where they cannot be read."""
    gil: Gil | None = None
    locked_files: tuple[LockedFile, ...] = ()
    """The locks, anybody's, on the files that it has open or that its variables name."""
    forked: bool = False
    """Whether it was forked without exec, and so began with a copy of its parent's memory."""
    tool: str = ""
    """The tool that read the stacks, with its version: ``py-spy 0.4.3``."""
    seconds: float = 0.0
    paused_s: float | None = None
    """How long the process was stopped for it; 0 for a non-blocking dump."""
    error: str = ""
    """Why there are no stacks, if there are none."""


class Snapshot(Record, frozen=True, kw_only=True):
    """The whole tree at one moment, as far as the tools could see it."""

    taken_s: float
    processes: tuple[ProcessCapture, ...]
    sources: dict[str, str] = msgspec.field(default_factory=dict)
    """The text of every source file that a frame outside the standard library refers to, and of
    the program's other files that may take a lock for their callers."""
    library: dict[str, str] = msgspec.field(default_factory=dict)
    """The text of the standard library's files that called the program and may hold a lock."""
    stable: bool | None = None
    """Whether a second dump showed the same stacks; ``None`` when only one was taken."""


class FootprintSample(Record, frozen=True, kw_only=True):
    """The memory and handles of one process at one moment (``smaps_rollup`` and ``/proc``)."""

    at_s: float
    pid: int
    label: str
    rss_bytes: int
    pss_bytes: int | None
    uss_bytes: int | None
    threads: int
    fds: int | None


class Footprint(Record, frozen=True, kw_only=True):
    """The memory of the tree over a trial, and what each worker added to it.

    ``baseline`` was taken just before the program began, ``loaded`` when all its workers were
    there. The added figures are (loaded - baseline) / workers, which are those that were seen then.
    """

    samples: tuple[FootprintSample, ...]
    baseline_pss_bytes: int | None = None
    loaded_pss_bytes: int | None = None
    workers: int = 0
    added_pss_bytes: int | None = None
    added_uss_bytes: int | None = None
    added_rss_bytes: int | None = None


class HeapUse(Record, frozen=True, kw_only=True):
    """What an allocation profiler saw in one process."""

    label: str
    tool: str
    peak_bytes: int
    allocations: int | None = None
    largest: tuple[tuple[str, int], ...] = ()
    """The lines that held most at the peak, or with tracemalloc at the end: (line, bytes)."""
    artifact: str = ""
    flamegraph: str = ""
    part_of: str = ""
    """For a thread: the label of its process. ``peak_bytes`` is then the thread's share at the
    moment of the process's peak, and not to be added to it."""


class CaptureStatus(enum.StrEnum):
    """How an attempt to capture something ended."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


class CaptureReport(Record, frozen=True, kw_only=True):
    """One capture that was attempted: what it cost, and why it failed if it did."""

    name: str
    tool: str
    status: CaptureStatus
    seconds: float
    paused_s: float | None = None
    reason: str = ""
    artifacts: tuple[str, ...] = ()
    """Paths relative to the run directory."""
    bytes: int = 0
