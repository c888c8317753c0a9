"""What stands between the scheduler and a test: ways out of a test that are no race, told apart.

A test may skip itself, reject its input, or end the interpreter. None of that is an interleaving
that breaks it, or not one that an exception in a thread would show.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NoReturn

from lab.errors import InconclusiveError, LabError
from lab.hunt.locks import Bench
from lab.hunt.tasks import Unwind


class TestExitedError(LabError):
    """The test called ``sys.exit``; the hunt takes that for a failure."""

    __test__ = False


class TestFailedError(LabError, AssertionError):
    """The test called a runner's own ``fail``, which is not an ordinary exception."""

    __test__ = False


class HuntsItselfError(InconclusiveError):
    """The test is a hunt of its own: it was run once, and hunting it would be a hunt of hunts."""

    def __init__(self) -> None:
        super().__init__("the test hunts by itself", next_step="run it as it is")


class Leave(BaseException):
    """Carries ``reason`` out of a hunt: by that exception the test says that it does not apply."""

    def __init__(self, reason: BaseException) -> None:
        super().__init__(reason)
        self.reason = reason


class Guard:
    """Calls a test once for each execution, and keeps the last exception that left it.

    ``begin`` is called first in every execution, with the number of the call, from one.
    """

    def __init__(
        self, body: Callable[[], object], begin: Callable[[int], None] | None = None
    ) -> None:
        self.__wrapped__ = body
        self.error: BaseException | None = None
        self.calls = 0
        self._begin = begin

    def __call__(self) -> None:
        """Run the test; its failures come out as ordinary exceptions, all else as it is."""
        self.calls += 1
        if self._begin is not None:
            self._begin(self.calls)
        engine = Bench.engine
        try:
            self.__wrapped__()
        except Unwind:
            raise
        except BaseException as error:  # noqa: BLE001 - sorted at once, and nothing is swallowed
            if Bench.engine is not engine:
                raise Leave(error) from None  # a hunt inside has told the whole story
            self._sort(error)
        if Bench.engine is not engine:
            raise Leave(HuntsItselfError())

    def _sort(self, error: BaseException) -> NoReturn:
        if isinstance(error, SystemExit):
            self.error = TestExitedError(f"the test called sys.exit({error.code!r})")
            raise self.error from error
        if _is_runners_failure(error):
            self.error = TestFailedError(str(error))
            raise self.error from error
        if _does_not_apply(error):
            raise Leave(error) from None
        if isinstance(error, Exception):
            self.error = error
        raise error


def _is_runners_failure(error: BaseException) -> bool:
    return isinstance(error, _classes("_pytest.outcomes", "Failed"))


def _does_not_apply(error: BaseException) -> bool:
    """Whether ``error`` skips the test, or rejects the input that was drawn for it."""
    return isinstance(
        error,
        (
            *_classes("_pytest.outcomes", "Skipped", "XFailed", "Exit"),
            *_classes("unittest.case", "SkipTest"),
            *_classes("hypothesis.errors", "UnsatisfiedAssumption", "StopTest"),
        ),
    )


def _classes(module: str, *names: str) -> tuple[type[BaseException], ...]:
    """Return the named classes of a module that is loaded: others cannot have been raised."""
    loaded: Any = sys.modules.get(module)
    found = (getattr(loaded, name, None) for name in names)
    return tuple(each for each in found if isinstance(each, type))
