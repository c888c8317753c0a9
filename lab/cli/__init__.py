"""The command line: parse, call, print, choose the exit code. Nothing is decided here.

Every command imports what it needs when it is called, so that ``lab --help`` stays quick.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Iterator

from lab.errors import ExitCode, LabError

TYPE_CHECKING = False  # known to type checkers; importing typing takes time
if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn

    from typer import TyperException


def main() -> NoReturn:
    """Run the command line and exit with one of the lab's exit codes."""
    if sys.argv[1:2] != ["watch"]:  # which hands its streams on to the command as they are
        from lab.cli.streams import make_usable

        make_usable()
    sys.exit(run_command_line(sys.argv[1:]))


def run_command_line(arguments: list[str]) -> int:
    """Run one command and return its exit code; errors become one line on stderr."""
    if arguments[:1] == ["watch"]:
        done = _watch(arguments[1:])
        if done is not None:
            return done
    import typer

    from lab.cli.hunting import app

    try:
        with _signals_interrupt():
            outcome = app(args=arguments, prog_name="lab", standalone_mode=False)
            sys.stdout.flush()  # here, where it may fail with a word
    except LabError as error:
        return _complain(error.line(), error.exit_code)
    except typer.TyperException as error:
        return _complain(_usage_line(error), ExitCode.USAGE)
    except (OSError, UnicodeEncodeError) as error:
        return _not_written(error)
    except SystemExit as end:  # typer's, for a reader that has gone; 1 would mean: deviated
        if isinstance(end.__context__, BrokenPipeError):
            return _not_written(end.__context__)
        raise
    except Exception as error:  # noqa: BLE001 - the last line of defence: a bug becomes exit code 3
        return _internal(error)
    if outcome == ExitCode.INTERRUPTED:  # what typer makes of a KeyboardInterrupt
        return _complain("interrupted; nothing was left running", ExitCode.INTERRUPTED)
    return outcome if isinstance(outcome, int) else int(ExitCode.EXPECTED)


def _not_written(error: OSError | UnicodeEncodeError) -> int:
    """Say what could not be written, where that is nobody's bug."""
    if isinstance(error, UnicodeEncodeError):
        # A name that is no UTF-8 comes from the system with its odd bytes as lone surrogates.
        seen = ascii(error.object[-80:])
        return _complain(f"{seen} is no UTF-8; wanted: names that are", ExitCode.USAGE)
    if error.errno not in (errno.EPIPE, errno.ENOSPC):
        return _internal(error)
    from lab.cli.streams import abandon_stdout

    abandon_stdout()
    if error.errno == errno.EPIPE:  # the reader of our output has gone: there is nobody to tell
        return int(ExitCode.EXPECTED)
    return _complain("no space left for the output; try: another place", ExitCode.INCONCLUSIVE)


def _watch(words: list[str]) -> int | None:
    """Run ``lab watch`` without what every other command waits for, or leave it to typer."""
    from lab.cli.watch import run_watch

    try:
        return run_watch(words)
    except LabError as error:
        return _complain(error.line(), error.exit_code)
    except Exception as error:  # noqa: BLE001 - the last line of defence: a bug becomes exit code 3
        return _internal(error)


def _usage_line(error: TyperException) -> str:
    message = " ".join(error.format_message().split()).rstrip(".")
    # What was typed is not in the message of a value of the wrong type, only in its cause.
    message = message.replace("Value error, ", "").partition(", unable to parse")[0]
    for cause in getattr(error.__context__, "errors", list)()[:1]:
        seen = repr(cause.get("input", ""))
        message += "" if seen in message else f", not {seen}"
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "lab"
    return f"{message}; try: {path} --help"


def _internal(error: Exception) -> int:
    import traceback

    if os.environ.get("LAB_TRACEBACK"):
        traceback.print_exc()
    where = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{os.path.basename(where.filename)}:{where.lineno}"  # noqa: PTH119 - no import for it
    text = f"internal error: {type(error).__name__}: {error} ({place})"
    hint = "the same with LAB_TRACEBACK=1 in the environment, and report what it prints"
    return _complain(f"{text}; try: {hint}", ExitCode.INTERNAL)


def _complain(line: str, code: int) -> int:
    with contextlib.suppress(OSError):
        print(f"lab: {' '.join(line.split())}", file=sys.stderr)
    return int(code)


@contextlib.contextmanager
def _signals_interrupt() -> Iterator[None]:
    """Make SIGTERM and SIGHUP end the lab as Ctrl-C does: by way of reaping the target."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous = {name: signal.signal(name, interrupt) for name in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for name, handler in previous.items():
            signal.signal(name, handler)
