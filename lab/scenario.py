"""What a scenario is: a named program that goes wrong on purpose, and the truth about it.

A scenario is a frozen value that points at plain functions; there is no base class. This module
is loaded inside the program under test, so it uses the standard library only.
"""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lab.errors import UsageError, suggest
from lab.faults import Fault, parse_all

type ParameterValue = bool | int | float | str

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class Workers(enum.StrEnum):
    """How the workers of a program run."""

    THREADS = "threads"
    PROCESSES = "processes"


class StartMethod(enum.StrEnum):
    """How ``multiprocessing`` starts a worker process."""

    FORK = "fork"
    FORKSERVER = "forkserver"
    SPAWN = "spawn"


@dataclass(frozen=True, slots=True)
class Variant:
    """Threads, or processes with a start method."""

    workers: Workers
    start_method: StartMethod | None = None

    def __post_init__(self) -> None:
        """Reject a variant that could not be run."""
        if (self.workers is Workers.PROCESSES) != (self.start_method is not None):
            raise UsageError(
                f"variant {self.workers} with start method {self.start_method}",
                wanted="a start method for processes, and none for threads",
            )

    @property
    def label(self) -> str:
        """``threads``, or ``processes (fork)``."""
        return f"{self.workers} ({self.start_method})" if self.start_method else str(self.workers)

    @property
    def slug(self) -> str:
        """The label in a form that is fit for a file name and an HTML id."""
        return f"{self.workers}-{self.start_method}" if self.start_method else str(self.workers)


class OutcomeKind(enum.StrEnum):
    """The raw fact of how an execution ended. The three hangs are never mixed."""

    EXITED = "exited"
    CRASHED = "crashed"
    DEADLOCKED = "deadlocked"
    """Proved: nothing in the process tree can ever run again."""
    QUIET = "quiet"
    """Nothing ran for the whole quiet limit, but something outside could still wake it."""
    TIMED_OUT = "timed-out"
    """It was still running when its time was up."""
    NEVER_READY = "never-ready"
    """The target died, or ran out of its start-up time, before the scenario began."""


class Cause(enum.StrEnum):
    """The root causes that a diagnosis can name."""

    NONE = "none"
    LOCK_CYCLE = "lock-cycle"
    """Each of two or more waits for a lock that the next one holds."""
    WAIT_CYCLE = "wait-cycle"
    """A cycle in which at least one wait is not for a lock (a join, a queue, a result)."""
    SELF_DEADLOCK = "self-deadlock"
    """One waits for a lock that it holds itself."""
    ABANDONED_LOCK = "abandoned-lock"
    """The lock is taken and nobody alive holds it."""
    UNSATISFIED_WAIT = "unsatisfied-wait"
    """A wait for an event, a condition, an item or a message that nobody left can provide."""
    OUTSIDE_WAIT = "outside-wait"
    """A wait that only somebody outside the process tree can end: a server, a user."""
    STOPPED = "stopped"
    """Whoever could go on was stopped by a signal, and waits for a SIGCONT."""
    UNKNOWN = "unknown"


class NoHolder(enum.StrEnum):
    """Why a lock that is taken has no live holder."""

    LEAKED = "leaked"
    DEAD_PROCESS = "dead-process"
    INHERITED_BY_FORK = "inherited-by-fork"


@dataclass(frozen=True, slots=True)
class Wait:
    """One edge of the wait-for graph that a scenario plants.

    ``waiter`` and ``holder`` are worker names; ``at`` and ``held_at`` are marker names in the
    scenario's source: the line that waits, and the line at which the holder took the thing. A wait
    without ``at`` is inside the standard library, which no line of the program has called.
    """

    waiter: str
    at: str | None
    holder: str | None = None
    """``None``: there is nobody who would end this wait. To name somebody is then wrong."""
    held_at: str | None = None
    no_holder: NoHolder | None = None
    """Why nobody holds it, for a lock that is taken."""
    hidden: str = ""
    """Why it cannot be known from outside who holds it, or why nobody does: unknown is right."""


@dataclass(frozen=True, slots=True)
class Observed:
    """A figure that the program reports with ``kit.observe``, and the range it must lie in.

    Both ends belong to the range; one that is left out sets no limit.
    """

    name: str
    minimum: float | None = None
    maximum: float | None = None

    @property
    def range(self) -> str:
        """The range in words, such as ``2``, ``at least 1`` or ``from 1 to 3``."""
        match self.minimum, self.maximum:
            case None, None:
                return "any figure"
            case low, None:
                return f"at least {low:g}"
            case None, high:
                return f"at most {high:g}"
            case low, high:
                return f"{low:g}" if low == high else f"from {low:g} to {high:g}"

    def holds(self, value: float) -> bool:
        """Say whether ``value`` lies in the range."""
        low = self.minimum is None or value >= self.minimum
        return low and (self.maximum is None or value <= self.maximum)


@dataclass(frozen=True, slots=True)
class Truth:
    """What a correct run and a correct diagnosis of the program must find.

    ``apparent`` is what can be seen of the cause from outside, where a part of it is recorded
    nowhere; a diagnosis that says the cause, or what is apparent of it, is right. ``exit_code`` is
    that of a program that ends, minus the number of the signal for one that crashes, where 0
    stands for any signal. ``observed`` are the figures that the program itself reports.
    """

    outcome: OutcomeKind
    cause: Cause = Cause.NONE
    waits: tuple[Wait, ...] = ()
    apparent: Cause | None = None
    exit_code: int = 0
    observed: tuple[Observed, ...] = ()


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number, text or switch that a user may set; its type is that of its default."""

    name: str
    default: ParameterValue
    help: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()

    def parse(self, text: str) -> ParameterValue:
        """Return ``text`` as a value of this parameter.

        Raises :class:`UsageError` when it has another type or lies outside the limits.
        """
        try:
            value = _read_value(text, type(self.default))
        except ValueError:
            raise self._refuse(text) from None
        return self.check(value)

    def check(self, value: ParameterValue) -> ParameterValue:
        """Return ``value``, or raise :class:`UsageError` when it is outside the limits."""
        if self.choices and value not in self.choices:
            raise self._refuse(str(value))
        if isinstance(value, int | float) and not isinstance(value, bool):
            low = self.minimum is not None and value < self.minimum
            high = self.maximum is not None and value > self.maximum
            if low or high or not math.isfinite(value):
                raise self._refuse(str(value))
        return value

    @property
    def domain(self) -> str:
        """The type and limits in words, such as ``int from 2 to 64``."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        words = type(self.default).__name__
        if self.minimum is not None:
            words += f" from {self.minimum:g}"
        if self.maximum is not None:
            words += f" to {self.maximum:g}"
        return words

    def _refuse(self, text: str) -> UsageError:
        return UsageError(f"parameter {self.name}={text}", wanted=self.domain)


def _read_value(text: str, kind: type) -> ParameterValue:
    if kind is bool:
        try:
            return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[
                text.lower()
            ]
        except KeyError:
            raise ValueError(text) from None
    value: ParameterValue = kind(text)
    return value


type Program = Callable[..., None]
"""``program(kit, **parameters)``: runs in the main thread of the target."""

type TestBody = Callable[[], None]
"""A plain test without arguments that starts threads: what can be hunted."""

type TruthOf = Callable[..., Truth]
"""``truth(**parameters)``: what must be found when the program ran with these.

One that has a parameter ``variant`` is given the :class:`Variant` as well.
"""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A named program under test, in a faulty and a corrected version, with its ground truth.

    ``plants`` says in a sentence what goes wrong, ``why`` explains it as a lesson would, and
    ``cure`` what the corrected version does instead. ``truth`` is about the faulty version,
    ``healthy`` about the corrected one, which without it must just end with status 0. ``variants``
    says for which kinds of worker the fault exists at all, ``start_methods`` for which ways to
    start a process; ``claims`` lists the ids of the claims that it bears on. ``faults`` are
    planted into both versions, unless the user names others; :mod:`lab.faults` has their grammar.

    ``hunted`` is the same fault as a test of threads, a function of the scenario's module that a
    hunt can break; ``hunted_corrected`` is the test that it cannot. Where the fault lies between
    processes, they are threads over the same memory.
    """

    name: str
    title: str
    plants: str
    why: str
    cure: str
    faulty: Program
    corrected: Program
    truth: TruthOf
    healthy: TruthOf | None = None
    parameters: tuple[Parameter, ...] = ()
    variants: tuple[Workers, ...] = (Workers.THREADS, Workers.PROCESSES)
    start_methods: tuple[StartMethod, ...] = tuple(StartMethod)
    tags: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    timeout_s: float = 30.0
    faults: tuple[str | Fault, ...] = ()
    hunted: TestBody | None = None
    hunted_corrected: TestBody | None = None

    def __post_init__(self) -> None:
        """Reject a scenario that could not be addressed from a command line."""
        if not _NAME.fullmatch(self.name):
            raise UsageError(
                f"scenario name {self.name!r}", wanted="lower-case words joined by hyphens"
            )
        names = [parameter.name for parameter in self.parameters]
        if len(names) != len(set(names)):
            raise UsageError(f"scenario {self.name}: a parameter is declared twice: {names}")
        if not self.variants:
            raise UsageError(f"scenario {self.name}: no variant", wanted="threads or processes")
        if not self.start_methods:
            raise UsageError(
                f"scenario {self.name}: no start method", wanted=", ".join(StartMethod)
            )
        if not 0 < self.timeout_s < math.inf:
            raise UsageError(
                f"scenario {self.name}: timeout_s={self.timeout_s:g}",
                wanted="more than 0 seconds, and a number that ends",
            )
        parse_all(self.faults)
        if (self.hunted is None) != (self.hunted_corrected is None):
            raise UsageError(
                f"scenario {self.name}: one of hunted and hunted_corrected", wanted="both or none"
            )

    @property
    def all_variants(self) -> tuple[Variant, ...]:
        """Every variant in which the fault exists: threads, then each start method."""
        threads = (Variant(Workers.THREADS),) if Workers.THREADS in self.variants else ()
        if Workers.PROCESSES not in self.variants:
            return threads
        return *threads, *(Variant(Workers.PROCESSES, method) for method in self.start_methods)

    def arguments(self, settings: Mapping[str, str]) -> dict[str, ParameterValue]:
        """Return every parameter's value: its default, or what ``settings`` says, checked.

        ``settings`` maps names to text from the command line. Raises :class:`UsageError` for an
        unknown name or a bad value.
        """
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in settings:
            if name not in known:
                raise UsageError(
                    f"scenario {self.name} has no parameter {name!r}",
                    wanted=suggest(name, known),
                    next_step=f"lab show {self.name}",
                )
        return {
            name: parameter.parse(settings[name]) if name in settings else parameter.default
            for name, parameter in known.items()
        }
