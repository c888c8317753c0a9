"""Dates in virtual time: ``datetime.now`` and its kin move with a controlled ``time.sleep``.

The classes are C and cannot be changed, so their names are made to mean subclasses for the time of
a hunt. What those make are plain dates of the real classes, and they take every date for their own:
code that compares, stores or sends dates meets nothing new.
"""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, tzinfo
from typing import Any, Final

from lab.hunt import clock

_localtime, _gmtime, _ctime, _strftime = time.localtime, time.gmtime, time.ctime, time.strftime
_gettime, _gettime_ns = time.clock_gettime, time.clock_gettime_ns
# Those that measure waiting; the others measure work, which is not virtual.
_WALL: Final = {time.CLOCK_REALTIME}
_STEADY: Final = {
    getattr(time, name)
    for name in ("CLOCK_MONOTONIC", "CLOCK_MONOTONIC_RAW", "CLOCK_BOOTTIME")
    if hasattr(time, name)
}


class _Kind(type):
    """Takes the dates of the real class, and its subclasses, for its own."""

    def __instancecheck__(cls, each: object) -> bool:
        return issubclass(type(each), cls)

    def __subclasscheck__(cls, kind: type) -> bool:
        real = cls.__mro__[1] if cls in (Date, DateTime) else None
        return issubclass(kind, real) if real is not None else super().__subclasscheck__(kind)


class Date(date, metaclass=_Kind):
    """Stands in for ``datetime.date``."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Make a date of the real class."""
        return date.__new__(date if cls is Date else cls, *args, **kwargs)

    @classmethod
    def today(cls) -> Any:
        """Return the virtual day."""
        return cls.fromtimestamp(clock.wall())


class DateTime(datetime, metaclass=_Kind):
    """Stands in for ``datetime.datetime``."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Make a time of the real class."""
        return datetime.__new__(datetime if cls is DateTime else cls, *args, **kwargs)

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Any:
        """Return the virtual time."""
        return cls.fromtimestamp(clock.wall(), tz)

    @classmethod
    def today(cls) -> Any:
        """Return the virtual time, without a zone."""
        return cls.fromtimestamp(clock.wall())

    @classmethod
    def utcnow(cls) -> Any:
        """Return the virtual time in UTC, without its zone."""
        return cls.fromtimestamp(clock.wall(), UTC).replace(tzinfo=None)


def localtime(seconds: float | None = None, /) -> time.struct_time:
    """Stand in for ``time.localtime``."""
    return _localtime(clock.wall() if seconds is None else seconds)


def gmtime(seconds: float | None = None, /) -> time.struct_time:
    """Stand in for ``time.gmtime``."""
    return _gmtime(clock.wall() if seconds is None else seconds)


def ctime(seconds: float | None = None, /) -> str:
    """Stand in for ``time.ctime``."""
    return _ctime(clock.wall() if seconds is None else seconds)


def strftime(pattern: str, moment: Any = None, /) -> str:
    """Stand in for ``time.strftime``."""
    return _strftime(pattern, localtime() if moment is None else moment)


def clock_gettime(which: int, /) -> float:
    """Stand in for ``time.clock_gettime``."""
    if which in _WALL:
        return clock.wall()
    return clock.monotonic() if which in _STEADY else _gettime(which)


def clock_gettime_ns(which: int, /) -> int:
    """Stand in for ``time.clock_gettime_ns``."""
    if which in _WALL:
        return clock.wall_ns()
    return clock.monotonic_ns() if which in _STEADY else _gettime_ns(which)


STAND_INS: Final[list[tuple[Any, Any]]] = [
    (date, Date),
    (datetime, DateTime),
    (_localtime, localtime),
    (_gmtime, gmtime),
    (_ctime, ctime),
    (_strftime, strftime),
    (_gettime, clock_gettime),
    (_gettime_ns, clock_gettime_ns),
]
