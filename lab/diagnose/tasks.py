"""What asyncio tasks wait for, and who would end that: from their suspended frames.

A task is treated as a thread of its own that belongs to a loop's thread. Which future it awaits is
in its memory; an ``asyncio.Lock`` notes no owner, so its holder comes from the source, as for a
plain lock of ``threading``.
"""

from __future__ import annotations

from collections.abc import Iterable

from lab.diagnose.blocked import Blocked
from lab.diagnose.ends import awaited, channel_end
from lab.diagnose.futures import chained_to, worker_on
from lab.diagnose.holders import Claims, Holder, object_key, of_task_lock, permits
from lab.diagnose.names import Names
from lab.diagnose.noted import noted
from lab.diagnose.places import is_users
from lab.diagnose.scene import Scene, Thread
from lab.diagnose.source import called_on, site_at
from lab.model import Evidence, RemoteObject

_RULES = (
    ("asyncio/locks.py", "Lock.acquire", "task-lock"),
    ("asyncio/locks.py", "Event.wait", "event"),
    ("asyncio/locks.py", "Condition.wait", "condition"),
    ("asyncio/locks.py", "Condition.wait_for", "condition"),
    ("asyncio/locks.py", "Semaphore.acquire", "semaphore"),
    ("asyncio/locks.py", "Barrier.wait", "barrier"),
    ("asyncio/queues.py", "Queue.get", "queue-get"),
    ("asyncio/queues.py", "Queue.put", "queue-put"),
    ("asyncio/queues.py", "Queue.join", "queue-join"),
    ("asyncio/taskgroups.py", "TaskGroup.__aexit__", "task"),
    ("asyncio/tasks.py", "wait", "task"),
    ("asyncio/tasks.py", "wait_for", "task"),
    ("asyncio/subprocess.py", "Process.wait", "subprocess"),
    ("asyncio/subprocess.py", "Process.communicate", "subprocess"),
    ("asyncio/streams.py", "StreamReader.read", "stream"),
    ("asyncio/streams.py", "StreamReader.readline", "stream"),
    ("asyncio/streams.py", "StreamReader.readuntil", "stream"),
    ("asyncio/streams.py", "StreamReader.readexactly", "stream"),
    ("asyncio/streams.py", "StreamWriter.drain", "stream"),
)
_MOST_NAMED = 4


def task_wait(scene: Scene, task: Thread) -> Blocked | None:
    """Return what a task awaits; ``None`` when it sleeps, runs or could not be read."""
    if not task.frames or task.task is None or task.moved or _sleeps(task):
        return None
    users = next((i for i, frame in enumerate(task.frames) if is_users(frame)), None)
    library = len(task.frames) if users is None else users
    for index in reversed(range(library)):
        frame = task.frames[index]
        for file, function, kind in _RULES:
            if frame.function == function and frame.file.endswith("/" + file):
                return _described(scene, task, kind, users, index)
    if task.task.waits_for is None:
        return None
    target = task.process.objects.get(task.task.waits_for)
    return Blocked(task, "task", users, target=target, address=task.task.waits_for)


def _sleeps(task: Thread) -> bool:
    return any(f.function == "sleep" and f.file.endswith("/asyncio/tasks.py") for f in task.frames)


def _described(scene: Scene, task: Thread, kind: str, users: int | None, index: int) -> Blocked:
    target = scene.local_object(task, index, "self")
    address = scene.address(task, index, "self")
    if kind == "task" and target is None and task.task and task.task.waits_for:
        address = task.task.waits_for
        target = task.process.objects.get(address)
    name = "" if users is None or kind == "task" else _name(scene, task, users, index, address)
    return Blocked(task, kind, users, name=name, target=target, address=address)


def _name(scene: Scene, task: Thread, users: int, index: int, address: int | None) -> str:
    """Return what the program calls the thing, where its line shows that."""
    frame = task.frames[users]
    text = scene.snapshot.sources.get(frame.file, "")
    names = Names(task.process, frame)
    for use in site_at(text, frame.function, frame.line).wants:
        thing = names.find(use.expression)
        if thing and thing.address == address:
            return use.text
    return called_on(text, frame.function, frame.line, task.frames[index].function.split(".")[-1])


def task_end(scene: Scene, claims: Claims, wait: Blocked) -> Holder:
    """Return who would end the wait of a task."""
    task = wait.thread
    if wait.kind == "turn" and (loop := scene.loop_of(task)):
        because = f"its event loop runs in {loop.label}, which is blocked"
        return Holder(Evidence.CONFIRMED, because, loop)
    if pending := _awaited_tasks(scene, wait):
        return _first_of(pending)
    if wait.kind == "task-lock" and wait.address:
        return of_task_lock(claims, task, wait.address)
    if wait.kind == "semaphore" and wait.address:
        return permits(claims.on(object_key(task.stack.pid, wait.address)))
    if wait.kind == "stream" and (found := _of_stream(scene, wait)):
        return found
    if wait.kind == "task" and wait.address:
        futures = chained_to(task.process, wait.address)
        if thread := worker_on(scene, task.process, futures):
            because = f"{thread.label} runs what it waits for, in an executor"
            return Holder(Evidence.SAME_OBJECT, because, thread)
    because = noted(wait) or "whoever is to provide it is not recorded anywhere"
    loop = scene.loop_of(task)
    if loop is None or loop.wait is None or loop.wait.closed or loop.timed:
        return Holder(Evidence.UNKNOWN, because)
    names = [f"{one.kind} {one.name}".strip() for one in awaited(loop)[:_MOST_NAMED]]
    because += f"; its event loop waits on {', '.join(names) or 'descriptors'}"
    return Holder(Evidence.UNKNOWN, because, outside=True)


def _first_of(pending: list[Thread]) -> Holder:
    """Of several that must all end, the first stands for them."""
    more = f", the first of {len(pending)} that have not ended" if len(pending) > 1 else ""
    because = f"its memory says that it awaits {pending[0].label}{more}"
    return Holder(Evidence.CONFIRMED, because, pending[0])


def _awaited_tasks(scene: Scene, wait: Blocked) -> list[Thread]:
    """Return the tasks that have to end: the one awaited, those gathered, those of a group."""
    task = wait.thread
    objects = task.process.objects
    by_address = {t.task.address: t for t in scene.tasks if t.task and t.process is task.process}
    waits_for = task.task.waits_for if task.task else None
    if waits_for in by_address:
        return [by_address[waits_for]]
    if waited := _of_asyncio_wait(scene, task):
        return [by_address[address] for address in waited if address in by_address]
    future = objects.get(waits_for or 0)
    group = wait.target if wait.target and wait.target.type.endswith(".TaskGroup") else None
    members = [
        address
        for thing, name in ((future, "_children"), (group, "_tasks"))
        for address in _members(objects, thing, name)
    ]
    return [by_address[address] for address in members if address in by_address]


def _of_asyncio_wait(scene: Scene, task: Thread) -> list[int]:
    """Return what ``asyncio.wait`` is for, if all of it has to end."""
    for index, frame in enumerate(task.frames):
        if frame.function == "wait" and frame.file.endswith("/asyncio/tasks.py"):
            futures = scene.local_object(task, index, "fs")
            members = list(futures.attributes.values()) if futures else []
            until = next((o.text for o in frame.locals if o.name == "return_when"), "")
            return members if len(members) == 1 or "ALL_COMPLETED" in until else []
    return []


def _members(
    objects: dict[int, RemoteObject], thing: RemoteObject | None, name: str
) -> Iterable[int]:
    inner = objects.get(thing.attributes.get(name, 0)) if thing else None
    return inner.attributes.values() if inner else ()


def _of_stream(scene: Scene, wait: Blocked) -> Holder | None:
    """Return who is at the other end of the stream's socket."""
    process = wait.thread.process
    channel = process.channels.get(_descriptor(wait) or -1)
    if channel is None:
        return None
    if not channel.peers or any(peer.pid != process.process.pid for peer in channel.peers):
        return channel_end(scene, wait, channel)
    fds = {fd for peer in channel.peers for fd in peer.fds}
    tasks = [t for t in scene.tasks if t.process is process and t.id != wait.thread.id]
    users = [t for t in tasks if (o := task_wait(scene, t)) and _descriptor(o) in fds]
    if len(users) == 1:
        because = f"its other end is with {users[0].label} of the same process"
        return Holder(Evidence.SOURCE, because, users[0])
    return Holder(Evidence.UNKNOWN, "its other end is with the same process")


def _descriptor(wait: Blocked) -> int | None:
    """Return the descriptor of the stream that a task reads from or writes to."""
    objects = wait.thread.process.objects
    transport = objects.get(wait.target.attributes.get("_transport", 0)) if wait.target else None
    number = objects.get(transport.attributes.get("_sock_fd", 0)) if transport else None
    if number is None or not number.text.isdigit():
        return None
    return int(number.text)


def runs_until(scene: Scene, wait: Blocked) -> Holder:
    """Return the task whose end a thread's event loop runs for."""
    for task in scene.tasks:
        if task.task and task.process is wait.thread.process and task.task.address == wait.address:
            because = f"its event loop runs until {task.label} ends"
            return Holder(Evidence.CONFIRMED, because, task)
    return Holder(Evidence.UNKNOWN, "the task that its event loop runs for could not be read")
