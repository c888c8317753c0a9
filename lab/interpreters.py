"""The interpreters that a program can be run on; the lab itself stays on its own."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from lab import facts
from lab.errors import UsageError
from lab.model import Interpreter
from lab.scenario import StartMethod

OLDEST = (3, 12)
_LIMIT_S = 20.0


def own() -> Interpreter:
    """Return the interpreter that the lab runs on."""
    return _interpreter(facts.facts())


def probe(command: str) -> Interpreter:
    """Return what the interpreter ``command``, a path or a name on ``PATH``, is.

    Raises :class:`UsageError` when it cannot be executed, does not answer as Python does, or is
    older than 3.12, which scenarios are written for.
    """
    executable = shutil.which(command)
    if executable is None:
        raise UsageError(
            f"--python {command}: there is no such command", wanted="the path of an interpreter"
        )
    try:
        done = subprocess.run(
            [executable, "-I", facts.__file__],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
            check=False,
        )
        answer = json.loads(done.stdout)
    except OSError as error:
        raise UsageError(f"--python {command}: {error.strerror}") from error
    except subprocess.TimeoutExpired:
        raise UsageError(f"--python {command}: no answer within {_LIMIT_S:g} s") from None
    except ValueError:
        raise UsageError(
            f"--python {command}: it said {_said(done.stderr)!r}", wanted="an interpreter of Python"
        ) from None
    return _interpreter(answer, command)


def _said(text: str) -> str:
    """Return the line of a complaint that says most: of a traceback the last, else the first."""
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["nothing"]
    return lines[-1 if lines[0].startswith("Traceback") else 0][:120]


def _interpreter(answer: dict[str, Any], command: str = "") -> Interpreter:
    suffix = "t" if answer["free_threaded"] else ""
    if tuple(answer["version"]) < OLDEST:
        raise UsageError(
            f"--python {command} is Python {answer['python']}", wanted="Python 3.12 or newer"
        )
    return Interpreter(
        label=f"{answer['python']}{suffix}",
        executable=answer["executable"],
        python=answer["python"],
        implementation=answer["implementation"],
        gil=answer["gil"],
        start_method=StartMethod(answer["start_method"]),
        memray=answer["memray"],
    )


def choose(commands: Sequence[str]) -> tuple[Interpreter, ...]:
    """Return an interpreter for each of ``commands``, or the lab's own; no label comes twice.

    Raises :class:`UsageError` when one cannot be used, or is given twice.
    """
    if not commands:
        return (own(),)
    found = [probe(command) for command in commands]
    executables = Counter(each.executable for each in found)
    for executable, times in executables.items():
        if times > 1:
            raise UsageError(
                f"--python {executable} was given twice", wanted="each interpreter once"
            )
    labels = Counter(each.label for each in found)
    return tuple(each if labels[each.label] == 1 else _named_by_path(each) for each in found)


def _named_by_path(interpreter: Interpreter) -> Interpreter:
    label = f"{interpreter.label} {interpreter.executable}"
    return msgspec.structs.replace(interpreter, label=label)
