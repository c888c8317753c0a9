"""What a future tells of the task that is to complete it: whether an executor has taken it up."""

from __future__ import annotations

from lab.diagnose.blocked import Blocked
from lab.diagnose.holders import Holder
from lab.diagnose.scene import Scene, Thread
from lab.model import Evidence, ProcessCapture

RESULTS = ("future", "pool-result")
"""Waits for what a task returns: the task's own wait, if there is one, says more."""

_STATES = {
    "PENDING": "it is pending: nobody has taken up its task",
    "RUNNING": "its executor has taken up its task",
}


def state_of(wait: Blocked) -> str:
    """Return the state of the ``concurrent.futures.Future`` that is waited for, if it is one."""
    objects = wait.thread.process.objects
    state = objects.get(wait.target.attributes.get("_state", 0)) if wait.target else None
    return state.text if state and wait.kind == "future" else ""


def provider_of(scene: Scene, wait: Blocked) -> Holder:
    """Return who completes a future: the executor's thread that runs its task, or a coroutine.

    The future itself does not note it. The thread has the work item in its frames.
    """
    if wait.address:
        thread = worker_on(scene, wait.thread.process, {wait.address})
        if thread:
            because = f"{thread.label} runs its task"
            return Holder(Evidence.SAME_OBJECT, because, thread)
        for task in scene.tasks:
            if task.process is wait.thread.process and wait.address in completed_by(task):
                because = f"it is done when {task.label} ends"
                return Holder(Evidence.CONFIRMED, because, task)
    because = _STATES.get(state_of(wait), "whoever is to provide it is not recorded anywhere")
    return Holder(Evidence.UNKNOWN, because)


def worker_on(scene: Scene, process: ProcessCapture, futures: set[int]) -> Thread | None:
    """Return the thread of an executor that runs the task of one of ``futures``, by address."""
    for thread in scene.threads:
        if thread.process is not process:
            continue
        for index, frame in enumerate(thread.frames):
            if frame.function == "_WorkItem.run":
                item = scene.local_object(thread, index, "self")
                if item and item.attributes.get("future") in futures:
                    return thread
    return None


def completed_by(task: Thread) -> set[int]:
    """Return the futures that are done when a task ends: those that asyncio has chained to it."""
    callback = task.process.objects.get((task.task and task.task.callback) or 0)
    return set(callback.attributes.values()) if callback else set()


def chained_to(process: ProcessCapture, address: int) -> set[int]:
    """Return the futures of executors whose end completes the asyncio future at ``address``."""
    objects = process.objects
    found = set()
    for thing in objects.values():
        calls = objects.get(thing.attributes.get("_done_callbacks", 0))
        for each in calls.attributes.values() if calls else ():
            callback = objects.get(each)
            if callback and address in callback.attributes.values():
                found.add(thing.address)
    return found
