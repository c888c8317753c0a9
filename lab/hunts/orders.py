"""What the lab and its contained child tell each other: an order, a reply, and names of files."""

from __future__ import annotations

import enum
from typing import Any, Final

import msgspec

from lab.hunt import HuntResult, Schedule
from lab.hunt.outcome import Failure
from lab.hunt.pins import Pin
from lab.hunt.schedule import parse
from lab.hunt.turns import YIELD, Turn

ANSWER: Final = "answer.json"
BOX: Final = "blackbox"
STACK: Final = "stack.txt"
STEPS: Final = "steps.jsonl"
SWITCHES: Final = "switches.jsonl"
TRIES: Final = "tries.jsonl"


class Mode(enum.StrEnum):
    """What the child is to do.

    ``retrace`` is a hunt again, up to the execution that ended the interpreter, which is repeated
    and logged; ``follow`` runs one schedule that is expected to do the same. ``pin`` says where a
    schedule hands over, and ``free`` runs the test on free threads, with delays there.
    """

    HUNT = "hunt"
    REPLAY = "replay"
    RETRACE = "retrace"
    FOLLOW = "follow"
    PIN = "pin"
    FREE = "free"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One task for the child; ``folder`` is where its files are.

    Where several hunt together, ``allotment`` is the folder in which they share out the executions
    and ``who`` the child's number among them; it begins ``late_s`` seconds after the hunt did.
    """

    mode: Mode
    reference: str
    folder: str
    wishes: dict[str, Any]
    keep: bool = False
    allotment: str = ""
    who: int = 0
    late_s: float = 0.0
    token: str = ""
    times: int = 1
    at: int = 0
    turns: tuple[tuple[int, int, int, str, bool], ...] = ()
    pins: tuple[Pin, ...] = ()

    def trail(self) -> list[Turn]:
        """Return the turns that are to be retraced."""
        return [
            Turn(source, step, target, why, YIELD if chosen else None)
            for source, step, target, why, chosen in self.turns
        ]

    def plan(self) -> Schedule:
        """Return the schedule that is to be followed."""
        return parse(self.token)


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """The child's last word: a result, or (``seen``) why there is none, with an exit code."""

    result: HuntResult | None = None
    inner: bool = False
    """Whether the hunt is one that the test makes itself: its schedule is not the test's."""
    inconclusive: str = ""
    idle: bool = False
    jobs: int = 1
    """How many processes hunted."""
    schedules: bytes = b""
    """Those that one of several processes saw, see :class:`~lab.hunt.distinct.Distinct`."""
    times: int = 0
    failed: int = 0
    difference: str = ""
    failure: Failure | None = None
    """Of a schedule that is to be confirmed: how it fails under the scheduler."""
    pins: tuple[Pin, ...] = ()
    """Where it hands over; none when this interpreter cannot switch there."""
    model: str = ""
    executions: int = 0
    """Spent on finding a schedule that this interpreter can perform, in vain."""
    seen: str = ""
    wanted: str = ""
    next_step: str = ""
    code: int = 0
