"""Who could end a wait on a descriptor: the thread at the other end, as far as the kernel tells.

The kernel knows processes. Which of a process's threads is meant is taken from who waits on that
very descriptor, else from whose frames refer to it, else it is the only thread, or the main one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lab.diagnose.blocked import Blocked, blocked
from lab.diagnose.holders import Holder
from lab.diagnose.scene import HELPERS, Scene, Thread
from lab.model import Channel, Evidence, Peer

_SETS = ("poll", "ppoll", "select", "pselect6", "epoll_wait", "epoll_pwait", "epoll_pwait2")
_MOST_NAMED = 4


def awaited(thread: Thread) -> list[Channel]:
    """Return what a thread waits on, without the means by which it wakes itself up."""
    wait = thread.wait
    if wait is None:
        return []
    found = [thread.process.channels[fd] for fd in wait.fds if fd in thread.process.channels]
    if wait.syscall not in _SETS or len(found) < 2:
        return found
    return [one for one in found if not _is_own(one, thread.stack.pid)] or found


def _is_own(channel: Channel, pid: int) -> bool:
    """Whether both ends are the process's own, as those of an event loop's wake-up are."""
    return channel.kind == "event descriptor" or (
        bool(channel.peers) and all(peer.pid == pid for peer in channel.peers)
    )


def other_end(scene: Scene, wait: Blocked) -> Holder:
    """Return who could end the wait of a thread on its descriptors."""
    found = [channel_end(scene, wait, channel) for channel in awaited(wait.thread)]
    if not found:
        return Holder(Evidence.UNKNOWN, "what it waits on could not be read")
    if len(found) == 1:
        return found[0]
    threads = {one.thread.id for one in found if one.thread}
    if len(threads) == 1 and all(one.thread for one in found):
        return found[0]
    named = "; ".join(one.because for one in found[:_MOST_NAMED])
    more = f"; and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    because = f"any of {len(found)} would do: {named}{more}"
    return Holder(Evidence.UNKNOWN, because, outside=any(one.outside for one in found))


def channel_end(scene: Scene, wait: Blocked, channel: Channel) -> Holder:
    """Return who could act on the other end of a channel."""
    if channel.kind == "file lock":
        return _locker(scene, wait, channel)
    if channel.kind.endswith("listener"):
        because = f"nobody has connected to {channel.name}"
        return Holder(Evidence.CONFIRMED, because, outside=True)
    pid = wait.thread.stack.pid
    others = [peer for peer in channel.peers if peer.pid != pid and not _helps(scene, peer)]
    if others:
        return _among(scene, wait, channel, others)
    if channel.peers:
        return _own_end(scene, wait, channel)
    if channel.remote:
        where = f"is {channel.remote}" if channel.name else channel.remote
        because = f"its other end {where}, which is not on this machine, or not in sight"
        return Holder(Evidence.CONFIRMED, _with(because, channel), outside=True)
    if channel.known:
        return Holder(Evidence.CONFIRMED, "nobody has its other end open")
    because = f"who could act on the {channel.kind} is not recorded anywhere"
    return Holder(Evidence.UNKNOWN, because, outside=True)


def _with(because: str, channel: Channel) -> str:
    return f"{because} ({channel.state})" if channel.state else because


def _helps(scene: Scene, peer: Peer) -> bool:
    capture = scene.processes.get(peer.pid)
    return bool(capture and capture.process.label in HELPERS)


def _among(scene: Scene, wait: Blocked, channel: Channel, others: Sequence[Peer]) -> Holder:
    """Return the thread of the one other process that has the other end."""
    if len(others) > 1:
        because = f"any of {len(others)} processes could: {_names(scene, others)}"
        outside = any(not peer.inside for peer in others)
        return Holder(Evidence.UNKNOWN, because, outside=outside)
    peer = others[0]
    if not peer.inside:
        because = f"its other end is with {peer.name} ({peer.pid}), outside the tree"
        return Holder(Evidence.CONFIRMED, _with(because, channel), outside=True)
    thread, how = serving(scene, peer)
    if thread is None:
        because = f"its other end is with {_names(scene, [peer])}{how}"
        return Holder(Evidence.UNKNOWN, _with(because, channel))
    if wait.kind == "queue-get":  # it need not be a process that has it open by now
        return Holder(Evidence.UNKNOWN, f"only {thread.label} could put something in it")
    alone = len(channel.peers) == 1 and not how
    because = _with(f"its other end is with {thread.label}{how}", channel)
    return Holder(Evidence.CONFIRMED if alone else Evidence.SOURCE, because, thread)


def _own_end(scene: Scene, wait: Blocked, channel: Channel) -> Holder:
    """Only the process itself has the other end: one of its threads, or nobody."""
    me = wait.thread
    fds = {fd for peer in channel.peers for fd in peer.fds} - set(me.wait.fds if me.wait else ())
    rest = [t for t in scene.threads if t.process is me.process and t.id != me.id]
    # Whoever serves the listener may be the very thread that waits to be accepted.
    users = _users(scene, [*rest, *([me] if channel.state else [])], fds)
    if len(users) == 1:
        because = f"its other end is with {users[0].label} of the same process"
        return Holder(Evidence.SOURCE, _with(because, channel), users[0])
    busy = [t for t in rest if not ((one := blocked(scene, t)) and one.idle)]
    if len(busy) == 1 and channel.kind == "pipe" and not users:
        because = f"its other end is with the process itself, whose other thread is {busy[0].label}"
        return Holder(Evidence.SOURCE, because, busy[0])
    if rest:
        because = "only the process itself has its other end open"
        return Holder(Evidence.UNKNOWN, _with(because, channel))
    return Holder(Evidence.CONFIRMED, "its other end is with nobody but itself")


def _locker(scene: Scene, wait: Blocked, channel: Channel) -> Holder:
    if not channel.peers:
        return Holder(Evidence.UNKNOWN, "who holds it is not shown", outside=True)
    if len(channel.peers) > 1:
        because = f"it is with {_names(scene, channel.peers)}"
        return Holder(Evidence.UNKNOWN, _with(because, channel))
    peer = channel.peers[0]
    if channel.state:
        because = f"it was {channel.state}; {_names(scene, [peer])} has the file open"
        return Holder(Evidence.UNKNOWN, because)
    if peer.pid == wait.thread.stack.pid:
        because = "the kernel says that this very process holds it, through another descriptor"
        own = [t for t in scene.threads if t.process is wait.thread.process]
        return Holder(Evidence.CONFIRMED, because, own[0] if len(own) == 1 else None)
    if not peer.inside:
        because = f"{peer.name} ({peer.pid}) holds it, outside the tree"
        return Holder(Evidence.CONFIRMED, because, outside=True)
    thread, how = serving(scene, peer)
    because = f"the kernel says that {_names(scene, [peer])} holds it{how}"
    if thread is None:
        return Holder(Evidence.UNKNOWN, because)
    return Holder(Evidence.SOURCE if how else Evidence.CONFIRMED, because, thread)


def serving(scene: Scene, peer: Peer) -> tuple[Thread | None, str]:
    """Return the thread of a process that has to do with an end, and how that is known.

    The text is empty when it is certain. No thread is returned when any of several may be meant.
    """
    threads = [thread for thread in scene.threads if thread.stack.pid == peer.pid]
    if len(threads) == 1:
        return threads[0], ""
    fds = set(peer.fds)
    waiting = [t for t in threads if t.wait and fds & t.wait.fds.keys()]
    if len(waiting) == 1:
        return waiting[0], ", which waits on it, too"
    busy = [t for t in threads if not ((wait := blocked(scene, t)) and wait.idle)]
    using = _users(scene, busy, fds)
    if len(using) == 1:
        return using[0], ", whose frames refer to it"
    if len(busy) == 1:
        return busy[0], ", the only thread of that process which does not wait for work"
    return None, f", and which of its {len(threads)} threads will act is not recorded"


def _users(scene: Scene, threads: Iterable[Thread], fds: set[int]) -> list[Thread]:
    """Return the threads that have to do with one of ``fds``: those that run a method of it first.

    A program that only knows of a server, say, is not the thread that serves.
    """
    users = [thread for thread in threads if fds & _uses(scene, thread)]
    methods = [t for t in users if fds & _uses(scene, t, only="self")]
    return methods or users


def _uses(scene: Scene, thread: Thread, only: str = "") -> set[int]:
    """Return the descriptors of what the frames of a thread refer to, and of what it waits on."""
    waits = set(thread.wait.fds) if thread.wait else set()
    return waits | {fd for frame in thread.frames for fd in scene.descriptors(thread, frame, only)}


def _names(scene: Scene, peers: Iterable[Peer]) -> str:
    named = []
    for peer in peers:
        capture = scene.processes.get(peer.pid)
        named.append((capture.process.label if capture else peer.name) or str(peer.pid))
    more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
    return ", ".join(named[:_MOST_NAMED]) + more
