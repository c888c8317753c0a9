"""The wait-for graph: an edge for every wait, with its holder where one is known."""

from __future__ import annotations

from dataclasses import dataclass

from lab.diagnose.blocked import LOCK, Blocked
from lab.diagnose.futures import provider_of
from lab.diagnose.holders import Claims, Holder, holder_of, object_key, permits
from lab.diagnose.imports import importer_of
from lab.diagnose.scene import HELPERS, Scene, Thread
from lab.model import Edge, Evidence, RemoteObject, Resource

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
    "subprocess": "subprocess",
    "idle": "work",
}


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
    if wait.kind == LOCK:
        return holder_of(scene, claims, wait.thread, wait.key)
    if wait.kind == "thread":
        return _joined_thread(scene, wait)
    if wait.kind == "future":
        return provider_of(wait)
    if wait.kind == "import":
        return importer_of(scene, wait)
    if wait.kind in ("process", "subprocess"):
        return _joined_process(scene, wait)
    if wait.kind == "semaphore" and wait.address:
        return permits(claims.on(object_key(wait.thread.stack.pid, wait.address)))
    if wait.thread.key.startswith("pipe:"):
        return _other_end(scene, wait)
    return Holder(Evidence.UNKNOWN, "whoever is to provide it is not recorded anywhere")


def _joined_thread(scene: Scene, wait: Blocked) -> Holder:
    """Return the thread that is joined: the one whose ``Thread`` object it is."""
    pid = wait.thread.stack.pid
    tid = _number(wait.thread.process.objects, wait.target, "_native_id")
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


def _joined_process(scene: Scene, wait: Blocked) -> Holder:
    """Return the main thread of the process that is waited for, by its pid in memory."""
    objects = wait.thread.process.objects
    target = wait.target
    popen = objects.get(target.attributes.get("_popen", 0)) if target else None
    for thing, name in ((popen, "pid"), (target, "pid"), (target, "_pid")):
        pid = _number(objects, thing, name)
        thread = _main_thread(scene, pid) if pid else None
        if thread:
            return Holder(Evidence.CONFIRMED, f"it waits for the end of process {pid}", thread)
    return Holder(Evidence.UNKNOWN, "the process that it waits for was not seen")


def _other_end(scene: Scene, wait: Blocked) -> Holder:
    """Return the main thread of the one other process that has the other end of the pipe."""
    sends = bool(wait.thread.wait and "write" in wait.thread.wait.syscall)
    key, wanted = wait.thread.key, "r" if sends else "w"
    others = [
        pid
        for pid, capture in scene.processes.items()
        if wanted in capture.pipe_ends.get(key, "")
        and pid != wait.thread.stack.pid
        and capture.process.label not in HELPERS
    ]
    does = "read from" if sends else "write to"
    if len(others) == 1 and (thread := _main_thread(scene, others[0])):
        if wait.kind == "queue-get":  # it need not be a process that has it open by now
            return Holder(Evidence.UNKNOWN, f"only {thread.label} could put something in it")
        because = f"of the other processes, only {thread.label} could {does} the pipe"
        return Holder(Evidence.SOURCE, because, thread)
    return Holder(Evidence.UNKNOWN, f"{len(others)} other processes could {does} the pipe")


def _number(objects: dict[int, RemoteObject], thing: RemoteObject | None, name: str) -> int:
    value = objects.get(thing.attributes.get(name, 0)) if thing else None
    return int(value.text) if value and value.type == "int" and value.text else 0


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
    kind = _KINDS[wait.kind]
    if wait.target and wait.kind not in ("thread", "process", "import"):
        kind = _public(wait.target.type)
    where = f"{wait.address:#x}" if wait.address else wait.thread.key
    pid = wait.thread.stack.pid
    return Resource(
        id=f"{wait.kind}:{pid}:{where or wait.thread.id}",
        kind=kind,
        name=wait.name,
        identity=f"{where} in process {pid}" if where else "",
    )


def _public(name: str) -> str:
    """Return the name by which a program imports a class of the standard library."""
    name = name.replace("_queue.SimpleQueue", "queue.SimpleQueue")
    for inner in (".synchronize.", ".queues.", "._base.", ".connection.", ".pool."):
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
