"""A schedule as a value: who gave way to whom, and where, in words that outlive the process.

A hand-over is anchored to what the thread was about to do (function, line within it, operation) and
to how many times it had come to do that, never to a raw count of instructions, so that an edit
elsewhere does not change its meaning. A token is the same thing packed to be pasted.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from pathlib import Path
from typing import Final

import msgspec

from lab.errors import UsageError

VERSION: Final = 1
_PREFIX: Final = "lab1."

PREEMPTED, BLOCKED, ENDED, YIELDED, SPUN, COLLECTED, EXPIRED = (
    "preempted", "blocked", "ended", "yielded", "spinning", "collected",
    "expired",
)  # fmt: skip


class Switch(msgspec.Struct, frozen=True, array_like=True):
    """Thread ``source``, about to do ``at`` for the ``times``-th time, gave way to ``target``.

    ``at`` is empty and ``why`` says ``blocked`` or ``ended`` when it could not have gone on. With
    ``collected`` it did not give way: it ran the garbage collector there; with ``expired`` the next
    time-out fired there, though threads could run.
    """

    source: int
    at: str
    times: int
    target: int
    why: str

    @property
    def forced(self) -> bool:
        """Whether ``source`` could not go on."""
        return self.why in (BLOCKED, ENDED)


class Schedule(msgspec.Struct, frozen=True):
    """The hand-overs of one execution, under which model, of which test.

    ``target`` is the test's name for people and for the check that a token fits.
    """

    switches: tuple[Switch, ...]
    model: str
    target: str = ""
    version: int = VERSION

    @property
    def preemptions(self) -> int:
        """How many times a thread that could have gone on was stopped."""
        return sum(switch.why in (PREEMPTED, SPUN) for switch in self.switches)

    @property
    def collections(self) -> int:
        """How many times the garbage collector ran."""
        return sum(switch.why == COLLECTED for switch in self.switches)

    def token(self) -> str:
        """Return the schedule as one word to paste."""
        packed = zlib.compress(msgspec.msgpack.encode(self), 9)
        return _PREFIX + base64.urlsafe_b64encode(packed).decode().rstrip("=")

    def save(self, path: Path) -> None:
        """Write the schedule to ``path`` as JSON, for people and for version control."""
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")


def parse(token: str) -> Schedule:
    """Return the schedule of a token; :class:`UsageError` when it is damaged or of another kind."""
    word = token.strip()
    if not word.startswith(_PREFIX):
        raise UsageError(
            f"{_short(word)} is no schedule",
            wanted=f"a token that starts with {_PREFIX!r}, or the path of a schedule file",
            next_step="copy the token whole, from the failure's last lines",
        )
    body = word.removeprefix(_PREFIX)
    try:
        packed = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
        found = msgspec.msgpack.decode(zlib.decompress(packed), type=Schedule)
    except (binascii.Error, zlib.error, msgspec.DecodeError, ValueError) as error:
        raise UsageError(
            f"the token {_short(word)} is damaged ({error})",
            next_step="copy it whole, or replay the schedule file instead",
        ) from error
    return _checked(found)


def load(path: Path) -> Schedule:
    """Return the schedule in a file written by :meth:`Schedule.save`."""
    try:
        return _checked(msgspec.json.decode(path.read_bytes(), type=Schedule))
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(
            f"{path} cannot be read as a schedule ({error})", wanted="a file that the hunt wrote"
        ) from error


def read(token_or_path: str) -> Schedule:
    """Return the schedule that a person gave: a token, or the path of a file."""
    if token_or_path.strip().startswith(_PREFIX):
        return parse(token_or_path)
    path = Path(token_or_path)
    return load(path) if path.exists() else parse(token_or_path)


def _checked(schedule: Schedule) -> Schedule:
    if schedule.version != VERSION:
        raise UsageError(
            f"the schedule is of version {schedule.version}",
            wanted=f"version {VERSION}",
            next_step="hunt again with this version of the lab",
        )
    return schedule


def _short(word: str) -> str:
    return repr(word if len(word) <= 24 else word[:20] + "...")
