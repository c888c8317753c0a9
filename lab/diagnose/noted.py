"""What a thing that is waited for says of itself: how many parties have come, what is not done."""

from __future__ import annotations

from lab.diagnose.blocked import Blocked
from lab.model import RemoteObject


def number(objects: dict[int, RemoteObject], thing: RemoteObject | None, name: str) -> int:
    """Return an attribute that is an integer; 0 when it was not read."""
    value = objects.get(thing.attributes.get(name, 0)) if thing else None
    return int(value.text) if value and value.type == "int" and value.text else 0


def noted(wait: Blocked) -> str:
    """Return what a barrier or a queue knows of what is missing; mostly nothing."""
    objects, target = wait.thread.process.objects, wait.target
    if target is None:
        return ""
    parties = number(objects, target, "_parties")
    if wait.kind == "barrier" and parties and "_count" in target.attributes:
        return f"{number(objects, target, '_count')} of its {parties} parties have come"
    undone = max(number(objects, target, n) for n in ("unfinished_tasks", "_unfinished_tasks"))
    if wait.kind == "queue-join" and undone:
        return f"task_done() was not called for {undone} of its items"
    return ""
