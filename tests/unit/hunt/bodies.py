"""What the tests of the primitives share: each body asserts what a primitive promises.

A stand-in that differs from the real one fails as a found bug.
"""

from __future__ import annotations

import threading

from lab.hunt import HuntResult, Settings, hunt

MODELS = ("free-threaded", "gil")


def silent(body, executions=150, **more):
    """Hunt ``body`` under both models; it must hold in every execution."""
    for model in MODELS:
        result = hunt(body, Settings(model=model, executions=executions, **more))
        assert result.kind is None, (model, result.message, result.failure)
        assert not result.explored.stuck
        assert result.explored.cut_off == 0
        assert result.executions == executions


def found(body, kind=None, *, model="free-threaded", executions=400, **more) -> HuntResult:
    """Hunt ``body``; a bug (of that kind) must be found."""
    result = hunt(body, Settings(model=model, executions=executions, **more))
    assert result.found, result.closing_line()
    assert kind in (None, result.kind), result.message
    return result


def run_all(*targets):
    threads = [threading.Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class Tally:
    def __init__(self):
        self.value = 0

    def add(self):
        value = self.value
        self.value = value + 1
