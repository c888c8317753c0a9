"""``@lab.interleave``: a test that is hunted whenever it is called, under any runner.

The module has another name than the decorator, which it would otherwise replace in the package
once it is imported.
"""

from __future__ import annotations

import functools
import inspect
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, overload

from lab.errors import ExitCode, InconclusiveError, LabError, UsageError
from lab.hunt import HuntResult
from lab.hunt.project import file_of
from lab.hunts.answers import Answer
from lab.hunts.conduct import REPLAY, Call, conduct, name_of
from lab.hunts.guard import HuntsItselfError
from lab.hunts.wishes import MARK, Wishes, asynchronous, refusal, wishes_from, wishes_of
from lab.report.interleaving import users_traceback
from lab.report.interleaving_text import failure_text

type Test = Callable[..., Any]


class InterleavingFailure(LabError, AssertionError):  # noqa: N818 - a failed test, not an error in it
    """An interleaving breaks the test. The message is the whole story; ``result`` has the data."""

    exit_code = ExitCode.DEVIATED

    def __init__(self, result: HuntResult, text: str) -> None:
        self.result = result
        self.text = text
        super().__init__(result.message or str(result.kind))

    def __str__(self) -> str:
        return self.text


class HuntInconclusiveError(InconclusiveError):
    """The hunt was asked for and could not give an answer: the test has not passed."""

    def __init__(self, result: HuntResult, reason: str) -> None:
        self.result = result
        super().__init__(
            f"the hunt of {result.target} is inconclusive: {reason} ({result.closing_line()})"
        )


class ThreadFailedError(LabError):
    """Stands for the exception that ended a thread: its traceback in words."""

    def __init__(self, detail: str) -> None:
        self.detail = detail
        super().__init__("a thread of the test failed")

    def __str__(self) -> str:
        return f"\n{self.detail.rstrip()}"


@overload
def interleave[F: Test](function: F, /) -> F: ...


@overload
def interleave[F: Test](
    *,
    executions: int | None = None,
    seconds: float | None = None,
    model: str | None = None,
    strategy: str | None = None,
    seed: int | None = None,
    trace: str | tuple[str, ...] = (),
    race_timeouts: bool = False,
) -> Callable[[F], F]: ...


def interleave(function: Test | None = None, /, **wishes: Any) -> Any:
    """Hunt the decorated test: run it under many schedules, and fail on one that breaks it.

    ``executions`` (2000, or 50 for each input when Hypothesis calls) and ``seconds`` bound the
    search. ``model`` is ``gil``, ``free-threaded`` or ``both``; ``strategy`` and ``seed`` choose
    the schedules; ``trace`` names packages to switch in besides the test's own project;
    ``race_timeouts`` lets time-outs and sleeps end while other threads could still run.

    The test makes its own threads and objects. Calling it raises :class:`InterleavingFailure`
    when a schedule breaks it, and :class:`HuntInconclusiveError` when the hunt has no answer.
    """
    asked = wishes_from(wishes, "@lab.interleave")
    if function is not None:
        return decorated(function, asked)
    return lambda later: decorated(later, asked)


def decorated(function: Any, asked: Wishes) -> Any:
    """Return ``function`` as one that hunts; a test of Hypothesis is hunted for each input."""
    _check(function)
    of_hypothesis = getattr(function, "hypothesis", None)
    if of_hypothesis is not None:
        of_hypothesis.inner_test = _hunting(of_hypothesis.inner_test, asked)
        return function
    return _hunting(function, asked)


def _check(function: Any) -> None:
    what = getattr(function, "__qualname__", repr(function))
    if inspect.isclass(function) or not callable(function):
        raise UsageError(
            f"@lab.interleave on {what}", wanted="a test function, or the methods of a class"
        )


def _hunting(function: Test, asked: Wishes) -> Test:
    if wishes_of(function) is not None:
        return function  # decorated twice
    if asynchronous(function):
        return _refusing(function, asked)

    @functools.wraps(function)
    def hunted(*args: Any, **kwargs: Any) -> None:
        __tracebackhide__ = True
        name = name_of(function)
        call = Call(function, args, kwargs)
        try:
            answer = conduct(call, asked, name)
        except HuntsItselfError:
            return
        bare = not args and not kwargs
        settle(answer, functools.partial(replay_line, function if bare else None, name))

    setattr(hunted, MARK, asked)
    return hunted


def _refusing(function: Test, asked: Wishes) -> Test:
    """Return a test that cannot be hunted as one that says so: the others of its module can."""

    @functools.wraps(function)
    def refused(*_args: Any, **_kwargs: Any) -> None:
        __tracebackhide__ = True
        raise refusal(function, "@lab.interleave on")

    setattr(refused, MARK, asked)
    return refused


def settle(answer: Answer, replay: Callable[[str], str]) -> None:
    """Raise what the answer calls for; ``replay`` makes the line that repeats a token."""
    __tracebackhide__ = True
    result = answer.result
    if result.found:
        text = failure_text(result, replay(result.schedule or ""), kept=answer.kept)
        raise InterleavingFailure(result, text) from _original(answer)
    if answer.inconclusive:
        raise HuntInconclusiveError(result, answer.inconclusive)


def _original(answer: Answer) -> BaseException | None:
    """Return the test's own exception without the lab's frames, or its traceback in words."""
    failure = answer.result.failure
    if answer.cause is not None:
        return answer.cause.with_traceback(_users_part(answer.cause.__traceback__))
    if failure is None or failure.edges or failure.blocked:
        return None
    return ThreadFailedError(users_traceback(failure.detail))


def _users_part(trace: Any) -> Any:
    ours = str(Path(__file__).parent)
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(ours):
        trace = trace.tb_next
    return trace


def replay_line(function: Test | None, name: str, token: str) -> str:
    """Return the command that repeats ``token``; ``function`` is None when it takes arguments."""
    if function is not None and "<locals>" not in name and Path(file_of(function)).exists():
        return shlex.join(["lab", "replay", token, name])
    again = [Path(sys.orig_argv[0]).name, *sys.orig_argv[1:]] if sys.orig_argv else ["python"]
    return f"{REPLAY}={token} {shlex.join(again)}"
