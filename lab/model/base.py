"""The base of every record, and the version that is written into the files."""

from __future__ import annotations

import msgspec

SCHEMA_VERSION = 1


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """The base of every record: immutable, keyword-only."""
