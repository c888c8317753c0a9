"""The standard streams as the commands count on them: open, and able to take any text."""

from __future__ import annotations

import io
import os
import sys


def make_usable() -> None:
    """Put ``/dev/null`` in place of each stream that is closed; let none fail over a character.

    A file that is opened later would get the number of a closed stream, and with it whatever a
    child prints. Where the terminal's encoding lacks a sign, a question mark stands for it.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        _open(number)
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - it stays
        elif mode == "w" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _open(number: int) -> None:
    """Take the lowest free number, which is this one if it is free: those below are open."""
    try:
        os.fstat(number)
    except OSError:
        os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def abandon_stdout() -> None:
    """Let what is still to be written go nowhere: flushing it would only fail once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
