"""Virtual time: a sleep costs nothing, and time passes when nobody can run, or is looked at.

A time-out therefore ends a wait only when no other thread could have ended it: the schedule in
which the other threads are always fast enough. A loop that does nothing but look at the clock sees
it move faster and faster, so that polling for a deadline ends too.
"""

from __future__ import annotations

from typing import Final

from lab.hunt import _real
from lab.hunt.engine import EPOCH, Engine
from lab.hunt.locks import Bench

TICK: Final = 1e-6  # seconds that one look at the clock takes, at first
_RARELY: Final = 64  # looks without a sleep or a time-out after which the tick doubles
_NANOSECONDS: Final = 1_000_000_000

_wall_offset = _real.wall() - EPOCH


def _look(engine: Engine) -> float:
    engine.looks += 1
    engine.now += TICK * (1 << min(engine.looks // _RARELY, 30))
    return engine.now


def _controlled() -> Engine | None:
    engine = Bench.engine
    return engine if engine.by_ident.get(_real.get_ident()) is not None else None


def sleep(seconds: float, /) -> None:
    """Stand in for ``time.sleep``: wait in virtual time; zero lets another thread run."""
    engine = _controlled()
    if engine is None:
        _real.sleep(seconds)
        return
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    me = engine.current
    assert me is not None
    if seconds == 0:
        engine.give_way(me)
    else:
        engine.block(me, f"sleep({seconds:g})", engine.now + seconds)


def monotonic() -> float:
    """Stand in for ``time.monotonic``, in virtual seconds."""
    engine = _controlled()
    return _real.monotonic() if engine is None else _look(engine)


def monotonic_ns() -> int:
    """Stand in for ``time.monotonic_ns``."""
    engine = _controlled()
    return _real.monotonic_ns() if engine is None else int(_look(engine) * _NANOSECONDS)


def perf_counter() -> float:
    """Stand in for ``time.perf_counter``, in virtual seconds."""
    engine = _controlled()
    return _real.perf_counter() if engine is None else _look(engine)


def perf_counter_ns() -> int:
    """Stand in for ``time.perf_counter_ns``."""
    engine = _controlled()
    return _real.perf_counter_ns() if engine is None else int(_look(engine) * _NANOSECONDS)


def wall() -> float:
    """Stand in for ``time.time``: the date on which the lab was loaded, plus virtual time."""
    engine = _controlled()
    return _real.wall() if engine is None else _wall_offset + _look(engine)


def wall_ns() -> int:
    """Stand in for ``time.time_ns``."""
    engine = _controlled()
    return _real.wall_ns() if engine is None else int((_wall_offset + _look(engine)) * _NANOSECONDS)
