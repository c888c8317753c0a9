"""A test that hung, as the watcher writes it down and the session, or xdist's controller, reads it.

It has a file of its own in the folder that the session and its watchers share.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from lab.model import Dump
from lab.plugin.phase import HANG
from lab.report.terminal import told
from lab.report.words import CAUSES, place, visible

PROVED: Final = "deadlock proved: nothing in its process tree can ever run again"
MOST: Final = 12
"""How many threads that wait for nothing known are named."""


class Hang(msgspec.Struct, frozen=True, kw_only=True):
    """One hung phase of one test.

    ``phase`` is ``setup``, ``call`` or ``teardown``, ``location`` what pytest's reports call so:
    file, line, and the name within the file. ``why`` says how the hang is known, ``text`` is the
    whole diagnosis in words, and ``dump`` what was seen, if anything could be.
    """

    test: str
    phase: str
    location: tuple[str, int | None, str]
    why: str
    text: str
    dump: Dump | None = None


def file_of(folder: Path, who: str, number: int) -> Path:
    """Return where the hang in phase ``number`` of the worker ``who`` is written down."""
    return folder / f"{who}-{number}{HANG}"


def write(path: Path, hang: Hang) -> None:
    """Write ``hang`` at once or not at all."""
    new = path.with_suffix(".new")
    new.write_bytes(msgspec.json.encode(hang))
    new.rename(path)


def hangs_in(folder: Path) -> list[Hang]:
    """Return the hangs of a session in the order in which they were found."""
    found = sorted(folder.glob(f"*{HANG}"), key=lambda path: path.stat().st_mtime_ns)
    return [msgspec.json.decode(path.read_bytes(), type=Hang) for path in found]


def text_of(test: str, phase: str, why: str, dump: Dump | None, failure: str) -> str:
    """Return the diagnosis in words; ``failure`` says why there is none."""
    lines = [f"{test} hung in its {phase}: {why}"]
    lines += list(_cause(dump)) if dump else [f"it could not be read from outside: {failure}"]
    return "\n".join(lines)


def _cause(dump: Dump) -> Iterator[str]:
    found = dump.diagnosis
    yield f"{CAUSES[found.cause]}: {visible(found.headline)}"
    for indent, line in told(found):
        if line.plain != visible(found.headline):
            yield " " * indent + line.plain
    waiting = {edge.waiter for edge in found.edges}
    for thread in [each for each in dump.threads if each.at and each.actor not in waiting][:MOST]:
        yield f"  {visible(thread.label)} is at {visible(place(thread.at))}"


def print_hangs(reporter: Any, hangs: Sequence[Hang]) -> None:
    """Print a line for each test that hung, and tell the CI system where the culprits are."""
    reporter.section("hung tests", sep="-")
    for hang in hangs:
        reporter.line(f"{hang.test} ({hang.phase}): {hang.why}")
    if os.environ.get("GITHUB_ACTIONS") == "true":
        from lab.report.github import dump_notice, publish

        seen = [(hang.test, hang.dump) for hang in hangs if hang.dump is not None]
        publish([dump_notice(dump, test, os.environ) for test, dump in seen], environ=os.environ)
