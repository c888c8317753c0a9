"""What each thread is blocked in: a lock, a join, an event, a queue, ...

The outermost frame of the standard library, the one that the program called, tells what is meant
(``Queue.get``, not the condition in it). Where there is none, the kernel's futex key says whether
it is a lock. What fits neither is not classified.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from lab.diagnose.calls import kind_of
from lab.diagnose.names import Names, lock_in
from lab.diagnose.scene import HELPERS, Scene, Thread
from lab.diagnose.source import Use, called_on, site_at
from lab.model import RemoteObject

LOCK = "lock"
SLEEPS = ("nanosleep", "clock_nanosleep")

_RULES: tuple[tuple[str, str, str], ...] = (
    # file of the standard library, qualified name in it, kind of wait
    ("threading.py", "Thread.join", "thread"),
    ("threading.py", "_shutdown", "exit"),
    ("threading.py", "Event.wait", "event"),
    ("threading.py", "Barrier.wait", "barrier"),
    ("threading.py", "Semaphore.acquire", "semaphore"),
    ("threading.py", "Condition.wait_for", "condition"),
    ("threading.py", "Condition.wait", "condition"),
    ("<frozen importlib._bootstrap>", "_ModuleLock.acquire", "import"),
    ("queue.py", "Queue.get", "queue-get"),
    ("queue.py", "Queue.put", "queue-put"),
    ("queue.py", "Queue.join", "queue-join"),
    ("concurrent/futures/_base.py", "Future.result", "future"),
    ("concurrent/futures/_base.py", "Future.exception", "future"),
    ("concurrent/futures/_base.py", "wait", "future"),
    ("concurrent/futures/_base.py", "as_completed", "future"),
    ("multiprocessing/process.py", "BaseProcess.join", "process"),
    ("multiprocessing/process.py", "_ParentProcess.join", "process"),
    ("multiprocessing/pool.py", "ApplyResult.get", "pool-result"),
    ("multiprocessing/pool.py", "ApplyResult.wait", "pool-result"),
    ("multiprocessing/synchronize.py", "Event.wait", "event"),
    ("multiprocessing/synchronize.py", "Condition.wait_for", "condition"),
    ("multiprocessing/synchronize.py", "Condition.wait", "condition"),
    ("multiprocessing/queues.py", "Queue.get", "queue-get"),
    ("multiprocessing/queues.py", "Queue.put", "queue-put"),
    ("multiprocessing/queues.py", "JoinableQueue.join", "queue-join"),
    ("multiprocessing/queues.py", "SimpleQueue.get", "queue-get"),
    ("multiprocessing/queues.py", "SimpleQueue.put", "queue-put"),
    ("multiprocessing/connection.py", "_ConnectionBase.recv", "receive"),
    ("multiprocessing/connection.py", "_ConnectionBase.recv_bytes", "receive"),
    ("multiprocessing/connection.py", "_ConnectionBase.poll", "receive"),
    ("multiprocessing/connection.py", "_ConnectionBase.send", "send"),
    ("multiprocessing/connection.py", "_ConnectionBase.send_bytes", "send"),
    ("multiprocessing/connection.py", "wait", "receive"),
    ("asyncio/base_events.py", "BaseEventLoop.run_until_complete", "loop"),
    ("subprocess.py", "Popen.wait", "subprocess"),
    ("subprocess.py", "Popen.communicate", "subprocess"),
)
_IDLE = (
    ("concurrent/futures/thread.py", "_worker"),
    ("concurrent/futures/process.py", "_process_worker"),
    ("concurrent/futures/process.py", "_ExecutorManagerThread.run"),
    ("multiprocessing/pool.py", "worker"),
    ("multiprocessing/pool.py", "Pool._handle_workers"),
    ("multiprocessing/pool.py", "Pool._handle_tasks"),
    ("multiprocessing/pool.py", "Pool._handle_results"),
    ("multiprocessing/queues.py", "Queue._feed"),
    ("multiprocessing/managers.py", "Server.accepter"),
    ("multiprocessing/managers.py", "Server.serve_forever"),
)
"""Threads and processes of the standard library that wait for work by design."""
_WORKERS = ("_worker", "_process_worker", "worker")
_FOR_WORK = ("", "Queue.get", "SimpleQueue.get")
"""What a pool's worker calls to wait for work; anything else is the work."""

_IDLE_ALONE = (
    ("asyncio/base_events.py", "BaseEventLoop.run_forever"),
    ("socketserver.py", "BaseServer.serve_forever"),
)
"""The same, for threads that do nothing else; a program whose own call this is waits in earnest."""
_SERVES = ("multiprocessing/managers.py", "Server.serve_client")
"""Between two requests of its client, a manager's thread waits for work, too."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """What one thread waits for."""

    thread: Thread
    kind: str
    index: int | None
    """The frame that waits: the innermost of the program's own, if there is one."""
    name: str = ""
    """What the source calls the thing."""
    key: str = ""
    """The lock's key, for a lock."""
    target: RemoteObject | None = None
    address: int | None = None
    """The object waited for, and where it is, for anything else."""
    idle: bool = False
    """Waiting for work by design: a pool's worker, a queue's feeder, a helper process."""


def blocked(scene: Scene, thread: Thread) -> Blocked | None:
    """Return what ``thread`` is blocked in; ``None`` when it is not, or that cannot be told."""
    if thread.moved or (thread.wait and (thread.wait.state == "R" or not _sleeps(thread))):
        return None
    library = thread.users if thread.users is not None else len(thread.frames)
    if _exits(scene, thread):
        return Blocked(thread, "exit", None)
    if library == 0 or _takes_a_lock(scene, thread):
        found = None
    else:
        found = _by_rule(scene, thread, library)
    return found or _lock(scene, thread) or _simple_queue(scene, thread) or _by_kernel(thread)


def _by_kernel(thread: Thread) -> Blocked | None:
    """Return what the system call says, for a wait in C code or in another kind of program."""
    kind = kind_of(thread)
    if not kind:
        return None
    idle = _helper(thread) or any(_is_idle(thread, i) for i in range(len(thread.frames)))
    return Blocked(thread, kind, thread.users, idle=idle)


def _exits(scene: Scene, thread: Thread) -> bool:
    """Whether a main thread has no frame left: since 3.13 it waits in C for threads to end."""
    main = thread.stack.tid == thread.stack.pid and bool(thread.process.process.python)
    others = (t for t in scene.threads if t.process is thread.process and t.id != thread.id)
    return (
        main
        and not thread.frames
        and thread.key.startswith("futex:")
        and any(t.frames for t in others)
    )


def _sleeps(thread: Thread) -> bool:
    """Whether the kernel shows a wait at all: a call, a channel or a key."""
    wait = thread.wait
    return bool(wait and (wait.key or wait.channel or wait.syscall))


def _takes_a_lock(scene: Scene, thread: Thread) -> bool:
    """Whether the standard library's own frames are only about taking a lock.

    ``SemLock.__enter__`` and the like: or the innermost frame itself holds the blocked lock, such
    as ``Queue.put`` that waits for its mutex and not for room.
    """
    inner = thread.frames[0]
    if inner.function.endswith(("__enter__", "._acquire_restore")):
        return thread.key in scene.locks
    waiting = ("Condition.wait", "Thread.join", "Thread._wait_for_tstate_lock", "Popen.")
    plain = inner.function.startswith(("Queue.", "Semaphore.", "Event.", "Condition.notify"))
    return plain and thread.key in scene.locks and not inner.function.startswith(waiting)


def _by_rule(scene: Scene, thread: Thread, library: int) -> Blocked | None:
    for index in reversed(range(library)):
        frame = thread.frames[index]
        for file, function, kind in _RULES:
            if frame.is_in(file, function):
                return _described(scene, thread, kind, index)
    idle = any(_is_idle(thread, i) for i in range(library)) or _helper(thread)
    return Blocked(thread, "idle", None, idle=True) if idle else None


def _described(scene: Scene, thread: Thread, kind: str, index: int) -> Blocked:
    users = thread.users
    target = scene.local_object(thread, index, "self")
    name = _module(thread, target) if kind == "import" else _name(scene, thread, users, index)
    idle = users is None and any(_is_idle(thread, i) for i in range(len(thread.frames)))
    idle = idle or (kind == "receive" and any(frame.is_in(*_SERVES) for frame in thread.frames))
    return Blocked(
        thread,
        kind,
        users,
        name=name,
        target=target,
        address=scene.address(thread, index, "future" if kind == "loop" else "self"),
        idle=kind != "send" and (idle or _helper(thread)),
    )


def _is_idle(thread: Thread, index: int) -> bool:
    """Whether a frame is of a thread or process that waits for work: not one that has some."""
    inner = thread.frames[index - 1].function if index else ""
    if thread.frames[index].function in _WORKERS and inner not in _FOR_WORK:
        return False
    known = (*_IDLE, *_IDLE_ALONE) if thread.users is None else _IDLE
    return any(thread.frames[index].is_in(*place) for place in known)


def _helper(thread: Thread) -> bool:
    return thread.process.process.label in HELPERS


def _name(scene: Scene, thread: Thread, users: int | None, library: int) -> str:
    """Return the expression on which the program called the method, where the line shows one."""
    if users is None:
        return ""
    frame = thread.frames[users]
    text = scene.snapshot.sources.get(frame.file, "")
    method = thread.frames[library].function.rpartition(".")[2]
    return called_on(text, frame.function, frame.line, method) or _entered(scene, thread, library)


def _entered(scene: Scene, thread: Thread, library: int) -> str:
    """Return what the program calls the object whose method its ``with`` has called."""
    frame = thread.frames[thread.users or 0]
    text = scene.snapshot.sources.get(frame.file, "")
    names, address = Names(thread.process, frame), scene.address(thread, library, "self")
    for use in site_at(text, frame.function, frame.line).wants:
        thing = names.find(use.expression)
        if thing and thing.address == address:
            return use.text
    return ""


def _module(thread: Thread, lock: RemoteObject | None) -> str:
    """Return the name of the module that an import lock is for."""
    name = thread.process.objects.get(lock.attributes.get("name", 0)) if lock else None
    return name.text if name else ""


def _lock(scene: Scene, thread: Thread) -> Blocked | None:
    """Return the lock that the kernel says the thread sleeps on, named from the source line."""
    index = thread.users
    if thread.key not in scene.locks:
        return _unnamed_lock(scene, thread) if index == 0 else None
    use = wanted(scene, thread, index) if index is not None else None
    idle = index is None and any(_is_idle(thread, i) for i in range(len(thread.frames)))
    name = use.text if use else scene.part_of(thread.key)
    return Blocked(thread, LOCK, index, name=name, key=thread.key, idle=idle)


def _simple_queue(scene: Scene, thread: Thread) -> Blocked | None:
    """Return the ``queue.SimpleQueue`` whose ``get``, which is written in C, the line calls."""
    if thread.users != 0 or not thread.key.startswith("futex:"):
        return None
    frame = thread.frames[0]
    text = scene.snapshot.sources.get(frame.file, "")
    name = called_on(text, frame.function, frame.line, "get")
    if not name:
        return None
    found = Names(thread.process, frame).find(ast.parse(name, mode="eval").body)
    if found is None or found.type != "_queue.SimpleQueue":
        return None
    return Blocked(thread, "queue-get", 0, name=name, target=found, address=found.address)


def _unnamed_lock(scene: Scene, thread: Thread) -> Blocked | None:
    """Return the one taken lock that the line asks for, where the kernel names none.

    Where no layout is known, only the addresses of locks are. And from 3.14 on, a thread sleeps on
    a semaphore of its own (``parking_lot.c``), not on the lock.
    """
    if thread.key and not thread.key.startswith(f"futex:{thread.stack.pid}:"):
        return None
    frame = thread.frames[0]
    uses = site_at(scene.snapshot.sources.get(frame.file, ""), frame.function, frame.line).wants
    names = Names(thread.process, frame)
    locks = [(use, lock_in(thread.process, names.find(use.expression))) for use in uses]
    taken = [
        (use, one.lock) for use, one in locks if one and one.lock and one.lock.locked is not False
    ]
    if len(uses) != 1 or len(taken) != 1:
        return None
    use, lock = taken[0]
    if thread.key and not lock.key.startswith(("mutex:", "object:")):
        return None  # the kernel names another word than this lock's
    return Blocked(thread, LOCK, 0, name=use.text, key=lock.key)


def wanted(scene: Scene, thread: Thread, index: int) -> Use | None:
    """Return which of the locks named on its line the thread waits for."""
    frame = thread.frames[index]
    uses = site_at(scene.snapshot.sources.get(frame.file, ""), frame.function, frame.line).wants
    names = Names(thread.process, frame)
    unknown = []
    for use in uses:
        lock = lock_in(thread.process, names.find(use.expression))
        if lock and lock.lock and lock.lock.key == thread.key:
            return use
        if lock is None:
            unknown.append(use)
    return unknown[0] if len(unknown) == 1 else None
