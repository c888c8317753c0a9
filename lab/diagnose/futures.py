"""What a future tells of the task that is to complete it: whether an executor has taken it up."""

from __future__ import annotations

from lab.diagnose.blocked import Blocked
from lab.diagnose.holders import Holder
from lab.model import Evidence

RESULTS = ("future", "pool-result")
"""Waits for what a task returns: the task's own wait, if there is one, says more."""

_STATES = {
    "PENDING": "no executor has taken up its task",
    "RUNNING": "its executor has taken up its task",
}


def state_of(wait: Blocked) -> str:
    """Return the state of the ``concurrent.futures.Future`` that is waited for, if it is one."""
    objects = wait.thread.process.objects
    state = objects.get(wait.target.attributes.get("_state", 0)) if wait.target else None
    return state.text if state and wait.kind == "future" else ""


def provider_of(wait: Blocked) -> Holder:
    """Say how far the task is: which thread runs it, or will, the future does not note."""
    because = _STATES.get(state_of(wait), "whoever is to provide it is not recorded anywhere")
    return Holder(Evidence.UNKNOWN, because)
