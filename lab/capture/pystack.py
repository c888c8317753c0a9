"""Stacks by pystack, for interpreters that py-spy cannot read; it prints text only.

pystack stops the process while it reads (it has a mode that does not, which free-threaded builds
do not get through reliably), so the time it takes is reported as the pause.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

from lab.capture.command import Stacks, run_tool
from lab.model import Frame, Local, ThreadStack

NAME = "pystack"
_THREAD = re.compile(r"Traceback for thread (\d+) (?:\((.*?)\) )?\[(.*?)\]")
_FRAME = re.compile(r'\(Python\) File "(.*)", line (\d+), in (.*)')
_LOCAL = re.compile(r"\s{8}([A-Za-z_.]\w*): (.*)")
_KIND = re.compile(r"<([A-Za-z_]\w*) at 0x")
_ADDRESS = re.compile(r" at 0x([0-9a-f]+)>$")


def dump(pid: int, *, deadline: float) -> Stacks:
    """Return the stacks of process ``pid``; raises :class:`CannotReadStacksError`."""
    started = time.monotonic()
    text = run_tool(NAME, ["remote", str(pid), "--locals"], pid=pid, deadline=deadline)
    paused = time.monotonic() - started
    return Stacks(tuple(parse(text, pid)), tool=NAME, paused_s=paused, bytes=len(text))


def parse(text: str, pid: int) -> Iterator[ThreadStack]:
    """Yield the threads of a ``pystack remote --locals``. The pthread handle is not in it."""
    for block in re.split(r"(?=^Traceback for thread )", text, flags=re.MULTILINE):
        if head := _THREAD.match(block):
            frames = tuple(_frames(block))[::-1]
            yield ThreadStack(
                pid=pid,
                tid=int(head[1]),
                ident=0,
                name="" if int(head[1]) != pid else "MainThread",
                frames=frames,
                owns_gil="Has the GIL" in head[3],
            )


def _frames(block: str) -> Iterator[Frame]:
    """Yield the frames of one thread, outermost first, as they are printed."""
    for part in re.split(r"(?=^ {4}\(Python\) File )", block, flags=re.MULTILINE):
        if head := _FRAME.match(part.lstrip()):
            variables = tuple(_locals(part))
            yield Frame(
                function=_qualified(head[3], variables),
                file=head[1],
                line=int(head[2]),
                locals=variables,
            )


def _qualified(function: str, variables: tuple[Local, ...]) -> str:
    """Return ``Thread.join`` for ``join``, which is all that is printed, going by its ``self``.

    A method that a subclass inherits is put under the name of the subclass.
    """
    own = next((one for one in variables if one.name == "self"), None)
    kind = _KIND.match(own.text) if own else None
    return f"{kind[1]}.{function}" if kind else function


def _locals(part: str) -> Iterator[Local]:
    arguments = False
    for line in part.splitlines():
        if line.strip() in ("Arguments:", "Locals:"):
            arguments = line.strip() == "Arguments:"
        elif match := _LOCAL.match(line):
            address = _ADDRESS.search(match[2])
            yield Local(
                name=match[1],
                text=match[2],
                address=int(address[1], 16) if address else None,
                argument=arguments,
            )
