"""Links from the page to what lies beside it in the run directory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from lab.model import RunRecord, Trial
from lab.store import HEADER, HISTORY, RESULT


@dataclass(frozen=True)
class File:
    """One file of the run directory."""

    path: str
    href: str
    """Relative to the page; empty when the file is not there, or lies outside the directory."""
    bytes: int | None
    digest: str
    """Its SHA-256 as it was recorded, in hexadecimal; empty when none was."""


def run_files(record: RunRecord) -> list[File]:
    """Return the files that every run has, as far as they are there."""
    files = (describe(record, name) for name in (HEADER, HISTORY, RESULT))
    return [file for file in files if file.bytes is not None]


def trial_files(record: RunRecord, trials: Iterable[Trial | None]) -> list[File]:
    """Return every file that was recorded for some trials, in order of their names."""
    hashes = record.result.hashes if record.result else {}
    names: set[str] = set()
    for trial in trials:
        if trial is not None:
            names |= set(_named(trial))
            names |= {name for name in hashes if trial.id in PurePosixPath(name).parts}
    return [describe(record, name) for name in sorted(names)]


def _named(trial: Trial) -> Iterable[str]:
    for capture in trial.captures:
        yield from capture.artifacts
    for stream in trial.output:
        yield from filter(None, [stream.artifact])
    for use in trial.heap:
        yield from filter(None, [use.artifact, use.flamegraph])


def describe(record: RunRecord, name: str) -> File:
    """Return what is known of one file, named relative to the run directory."""
    path = PurePosixPath(name)
    inside = not path.is_absolute() and ".." not in path.parts
    count = _bytes(Path(record.directory) / name) if inside else None
    digest = record.result.hashes.get(name, "") if record.result else ""
    href = f"./{quote(name)}" if count is not None else ""
    return File(name, href, count, digest.removeprefix("sha256:"))


def _bytes(path: Path) -> int | None:
    try:
        return path.stat().st_size if path.is_file() else None
    except (OSError, ValueError):
        return None
