"""What calls do to locks, summed up from source; and a diagnosis that fails says so."""

from __future__ import annotations

from lab import diagnose
from lab.diagnose.effects import OPAQUE, summed_up
from lab.model import Snapshot
from lab.scenario import Cause

SOURCE = """
class One:
    def close(self):
        self.first.release()

class Other:
    def close(self):
        self.second.release()

def shut(thing):
    thing.close()

def shut_all(thing):
    shut(thing)

class User:
    def __init__(self, lock):
        self.lock = lock

    def leave(self):
        self.lock.release()

    def go(self):
        self.leave()
"""


def test_a_call_that_may_release_either_lock_releases_one_that_is_not_known():
    effects = summed_up({"app.py": SOURCE})
    assert [one.frees for one in effects["shut"]] == [(OPAQUE,)]
    assert [one.frees for one in effects["shut_all"]] == [(OPAQUE,)]


def test_a_call_on_oneself_releases_what_the_own_method_does():
    effects = summed_up({"app.py": SOURCE})
    assert [one.frees for one in effects["User.go"]] == [("self.lock",)]


HANDED_ON = """
def leave(first, second=None, *rest, last=None):
    second.release()

def by_place(a, b):
    leave(a, b)

def by_name(a, b):
    leave(a, second=b)

def by_default(a):
    leave(a)

def unpacked(a, b):
    leave(a, *b)

def leave_rest(first, *rest, last):
    rest[0].release()

def beyond(a, b):
    leave_rest(a, b, last=a)

def run(target):
    target(*target.args)
"""


def test_locks_are_followed_into_the_callers_words_or_are_not_known():
    effects = summed_up({"app.py": HANDED_ON})
    found = {name: [one.frees for one in effects.get(name, ())] for name in HANDED_ON_NAMES}
    assert found == {
        "by_place": [("b",)],
        "by_name": [("b",)],
        "by_default": [(OPAQUE,)],
        "unpacked": [(OPAQUE,)],
        "beyond": [(OPAQUE,)],
    }


HANDED_ON_NAMES = ("by_place", "by_name", "by_default", "unpacked", "beyond")


def test_a_diagnosis_that_fails_is_unknown_and_says_what_failed(monkeypatch):
    def fail(snapshot: Snapshot) -> None:
        raise SyntaxError("what is this?")

    monkeypatch.setattr(diagnose, "_diagnosed", fail)
    found = diagnose.diagnose(Snapshot(taken_s=0.0, processes=()))
    assert found.cause is Cause.UNKNOWN
    assert found.unknowns == ("everything: SyntaxError in fail: what is this?",)
