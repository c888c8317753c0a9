"""Ctrl-C ends the measurement of the claims: it is no fault that could not be tried."""

from __future__ import annotations

import pytest

from lab import interpreters, registry, runner
from lab.claims.measure import library
from lab.errors import InterruptedRunError


def test_an_interrupt_is_not_noted_as_a_fault_that_is_missing(tmp_path, monkeypatch):
    def interrupted(*_args: object) -> None:
        raise InterruptedRunError("interrupted")

    monkeypatch.setattr(runner, "run", interrupted)
    scenarios = [registry.find("self-deadlock")]
    with pytest.raises(InterruptedRunError):
        library.try_faults(scenarios, tmp_path, 60, lambda _text: None, interpreters.own())
