"""The snapshot with its cross-references: threads with names, locks by key, waits by thread."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

import msgspec

from lab.diagnose.places import first_users, line_of
from lab.diagnose.printed import with_printed_locks
from lab.model import (
    Frame,
    ProcessCapture,
    RemoteObject,
    Snapshot,
    SourceLine,
    Task,
    ThreadStack,
    ThreadWait,
)

_PARTS = ("queue.", "multiprocessing.queues.", "multiprocessing.pool.", "concurrent.futures.")
_THROUGH = ("_handle", "sock", "_sock", "raw", "buffer", "_connection")
"""The attributes by which what is open wraps a descriptor, or what has one."""
_OPEN = ("_socket.socket", "_io.FileIO")
HELPERS = ("resource tracker", "forkserver")


@dataclass(frozen=True, slots=True)
class Thread:
    """One thread with its process, its name and what the kernel says of it."""

    id: str
    label: str
    process: ProcessCapture
    stack: ThreadStack
    wait: ThreadWait | None
    task: Task | None = None
    """For an asyncio task, which is treated as a thread of its own."""

    @property
    def frames(self) -> tuple[Frame, ...]:
        """Its frames, innermost first."""
        return self.stack.frames

    @property
    def users(self) -> int | None:
        """The index of its innermost frame that is not the standard library's."""
        return first_users(self.frames)

    @property
    def key(self) -> str:
        """What the kernel says it sleeps on, or an empty string."""
        return self.wait.key if self.wait else ""

    @property
    def timed(self) -> bool:
        """Whether a time-out will end its wait."""
        return bool(self.wait and self.wait.timed)

    @property
    def moved(self) -> bool:
        """Whether it is known to have run while the snapshot was taken."""
        return self.stack.still is False


def _own_part(capture: ProcessCapture, stack: ThreadStack) -> ThreadStack:
    """Cut off what a forked worker's stack shows of its parent, to which it never returns.

    The child runs inside the parent's ``Process.start()`` and leaves by ``os._exit``.
    """
    if not capture.forked:
        return stack
    for index, frame in enumerate(stack.frames):
        if frame.function == "Popen._launch" and frame.file.endswith("/popen_fork.py"):
            return msgspec.structs.replace(stack, frames=stack.frames[:index])
    return stack


def _descriptor(objects: dict[int, RemoteObject], thing: RemoteObject) -> int | None:
    """Return the descriptor of something that is open, or of what it wraps; else ``None``."""
    for _ in range(4):
        if thing.text.isdigit() and {thing.type, *thing.bases} & set(_OPEN):
            return int(thing.text)
        name = next((n for n in _THROUGH if n in thing.attributes), "")
        inner = objects.get(thing.attributes[name]) if name else None
        if inner is None:
            return None
        if name == "_handle":
            return int(inner.text) if inner.text.isdigit() else None
        thing = inner
    return None


class Scene:
    """A snapshot, indexed."""

    def __init__(self, snapshot: Snapshot) -> None:
        captures = tuple(map(with_printed_locks, snapshot.processes))
        self.snapshot = msgspec.structs.replace(snapshot, processes=captures)
        self.processes = {capture.process.pid: capture for capture in captures}
        self.threads = [thread for capture in captures for thread in self._threads_of(capture)]

    @cached_property
    def tasks(self) -> list[Thread]:
        """The asyncio tasks that are suspended."""
        return [
            self._of_task(capture, task)
            for capture in self.snapshot.processes
            for task in capture.tasks
            if not task.running
        ]

    def _of_task(self, capture: ProcessCapture, task: Task) -> Thread:
        pid = capture.process.pid
        within = "" if capture.process.label == "main" else f" in {capture.process.label}"
        stack = ThreadStack(
            pid=pid, tid=0, ident=0, name=task.name, frames=task.frames, still=task.still
        )
        label = f"task {task.name}{within}"
        return Thread(f"{pid}/task-{task.address:x}", label, capture, stack, None, task)

    def loop_of(self, thread: Thread) -> Thread | None:
        """Return the thread that runs the loop of a task."""
        ident = thread.task.loop_ident if thread.task else None
        same = (t for t in self.threads if t.process is thread.process and t.stack.ident == ident)
        return next(same, None)

    def _threads_of(self, capture: ProcessCapture) -> list[Thread]:
        waits = {wait.tid: wait for wait in capture.waits}
        stacks = capture.threads or tuple(
            ThreadStack(pid=capture.process.pid, tid=wait.tid, ident=0, name=wait.comm, frames=())
            for wait in capture.waits
        )
        return [
            Thread(
                id=f"{stack.pid}/{stack.tid or f'ident-{stack.ident:x}'}",
                label=self._label(capture, stack),
                process=capture,
                stack=_own_part(capture, stack),
                wait=waits.get(stack.tid),
            )
            for stack in stacks
        ]

    def _label(self, capture: ProcessCapture, stack: ThreadStack) -> str:
        """Name a thread: the process's name for its main thread, else the thread's own."""
        process = capture.process.label or f"process {capture.process.pid}"
        if stack.tid == capture.process.pid:
            return process
        own = stack.name or self._own_name(capture, stack) or f"thread {stack.tid}"
        return own if process == "main" else f"{own} in {process}"

    @staticmethod
    def _own_name(capture: ProcessCapture, stack: ThreadStack) -> str:
        """Return ``Thread.name`` from memory, where the tool did not say it."""
        for frame in stack.frames[-2:]:
            local = next((one for one in frame.locals if one.name == "self"), None)
            thread = capture.objects.get(local.address or 0) if local else None
            name = capture.objects.get(thread.attributes.get("_name", 0)) if thread else None
            if name and name.text:
                return name.text
        return ""

    @cached_property
    def locks(self) -> dict[str, list[tuple[ProcessCapture, RemoteObject]]]:
        """Every lock object seen, by the key of the lock."""
        found = defaultdict(list)
        for capture in self.snapshot.processes:
            for thing in capture.objects.values():
                if thing.lock:
                    found[thing.lock.key].append((capture, thing))
        return dict(found)

    @cached_property
    def wrappers(self) -> dict[tuple[int, int], RemoteObject]:
        """The object around a lock, by (pid, address of the lock): what it is to its user."""
        found: dict[tuple[int, int], RemoteObject] = {}
        for pid, capture in self.processes.items():
            for thing in capture.objects.values():
                for name in ("_semlock", "_block"):
                    if name in thing.attributes:
                        found[pid, thing.attributes[name]] = thing
        return found

    def kind_of(self, key: str) -> str:
        """Return the name of the kind of lock behind ``key``, as a user would write it."""
        plain = {"_thread.lock": "threading.Lock", "_thread.RLock": "threading.RLock"}
        for capture, thing in self.locks.get(key, ()):
            around = self.wrappers.get((capture.process.pid, thing.address))
            if around:
                return around.type.replace("multiprocessing.synchronize.", "multiprocessing.")
            if thing.type in plain:
                return plain[thing.type]
        return "multiprocessing.Lock" if key.startswith("futex:shm:") else "lock"

    def part_of(self, key: str) -> str:
        """Return the name of a lock inside an object of the standard library: ``Queue._rlock``."""
        for capture, thing in self.locks.get(key, ()):
            around = self.wrappers.get((capture.process.pid, thing.address), thing)
            for owner in capture.objects.values():
                for name, address in owner.attributes.items():
                    if address == around.address and owner.type.startswith(_PARTS):
                        return f"{owner.type.rpartition('.')[2]}.{name}"
        return ""

    def names_of(self, key: str) -> set[str]:
        """Return the names by which globals and attributes refer to a lock, or to what wraps it."""
        found = set()
        for capture, thing in self.locks.get(key, ()):
            around = {
                a for a, o in capture.objects.items() if thing.address in o.attributes.values()
            }
            meant = {thing.address, *(a for a in around if self._wraps(capture.objects[a]))}
            tables = (*(o.attributes for o in capture.objects.values()), *capture.globals.values())
            found |= {name for table in tables for name, a in table.items() if a in meant}
        return found

    @staticmethod
    def _wraps(thing: RemoteObject) -> bool:
        return thing.type.startswith(("threading.", "multiprocessing."))

    def local_object(self, thread: Thread, index: int, name: str) -> RemoteObject | None:
        """Return the object in local variable ``name`` of a frame."""
        for local in thread.frames[index].locals:
            if local.name == name and local.address:
                return thread.process.objects.get(local.address)
        return None

    def address(self, thread: Thread, index: int, name: str) -> int | None:
        """Return the address in local variable ``name`` of a frame."""
        locals_ = thread.frames[index].locals
        return next((one.address for one in locals_ if one.name == name), None)

    def descriptors(self, thread: Thread, frame: Frame, only: str = "") -> set[int]:
        """Return the descriptors of the sockets, files and connections that a frame refers to.

        Those among its locals, and among the attributes of its locals; ``only`` names one local.
        """
        objects = thread.process.objects
        chosen = [local for local in frame.locals if only in ("", local.name)]
        near = [thing for local in chosen if (thing := objects.get(local.address or 0))]
        near += [
            one for thing in near for a in thing.attributes.values() if (one := objects.get(a))
        ]
        return {fd for thing in near if (fd := _descriptor(objects, thing)) is not None}

    def line(self, thread: Thread, index: int | None, line: int | None = None) -> SourceLine:
        """Return the line that a frame is at; that of the innermost one when ``index`` is None."""
        if not thread.frames:
            return SourceLine(file="", line=0)
        return line_of(thread.frames[index or 0], self.snapshot.sources, line)
