"""The wait-for graph: an edge for every wait, with its holder where one is known."""

from __future__ import annotations

from dataclasses import dataclass

from lab.diagnose.blocked import LOCK, Blocked
from lab.diagnose.ends import awaited, other_end
from lab.diagnose.futures import provider_of
from lab.diagnose.gil import gil_holder
from lab.diagnose.holders import Claims, Holder, holder_of, object_key, permits
from lab.diagnose.imports import importer_of
from lab.diagnose.noted import noted, number
from lab.diagnose.polls import in_the_way
from lab.diagnose.scene import Scene, Thread
from lab.diagnose.tasks import runs_until, task_end
from lab.model import Channel, Edge, Evidence, Resource

_KINDS = {
    "thread": "Thread",
    "process": "Process",
    "import": "import lock",
    "event": "Event",
    "barrier": "Barrier",
    "semaphore": "Semaphore",
    "condition": "Condition",
    "queue-get": "Queue",
    "queue-put": "Queue",
    "queue-join": "Queue",
    "future": "Future",
    "pool-result": "pool result",
    "receive": "pipe or socket",
    "send": "pipe or socket",
    "accept": "listening socket",
    "connect": "connection",
    "poll": "descriptors",
    "file-lock": "file lock",
    "child": "child process",
    "subprocess": "subprocess",
    "turn": "its turn in the event loop",
    "exit": "Thread",
    "gil": "GIL",
    "task": "future",
    "task-lock": "asyncio.Lock",
    "stream": "stream",
    "loop": "its event loop",
    "sqlite": "SQLite database",
    "asks-for-file": "file lock",
    "idle": "work",
}
ON_DESCRIPTORS = ("receive", "send", "accept", "connect", "poll", "file-lock")
"""Waits that are named by what the descriptors are that the kernel shows."""

ASKING = ("sqlite", "asks-for-file")
"""Sleeps between two attempts to have a lock."""


@dataclass(frozen=True, slots=True)
class Link:
    """One edge of the graph, with the values behind it."""

    wait: Blocked
    holder: Holder
    resource: Resource
    edge: Edge

    @property
    def waiter(self) -> Thread:
        """The thread that waits."""
        return self.wait.thread


def link(scene: Scene, claims: Claims, wait: Blocked) -> Link:
    """Return the edge for one wait."""
    holder = _holder(scene, claims, wait)
    resource = _resource(scene, wait)
    edge = Edge(
        waiter=wait.thread.id,
        resource=resource.id,
        at=scene.line(wait.thread, wait.index),
        evidence=holder.evidence,
        because=holder.because,
        holder=holder.thread.id if holder.thread else None,
        held_at=holder.at,
        no_holder=holder.nobody,
    )
    return Link(wait, holder, resource, edge)


def _holder(scene: Scene, claims: Claims, wait: Blocked) -> Holder:
    if wait.thread.task:
        return task_end(scene, claims, wait)
    if wait.kind == "loop":
        return runs_until(scene, wait)
    if wait.kind == LOCK:
        return holder_of(scene, claims, wait.thread, wait.key)
    if wait.kind == "thread":
        return _joined_thread(scene, wait)
    if wait.kind == "future":
        return provider_of(scene, wait)
    if wait.kind == "import":
        return importer_of(scene, wait)
    if wait.kind in ("process", "subprocess"):
        return _joined_process(scene, wait)
    if wait.kind == "semaphore" and wait.address:
        return permits(claims.on(object_key(wait.thread.stack.pid, wait.address)))
    if wait.kind == "exit":
        return _last_thread(scene, wait)
    if wait.kind == "gil":
        return gil_holder(scene, wait)
    if wait.kind == "child":
        return _awaited_child(scene, wait)
    if wait.kind in ASKING:
        return in_the_way(scene, wait)
    if awaited(wait.thread):
        return other_end(scene, wait)
    because = noted(wait) or "whoever is to provide it is not recorded anywhere"
    return Holder(Evidence.UNKNOWN, because)


def _joined_thread(scene: Scene, wait: Blocked) -> Holder:
    """Return the thread that is joined: the one whose ``Thread`` object it is."""
    pid = wait.thread.stack.pid
    tid = number(wait.thread.process.objects, wait.target, "_native_id")
    for thread in scene.threads:
        if thread.stack.pid == pid and thread.stack.tid == tid:
            because = f"its Thread object names thread {tid}"
            return Holder(Evidence.CONFIRMED, because, thread)
        if thread.stack.pid == pid and thread.frames and wait.address:
            outermost = len(thread.frames) - 1
            if scene.address(thread, outermost, "self") == wait.address:
                because = f"it joins the Thread object of {thread.label}"
                return Holder(Evidence.SAME_OBJECT, because, thread)
    return Holder(Evidence.UNKNOWN, "the thread that it joins was not seen")


def _last_thread(scene: Scene, wait: Blocked) -> Holder:
    """Return the one thread that keeps an interpreter from exiting: it is no daemon."""
    own = [t for t in scene.threads if t.process is wait.thread.process and t is not wait.thread]
    objects = wait.thread.process.objects
    found = []
    for thread in own:
        itself = scene.local_object(thread, -1, "self") if thread.frames else None
        daemon = objects.get(itself.attributes.get("_daemonic", 0)) if itself else None
        if daemon and daemon.text == "False":
            found.append(thread)
    if len(found) == 1:
        because = f"the interpreter exits, and {found[0].label} is no daemon thread"
        return Holder(Evidence.SOURCE, because, found[0])
    because = f"the interpreter exits, and {len(found)} threads are known to be no daemons"
    return Holder(Evidence.UNKNOWN, because)


def _joined_process(scene: Scene, wait: Blocked) -> Holder:
    """Return the main thread of the process that is waited for, by its pid in memory."""
    objects = wait.thread.process.objects
    target = wait.target
    popen = objects.get(target.attributes.get("_popen", 0)) if target else None
    for thing, name in ((popen, "pid"), (target, "pid"), (target, "_pid")):
        pid = number(objects, thing, name)
        thread = _main_thread(scene, pid) if pid else None
        if thread:
            return Holder(Evidence.CONFIRMED, f"it waits for the end of process {pid}", thread)
    return Holder(Evidence.UNKNOWN, "the process that it waits for was not seen")


def _awaited_child(scene: Scene, wait: Blocked) -> Holder:
    """Return the child that a wait4(2) or waitid(2) is for, or the only one that there is."""
    pid = wait.thread.stack.pid
    number = wait.thread.key.removeprefix("wait:")
    if number.isdigit():
        thread = _main_thread(scene, int(number))
        if thread:
            return Holder(Evidence.CONFIRMED, f"it waits for the end of process {number}", thread)
        return Holder(Evidence.UNKNOWN, f"process {number} was not seen")
    children = [c.process.pid for c in scene.processes.values() if c.process.ppid == pid]
    thread = _main_thread(scene, children[0]) if len(children) == 1 else None
    if thread:
        because = f"process {children[0]} is its only child"
        return Holder(Evidence.CONFIRMED, because, thread)
    return Holder(Evidence.UNKNOWN, f"the end of any of {len(children)} children would do")


def _main_thread(scene: Scene, pid: int) -> Thread | None:
    same = (t for t in scene.threads if t.stack.pid == pid and t.stack.tid == pid)
    return next(same, None)


def _resource(scene: Scene, wait: Blocked) -> Resource:
    if wait.kind == LOCK:
        return Resource(
            id=wait.key,
            kind=scene.kind_of(wait.key),
            name=wait.name,
            identity=_identity(wait.key),
        )
    if wait.kind in ON_DESCRIPTORS and (channels := awaited(wait.thread)):
        return _of_channels(wait, channels)
    kind = _KINDS[wait.kind]
    if wait.target and wait.kind not in ("thread", "process", "import", "loop"):
        kind = _public(wait.target.type)
    where = f"{wait.address:#x}" if wait.address else wait.thread.key
    pid = wait.thread.stack.pid
    return Resource(
        id=f"{wait.kind}:{wait.name}"
        if wait.kind in ASKING
        else f"{wait.kind}:{pid}:{where or wait.thread.id}",
        kind=kind,
        name=wait.name,
        identity=f"{where} in process {pid}" if where else "",
    )


def _of_channels(wait: Blocked, channels: list[Channel]) -> Resource:
    """Describe what a thread waits on by what its descriptors are."""
    key = "+".join(one.key or f"{wait.thread.stack.pid}/{one.fd}" for one in channels)
    kinds = dict.fromkeys(one.kind for one in channels)
    name = channels[0].name if len(channels) == 1 else ""
    kind = _public(wait.target.type) if wait.target else " or ".join(kinds)
    if len(channels) > 1:
        kind = f"any of {len(channels)} descriptors ({kind})"
    return Resource(id=f"{wait.kind}:{key}", kind=kind, name=wait.name or name, identity=key)


_PUBLIC_NAMES = {
    "_queue.SimpleQueue": "queue.SimpleQueue",
    "asyncio.tasks._GatheringFuture": "asyncio.gather",
    "_asyncio.": "asyncio.",
}


def _public(name: str) -> str:
    """Return the name by which a program imports a class of the standard library."""
    for inner, outer in _PUBLIC_NAMES.items():
        name = name.replace(inner, outer)
    for inner in (
        ".locks.",
        ".streams.",
        ".taskgroups.",
        ".tasks.",
        ".synchronize.",
        ".queues.",
        "._base.",
        ".connection.",
        ".pool.",
    ):
        name = name.replace(inner, ".")
    return name


def _identity(key: str) -> str:
    """Spell a lock's key: the address, or the inode and offset of the shared mapping."""
    parts = key.split(":")
    if len(parts) == 4:
        return f"offset {int(parts[3], 16):#x} of shared mapping, inode {parts[2]}"
    if len(parts) == 3:
        return f"futex {int(parts[2], 16):#x} of process {parts[1]}"
    return key
