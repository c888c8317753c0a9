"""Locks known by how they were printed, for interpreters whose memory has no known layout.

A dump prints a local variable as ``<_thread.lock at 0x7f...>``: that is a type and an address, and
within one process an address is an identity. Free-threaded builds and Python before 3.12 get that
much; globals and attributes they do not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from lab.model import LockState, ProcessCapture, RemoteObject

_LOCK = re.compile(r"<(_thread\.R?Lock|_thread\.lock) at 0x([0-9a-f]+)>$")


def with_printed_locks(capture: ProcessCapture) -> ProcessCapture:
    """Return ``capture`` with the locks among its locals as objects, if it has no objects."""
    if capture.objects:
        return capture
    return msgspec.structs.replace(capture, objects=dict(_locks(capture)))


def _locks(capture: ProcessCapture) -> Iterator[tuple[int, RemoteObject]]:
    for stack in capture.threads:
        for frame in stack.frames:
            for local in frame.locals:
                if local.address and (match := _LOCK.match(local.text)):
                    key = f"object:{capture.process.pid}:{local.address:x}"
                    lock = LockState(kind="lock", key=key)
                    yield (
                        local.address,
                        RemoteObject(address=local.address, type=match[1], lock=lock),
                    )
