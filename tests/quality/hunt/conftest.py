"""The quality tests of the hunt, too, must leave the process as they found it."""

from tests.unit.hunt.conftest import leaves_nothing_behind

__all__ = ["leaves_nothing_behind"]
