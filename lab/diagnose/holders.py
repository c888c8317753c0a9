"""Who holds a lock, since which line, and how firmly that is known.

In this order: an owner written in memory (RLock, SemLock); the one thread whose source says that it
is inside a ``with`` or after an ``acquire()`` of that very object; nobody alive. Two threads that
both seem to hold it mean that it is not known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lab.diagnose.effects import OPAQUE
from lab.diagnose.helpers import Helpers
from lab.diagnose.hidden import holds_while_suspended, passes_acquire_on, takes_without_with
from lab.diagnose.names import Names, lock_in
from lab.diagnose.places import is_users
from lab.diagnose.scene import Scene, Thread
from lab.diagnose.source import Use, site_at
from lab.model import (
    Evidence,
    Frame,
    LockState,
    NoHolder,
    ProcessCapture,
    RemoteObject,
    SourceLine,
)

_ON_OBJECTS = {
    "threading.Semaphore", "asyncio.locks.Lock", "asyncio.locks.Semaphore",
    "asyncio.locks.Condition",
}  # fmt: skip
"""What is known by its own address: it blocks in several locks, or in none."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A thread that, by its source, holds a lock."""

    thread: Thread
    key: str
    name: str
    at: SourceLine
    certain: bool


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock; ``thread`` is ``None`` when nobody does, or nobody is known."""

    evidence: Evidence
    because: str
    thread: Thread | None = None
    at: SourceLine | None = None
    nobody: NoHolder | None = None
    name: str = ""
    """What the holder's source calls the lock."""
    outside: bool = False
    """Whether somebody outside the tree could end the wait."""


class Claims:
    """What every thread of a scene holds by its source, by lock key."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._helpers = Helpers(scene.snapshot.sources)
        self._by_key: dict[str, list[Claim]] = {}
        self.obscure: set[int] = set()
        """Processes in which a thread is inside something that could not be followed."""
        texts = scene.snapshot.sources.values()
        self.suspended = any(map(holds_while_suspended, texts))
        """Whether a generator or coroutine, which is on no stack, may hold a lock."""
        self.leaky = any(map(takes_without_with, texts))
        """Whether a lock may stay taken after the function that took it has returned."""
        self._unseen = set(self._helpers.unseen)
        if any(map(passes_acquire_on, texts)):
            self._unseen.add(OPAQUE)
        for thread in (*scene.threads, *scene.tasks):
            for claim in self._of(thread):
                self._by_key.setdefault(claim.key, []).append(claim)

    def known(self, key: str) -> bool:
        """Whether a lock with this key was seen at all."""
        return key in self._scene.locks

    def on(self, key: str) -> list[Claim]:
        """Return the claims on one lock, one for each thread: the one since when it is held."""
        first: dict[str, Claim] = {}
        for claim in self._by_key.get(key, []):
            first.setdefault(claim.thread.id, claim)
        return list(first.values())

    def may_be_unseen(self, waiter: Thread, key: str) -> bool:
        """Whether another thread may hold the lock because of a call that no source shows."""
        others = (t for t in self._scene.threads if t.process is waiter.process)
        if not self._unseen or all(t.id == waiter.id or not t.frames for t in others):
            return False
        names = self._scene.names_of(key)
        return OPAQUE in self._unseen or any(n.endswith(u) for n in names for u in self._unseen)

    def runs_in(self, task: Thread, thread: Thread) -> bool:
        """Whether ``task`` is a suspended asyncio task of the loop that ``thread`` runs."""
        loop = self._scene.loop_of(task) if task.task else None
        return loop is not None and loop.id == thread.id

    def _of(self, thread: Thread) -> list[Claim]:
        if thread.moved:
            self.obscure.add(thread.stack.pid)
        return [
            claim
            for index in reversed(range(len(thread.frames)))
            for claim in self._in_frame(thread, index)
            if not self._given_up(thread, claim) and self._lasting(thread, index, claim)
        ]

    def _lasting(self, thread: Thread, index: int, claim: Claim) -> bool:
        """Whether a thread that moved was inside the same hold in the second dump, too."""
        if not thread.moved:
            return True
        frame = thread.frames[index]
        text = self._scene.snapshot.sources.get(frame.file, "")
        return any(
            claim.at.line == use.line
            for later in thread.stack.later
            if (later.function, later.file) == (frame.function, frame.file)
            for use in (
                *site_at(text, later.function, later.line).held,
                *self._helpers.held(text, later.function, later.line),
            )
        )

    def _in_frame(self, thread: Thread, index: int) -> list[Claim]:
        frame = thread.frames[index]
        text = self._scene.snapshot.sources.get(frame.file)
        if thread.users is not None and index > thread.users:  # what calls the program meanwhile
            text = text or self._scene.snapshot.library.get(frame.file)
        if not text:
            if is_users(frame):
                self.obscure.add(thread.stack.pid)
            return []
        names = Names(thread.process, frame)
        site = site_at(text, frame.function, frame.line)
        if site.crowded:
            self.obscure.add(thread.stack.pid)
        calls = self._helpers.held(text, frame.function, frame.line, names.types)
        uses = [*site.held, *calls]
        for header in site.headers:
            uses += self._entered(thread, names, header, frame.line)
        inside = self._inside(thread, frame, site.held)
        found = []
        for use in uses:
            if use.lost and use not in inside:
                self.obscure.add(thread.stack.pid)
                continue
            thing = inside[use] if use in inside else names.find(use.expression)
            if key := self._key(thread, thing):
                at = self._scene.line(thread, index, use.line)
                found.append(Claim(thread, key, use.text, at, use.certain or use in inside))
            elif thing is None and use not in inside:
                self.obscure.add(thread.stack.pid)
            elif thing is not None and use.how == "with":
                uses += self._helpers.entered((thing.type, *thing.bases), use.text, use.line)
        return [*found, *self._of_generators(thread, index, site.held)]

    def _inside(
        self, thread: Thread, frame: Frame, held: tuple[Use, ...]
    ) -> dict[Use, RemoteObject | None]:
        """Return what each ``with`` around a line was given, as the frame's stack in memory says.

        Nothing when memory and source do not count the same.
        """
        uses = [use for use in held if use.how == "with"]
        if thread.moved or frame.entered is None or len(frame.entered) != len(uses):
            return {}
        objects = thread.process.objects
        return {use: objects.get(m[0]) for use, m in zip(uses, frame.entered, strict=True)}

    def _of_generators(self, thread: Thread, index: int, held: tuple[Use, ...]) -> Iterator[Claim]:
        """Yield what the generators of context managers are inside of in their turn."""
        frame = thread.frames[index]
        uses = list(self._inside(thread, frame, held))
        for place, (_, *inner) in enumerate(frame.entered or () if uses else ()):
            for address in inner:
                if key := self._key(thread, thread.process.objects.get(address)):
                    at = self._scene.line(thread, index, uses[place].line)
                    yield Claim(thread, key, uses[place].text, at, certain=True)

    def _key(self, thread: Thread, thing: RemoteObject | None) -> str:
        """Return the key by which claims on ``thing`` are kept, if it is something like a lock."""
        if thing and _ON_OBJECTS & {thing.type, *thing.bases}:
            inner = thread.process.objects.get(thing.attributes.get("_lock", 0), thing)
            return object_key(thread.stack.pid, inner.address)
        lock = lock_in(thread.process, thing)
        return lock.lock.key if lock and lock.lock else ""

    def _entered(
        self, thread: Thread, names: Names, header: tuple[Use, ...], line: int
    ) -> tuple[Use, ...]:
        """Return the items of a ``with`` that are held while a later one is entered or left.

        Which one that is, is known when the thread sleeps on it, or when it is the only one on the
        line that is no lock; else nothing is known.
        """
        locks = [lock_in(thread.process, names.find(use.expression)) for use in header]
        for position, lock in enumerate(locks):
            if lock and lock.lock and lock.lock.key == thread.key:
                return header[:position]
        others = [i for i, use in enumerate(header) if locks[i] is None and use.line == line]
        return header[: others[0]] if len(others) == 1 else ()

    def _given_up(self, thread: Thread, claim: Claim) -> bool:
        """Whether the thread waits on a condition, which gives the condition's lock back."""
        for index, frame in enumerate(thread.frames):
            if frame.function == "Condition.wait":
                condition = self._scene.local_object(thread, index, "self")
                lock = lock_in(thread.process, condition)
                if lock and lock.lock and lock.lock.key == claim.key:
                    return True
        return False


def holder_of(scene: Scene, claims: Claims, waiter: Thread, key: str) -> Holder:
    """Return who holds the lock ``key`` that ``waiter`` waits for."""
    states = [(c, t.lock) for c, t in scene.locks.get(key, ()) if t.lock]
    on = claims.on(key)
    kind = states[0][1].kind if states else ""
    if kind == "rlock":
        return _owner_of_rlock(scene, on, states[0])
    if kind == "semlock" and states[0][1].limit != 1:
        return permits(on)
    if kind == "lock" and states[0][1].locked is False:
        return Holder(Evidence.UNKNOWN, "the lock was free when its memory was read")
    if kind == "semlock":
        return _owner_of_semlock(scene, on, key, states)
    return _by_source(claims, on, waiter, key)


def permits(on: list[Claim]) -> Holder:
    """Return who has the permits of a semaphore, as far as the source shows it."""
    if len(on) == 1:
        because = f"{on[0].thread.label} is inside `{on[0].name}` of the same semaphore"
        return Holder(Evidence.SOURCE, because, on[0].thread, on[0].at, name=on[0].name)
    if on:
        names = ", ".join(claim.thread.label for claim in on)
        return Holder(Evidence.UNKNOWN, f"its permits are with {names}: any one would do")
    return Holder(Evidence.UNKNOWN, "nobody in sight is inside it: anybody may give a permit")


def of_task_lock(claims: Claims, waiter: Thread, address: int) -> Holder:
    """Return who holds an ``asyncio.Lock``: the one task that is inside ``async with`` of it."""
    on = claims.on(object_key(waiter.stack.pid, address))
    sure = [claim for claim in on if claim.certain] or on
    if len(sure) == 1:
        claim = sure[0]
        grade = Evidence.SAME_OBJECT if claim.certain else Evidence.SOURCE
        because = f"{claim.thread.label} is inside `{claim.name}` of the same object"
        return Holder(grade, because, claim.thread, claim.at, name=claim.name)
    if sure:
        names = ", ".join(claim.thread.label for claim in sure)
        return Holder(Evidence.UNKNOWN, f"by their source, each of {names} could hold it")
    return Holder(
        Evidence.UNKNOWN, "no task is seen to hold it, and an asyncio.Lock notes no owner"
    )


def object_key(pid: int, address: int) -> str:
    """Return the key of an object that blocks in several locks, such as a ``Semaphore``."""
    return f"object:{pid}:{address:x}"


def _owner_of_rlock(
    scene: Scene, on: list[Claim], state: tuple[ProcessCapture, LockState]
) -> Holder:
    capture, lock = state
    pid = capture.process.pid
    if not lock.owner_ident:
        return Holder(Evidence.UNKNOWN, "the lock was free when its memory was read")
    owner = _thread(scene, pid, lock.owner_ident)
    if owner:
        because = f"its memory names thread {owner.label} as the owner, {lock.count} deep"
        return _confirmed(on, owner, because)
    parent = _thread(scene, capture.process.ppid, lock.owner_ident) if capture.forked else None
    if parent:
        because = (
            f"its memory names a thread of the parent, {parent.label}, as the owner:"
            " the fork copied the lock, but not the thread that would release it"
        )
        return Holder(Evidence.CONFIRMED, because, nobody=NoHolder.INHERITED_BY_FORK)
    because = "its memory names an owner that is no thread of the process any more"
    nobody = None if capture.forked else NoHolder.LEAKED
    return Holder(Evidence.CONFIRMED if nobody else Evidence.UNKNOWN, because, nobody=nobody)


def _owner_of_semlock(
    scene: Scene, on: list[Claim], key: str, states: list[tuple[ProcessCapture, LockState]]
) -> Holder:
    owners = [(capture, lock) for capture, lock in states if (lock.count or 0) > 0]
    if len({capture.process.pid for capture, _ in owners}) == 1:
        capture, lock = owners[0]
        owner = _thread(scene, capture.process.pid, lock.owner_ident or 0)
        if owner:
            because = f"the semaphore's count is {lock.count} in process {capture.process.pid} only"
            return _confirmed(on, owner, because)
        because = "it was taken by a thread that has ended without releasing it"
        return Holder(Evidence.CONFIRMED, because, nobody=NoHolder.LEAKED)
    if owners:
        return Holder(Evidence.UNKNOWN, "several processes have it marked as theirs")
    if _searched_everywhere(scene, key) and any(lock.locked for _, lock in states):
        because = "it is taken, and no living process of the tree has taken it"
        return Holder(Evidence.CONFIRMED, because, nobody=NoHolder.DEAD_PROCESS)
    return Holder(Evidence.UNKNOWN, "no process that could be read has it marked as taken")


def _searched_everywhere(scene: Scene, key: str) -> bool:
    python = [c for c in scene.snapshot.processes if c.process.python]
    return all(key in capture.searched for capture in python)


def _thread(scene: Scene, pid: int, ident: int) -> Thread | None:
    same = (t for t in scene.threads if t.stack.pid == pid and t.stack.ident == ident)
    return next(same, None) if ident else None


def _confirmed(on: list[Claim], owner: Thread, because: str) -> Holder:
    """Return an owner that memory names, with the line from its source where that shows one."""
    claim = next((claim for claim in on if claim.thread.id == owner.id), None)
    if claim is None:
        return Holder(Evidence.CONFIRMED, because, owner)
    return Holder(Evidence.CONFIRMED, because, owner, claim.at, name=claim.name)


def _by_source(claims: Claims, on: list[Claim], waiter: Thread, key: str) -> Holder:
    """Return who holds a plain lock, in which no owner is written."""
    sure = [claim for claim in on if claim.certain] or on
    if len(sure) == 1:
        claim = sure[0]
        grade = Evidence.SAME_OBJECT if claim.certain else Evidence.SOURCE
        because = f"{claim.thread.label} is inside `{claim.name}` of the same object"
        if claims.runs_in(claim.thread, waiter):  # who would go on is the waiter itself
            return Holder(grade, f"its own {because}", waiter, claim.at, name=claim.name)
        return Holder(grade, because, claim.thread, claim.at, name=claim.name)
    if sure:
        names = ", ".join(claim.thread.label for claim in sure)
        return Holder(Evidence.UNKNOWN, f"by their source, each of {names} could hold it")
    if any(
        frame.is_in("multiprocessing/managers.py", "Server.serve_client") for frame in waiter.frames
    ):
        because = "a manager takes it for its clients: which of them has it is not recorded"
        return Holder(Evidence.UNKNOWN, because)
    parent = _in_parent(claims, waiter, key) if waiter.process.forked else None
    if parent:
        because = (
            f"the parent's {parent.thread.label} held it at the fork: the child has a copy of the"
            " lock, but not the thread that would release it"
        )
        return Holder(Evidence.SAME_OBJECT, because, nobody=NoHolder.INHERITED_BY_FORK)
    if claims.suspended:
        because = "no thread is seen to hold it; a suspended generator or coroutine may"
        return Holder(Evidence.UNKNOWN, because)
    if waiter.process.process.pid in claims.obscure or claims.may_be_unseen(waiter, key):
        return Holder(Evidence.UNKNOWN, "no thread of the process is seen to hold it")
    if waiter.process.forked:
        return _of_a_fork(claims, waiter, key)
    because = "it is taken, but no live thread is inside a `with` or after an `acquire()` of it"
    return Holder(Evidence.SOURCE, because, nobody=NoHolder.LEAKED)


def _of_a_fork(claims: Claims, waiter: Thread, key: str) -> Holder:
    """Tell a lock that was copied, taken, by a fork from one that the child itself has leaked.

    The parent's holder may be long gone. Where every lock is taken by ``with``, none is leaked.
    """
    if claims.leaky or not claims.known(_parents_key(waiter, key)):
        return Holder(Evidence.UNKNOWN, "no thread of the process is seen to hold it")
    because = (
        "the parent has the same lock, no thread of the child is inside a `with` of it, and the"
        " program takes no lock in another way"
    )
    return Holder(Evidence.SOURCE, because, nobody=NoHolder.INHERITED_BY_FORK)


def _in_parent(claims: Claims, waiter: Thread, key: str) -> Claim | None:
    """Return who in the parent holds the lock of which the child's is a copy."""
    on = claims.on(_parents_key(waiter, key))
    return on[0] if len(on) == 1 else None


def _parents_key(waiter: Thread, key: str) -> str:
    """Return the key of the lock at the same address in the parent; empty if it is a shared one."""
    process = waiter.process.process
    prefix = f"futex:{process.pid}:"
    return f"futex:{process.ppid}:{key.removeprefix(prefix)}" if key.startswith(prefix) else ""
